"""Whether the users' namespaces exist in which the stack makes something. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.live.facts import FoundObjects, ObjectAddress
from mesh.plan import cluster_plan
from mesh.samples import names as sample


def addresses(config: StackConfig, cluster: str) -> dict[ObjectAddress, str]:
    """The paths of the namespaces that must exist before the stack, and their names."""
    return {ObjectAddress(path=f"/api/v1/namespaces/{name}"): name for name in _needed(config, cluster)}


def _needed(config: StackConfig, cluster: str) -> dict[str, str]:
    """The namespaces, and where the stack file first names each of them."""
    own = config.clusters[cluster]
    found = {
        **{s.namespace: f"clusters.{cluster}.stubs.{i}.namespace" for i, s in enumerate(own.stubs)},
        **{n: f"waypoints.{config.waypoints.index(n)}" for n in cluster_plan(config, cluster).waypoints},
    }
    if own.hello_world.enabled:
        found.pop(sample.NAMESPACE, None)
    return found


def problems(config: StackConfig, found: Mapping[str, FoundObjects]) -> Iterator[Problem]:
    """A problem for each namespace that a cluster lacks.

    Args:
        config: of the stack.
        found: which of its `addresses` each cluster has, by the cluster's name.
    """
    for cluster, objects in found.items():
        needed = _needed(config, cluster)
        if objects.unknown:
            yield Problem(
                path=next(iter(needed.values())),
                message=f"cannot look for the namespaces in {cluster}: {objects.unknown}",
            )
            continue
        for address, name in addresses(config, cluster).items():
            if address not in objects.by_address:
                context = config.clusters[cluster].connection.context
                where = "every ambient cluster" if needed[name].startswith("waypoints") else "this cluster"
                yield Problem(
                    path=needed[name],
                    message=f"{cluster} has no namespace {name}; expected it in {where}: "
                    f"`kubectl --context {context} create namespace {name}`",
                )
