"""Whether pods can go on where a cluster gets another data plane, or loses one. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.config.types import DataPlane
from mesh.istio.names import DATA_PLANE_LABEL, ZTUNNEL
from mesh.live.facts import ProxiedPods
from mesh.stacks.state import RELEASE, RecordedState

_BACK = "docs/runbooks/sidecar-to-ambient.md#back-to-sidecars"
_FORWARD = "docs/runbooks/sidecar-to-ambient.md"
_NAMED = 5


def used(config: StackConfig, recorded: RecordedState) -> tuple[str, ...]:
    """The names of the clusters whose pods count: those with ztunnel now, or after the update.

    Those without an entry any more are among them, as far as the state says how to reach them.
    """
    here = [
        name
        for name, cluster in config.online.items()
        if cluster.data_plane.has_ztunnel or _has_ztunnel(name, recorded)
    ]
    gone = [n for n in recorded.connections if n not in config.clusters and _has_ztunnel(n, recorded)]
    return (*here, *(name for name in gone if name not in recorded.away))


def problems(config: StackConfig, pods: Mapping[str, ProxiedPods]) -> Iterator[Problem]:
    """Each cluster of which pods would lose their network, or the others' answers.

    Args:
        config: of the stack.
        pods: those of the clusters of `used`, by the cluster's name.
    """
    for name, found in pods.items():
        cluster = config.clusters.get(name)
        path = cluster.path("dataPlane") if cluster else f"clusters.{name}"
        if found.refused:
            yield Problem(
                path=path,
                message=f"the pods of {name} cannot be read: {found.refused}; expected a user in the "
                "kubeconfig who may list pods in all namespaces",
            )
        elif (cluster is None or not cluster.data_plane.has_ztunnel) and found.enrolled:
            yield Problem(path=path, message=enrolled(name, found.enrolled))
        elif cluster is not None and cluster.data_plane == DataPlane.AMBIENT and found.sidecars:
            yield Problem(
                path=path,
                message=f"{counted(found.sidecars)} of {name} have sidecars, which an ambient cluster does "
                f"without: other clusters would not reach them. Expected {DataPlane.BOTH}, until none has "
                f"one ({_FORWARD})",
            )


def warnings(config: StackConfig, pods: Mapping[str, ProxiedPods], recorded: RecordedState) -> Iterator[str]:
    """Sidecars from before the cluster had ztunnel: what they call in ambient pods is not encrypted."""
    for name, found in pods.items():
        cluster = config.clusters.get(name)
        if cluster is None or cluster.data_plane != DataPlane.BOTH or not _has_ztunnel(name, recorded):
            continue
        if found.without_hbone:
            yield (
                f"{counted(found.without_hbone)} of {name} have sidecars from before {name} had ztunnel: "
                "they call ambient pods in plain text, which these refuse where mutual TLS is required. "
                "Restart them, for example with `kubectl rollout restart deployment`, before pods that they "
                f"call become ambient ({_FORWARD})"
            )


def enrolled(cluster: str, pods: Mapping[str, int]) -> str:
    """Why ztunnel cannot go from a cluster, and what to do."""
    return (
        f"{counted(pods)} of {cluster} are ambient: without ztunnel they would have no network, until they "
        f"are made again. Remove the label {DATA_PLANE_LABEL} from their namespaces or from the pods, for "
        f"example with `kubectl label namespace {next(iter(pods))} {DATA_PLANE_LABEL}-`: they go on, in "
        f"plain text. Then run the same command again ({_BACK})"
    )


def _has_ztunnel(cluster: str, recorded: RecordedState) -> bool:
    return (RELEASE, f"{cluster}-{ZTUNNEL}") in recorded.urns


def counted(pods: Mapping[str, int]) -> str:
    """How many pods there are, and in which namespaces."""
    count, names = sum(pods.values()), list(pods)
    where = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    spaces = "namespace" if len(names) == 1 else "namespaces"
    return f"{count} {'pod' if count == 1 else 'pods'} in the {spaces} {where}"
