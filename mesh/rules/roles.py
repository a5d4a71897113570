"""Remotes: each has a primary in the stack that it can reach, and what is that primary's is set there."""

from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import ServiceType
from mesh.plan import has_gateway

_SEE = "docs/networks-and-roles.md#primary-and-remote"
_OF_THE_PRIMARY = ("trust.intermediate", "exposure")


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each remote that could not be served, or that sets what it cannot have."""
    for cluster in config.clusters.values():
        path = f"clusters.{cluster.name}"
        if cluster.control_plane is None:
            if cluster.control_plane_address is not None:
                yield Problem(
                    path=f"{path}.controlPlaneAddress",
                    message="is for a cluster that another one's control plane serves; expected "
                    f"controlPlane, too ({_SEE})",
                )
            continue
        primary = config.clusters.get(cluster.control_plane)
        if primary is None or primary.control_plane is not None:
            yield Problem(path=f"{path}.controlPlane", message=_no_primary(config, cluster))
            continue
        yield from _way(config, cluster, primary)
        yield from _settings(cluster, primary)
    yield from _waves(config)


def _no_primary(config: StackConfig, cluster: ClusterConfig) -> str:
    name = str(cluster.control_plane)
    primaries = [n for n, c in config.clusters.items() if c.control_plane is None]
    expected = f"expected a cluster of this stack with a control plane of its own: {', '.join(primaries)}"
    if name == cluster.name:
        return f"a cluster's own control plane is its default; leave it out, or {expected}"
    if name in config.clusters:
        other = config.clusters[name].control_plane
        return f"{name} has no control plane of its own, but that of {other}; {expected} ({_SEE})"
    return f"there is no cluster {name!r}; {expected} ({_SEE})"


def _way(config: StackConfig, cluster: ClusterConfig, primary: ClusterConfig) -> Iterator[Problem]:
    """Whether the remote reaches its control plane, by an IP address and on two ports."""
    path = f"clusters.{cluster.name}.controlPlaneAddress"
    if cluster.control_plane_address is not None:
        if not _is_ip(cluster.control_plane_address):
            yield Problem(
                path=path,
                message=f"{cluster.control_plane_address!r} is a host name, and the API server could not "
                f"have pods injected by it; expected an IP address, for example 198.51.100.7 ({_SEE})",
            )
        return
    expected = f"expected that, or an address here that leads to it on the ports 15012 and 15017 ({_SEE})"
    begin = f"{cluster.name} reaches the control plane of {primary.name} by its gateway"
    if not has_gateway(config, primary.name):
        yield Problem(path=path, message=f"{begin}, which is turned off; {expected}")
    elif primary.gateway.addresses:
        if not _is_ip(primary.gateway.addresses[0].address):
            yield Problem(
                path=path,
                message=f"{begin}, whose first address is a host name, by which the API server could not "
                f"have pods injected; expected an IP address, there or here ({_SEE})",
            )
    elif primary.gateway.service.type != ServiceType.LOAD_BALANCER:
        yield Problem(
            path=path,
            message=f"{begin}, whose Service of the type {primary.gateway.service.type} has no address with "
            f"those ports; expected a LoadBalancer, gateway.addresses there, or an address here ({_SEE})",
        )


def _settings(cluster: ClusterConfig, primary: ClusterConfig) -> Iterator[Problem]:
    for setting in _OF_THE_PRIMARY:
        if cluster.sets(setting):
            yield Problem(
                path=f"clusters.{cluster.name}.{setting}",
                message=f"is that of {primary.name}, whose control plane serves {cluster.name}; expected it "
                f"in clusters.{primary.name} ({_SEE})",
            )
    if cluster.istio.version != primary.istio.version:
        yield Problem(
            path=cluster.path("istio.version"),
            message=f"{cluster.name} has {cluster.istio.version}, and {primary.name}, whose control plane "
            f"serves it, {primary.istio.version}; expected the same for both",
        )


def _waves(config: StackConfig) -> Iterator[Problem]:
    """In a rollout, a remote is not before its primary: proxies are not newer than their control plane."""
    number = {name: index for index, wave in enumerate(config.waves) for name in wave}
    for name, index in number.items():
        cluster = config.clusters.get(name)
        primary = cluster.control_plane if cluster else None
        if primary is not None and index < number.get(primary, len(config.waves) - 1):
            yield Problem(
                path=f"rollout.waves.{index}",
                message=f"{name} is in it, and {primary}, whose control plane serves it, in a later one; "
                f"expected {name} with {primary}, or after it",
            )


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
