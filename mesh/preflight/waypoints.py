"""Whether the namespaces that are to have a waypoint are there. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.live.facts import FoundObjects, ObjectAddress
from mesh.plan import cluster_plan
from mesh.samples import names as sample


def addresses(config: StackConfig, cluster: str) -> dict[ObjectAddress, str]:
    """Where the namespaces are that must be in a cluster before the stack, and their names."""
    made = {sample.NAMESPACE} if config.clusters[cluster].hello_world.enabled else set[str]()
    needed = (name for name in cluster_plan(config, cluster).waypoints if name not in made)
    return {ObjectAddress(path=f"/api/v1/namespaces/{name}"): name for name in needed}


def problems(config: StackConfig, found: Mapping[str, FoundObjects]) -> Iterator[Problem]:
    """A problem for each namespace that a cluster lacks.

    Args:
        config: of the stack.
        found: which of its `addresses` each cluster has, by the cluster's name.
    """
    for cluster, objects in found.items():
        if objects.unknown:
            yield Problem(
                path="waypoints", message=f"cannot look for the namespaces in {cluster}: {objects.unknown}"
            )
            continue
        for address, name in addresses(config, cluster).items():
            if address not in objects.by_address:
                context = config.clusters[cluster].connection.context
                yield Problem(
                    path=f"waypoints.{config.waypoints.index(name)}",
                    message=f"{cluster} has no namespace {name}; expected it in every ambient cluster: "
                    f"`kubectl --context {context} create namespace {name}`",
                )
