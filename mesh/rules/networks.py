"""Ways between networks: where calls leave one, the other has a gateway that leads to the target."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.plan import callable_from, has_gateway, has_hbone_gateway, ways_in

_SEE = "docs/networks-and-roles.md"


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each cluster that callers on other networks have no way to."""
    for target, cluster in config.online.items():
        callers = [
            name
            for name, other in config.clusters.items()
            if other.network != cluster.network
            and not _let_in(config, name, target)
            and _calls(config, name, target)  # the longest of the three to find out
        ]
        if not callers:
            continue
        path = cluster.path("gateway.enabled")
        begin = f"{target} has no gateway, and {callers[0]} calls it from another network"
        ways = ways_in(config, callers[0], target)
        if not ways:
            yield Problem(
                path=path,
                message=f"{begin}; expected a gateway in a cluster of the network {cluster.network!r} "
                f"({_SEE})",
            )
        elif blind := [way for way in ways if not _calls(config, way, target)]:
            yield Problem(
                path=path,
                message=f"{begin} by that of {blind[0]}, which does not see {target}; expected a gateway in "
                f"{target}, or {target} in clusters.{blind[0]}.sees ({_SEE})",
            )


def _let_in(config: StackConfig, caller: str, target: str) -> bool:
    """Whether the target has a gateway for each kind of workloads that call it from the caller.

    Ambient ones call no sidecars of other clusters. Sidecars would wait for ambient pods, were there none.
    """
    planes = config.clusters[caller].data_plane, config.clusters[target].data_plane
    return (not planes[0].has_sidecars or has_gateway(config, target)) and (
        not all(plane.has_ztunnel for plane in planes) or has_hbone_gateway(config, target)
    )


def _calls(config: StackConfig, caller: str, target: str) -> bool:
    return target in callable_from(config, caller)
