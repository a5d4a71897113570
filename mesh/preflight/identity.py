"""What a running member cannot change by an update: its proxies and its peers know it by that. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio import values
from mesh.istio.mesh_config import mistakes
from mesh.live.facts import ObservedCluster, ObservedControlPlane
from mesh.mappings import at

_RUNBOOK = "docs/runbooks/change-identity.md"
_ROLE = f"{_RUNBOOK}#role"
_DEFAULT_DOMAIN = "cluster.local"


def problems(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    """A problem for each network, cluster domain or trust domain that differs from that of a running istiod.

    Args:
        config: of the stack.
        clusters: its members as an update will find them.
    """
    for name, observed in clusters.items():
        if name not in config.clusters:
            continue
        cluster = config.clusters[name]
        running = observed.control_plane
        if (message := _role(cluster, observed)) is not None:
            yield Problem(path=f"clusters.{name}.controlPlane", message=f"{message}: {_ROLE}")
            continue
        yield from _network(cluster, running.network if running else observed.injected_network)
        if running is not None:
            yield from _cluster_domain(cluster, running)
    yield from _trust_domain(config, clusters)


def _role(cluster: ClusterConfig, observed: ObservedCluster) -> str | None:
    """Why the cluster cannot have the control plane of another one from now on, or its own."""
    wanted, there = cluster.control_plane, observed.primary
    if observed.control_plane is not None:
        running, instead = "a control plane of its own", "Leave it out"
        there = None
    else:
        running, instead = f"the control plane of {there}", f"Set it to {there!r}"
    if wanted == there or (observed.control_plane is None and there is None):
        return None
    begin = f"is {wanted!r}" if wanted else "is not set"
    return f"{begin}, and {cluster.name} runs with {running}. {instead}, or take the steps there"


def _network(cluster: ClusterConfig, running: str | None) -> Iterator[Problem]:
    if running and running != cluster.network:
        yield Problem(
            path=f"clusters.{cluster.name}.network",
            message=f"is {cluster.network!r}, and the cluster runs with {running!r}, which its "
            "proxies keep until they are restarted: calls would go to addresses that they cannot reach. Set "
            f"it to {running!r}, or take the steps in {_RUNBOOK}",
        )


def _cluster_domain(cluster: ClusterConfig, running: ObservedControlPlane) -> Iterator[Problem]:
    wanted = str(at(cluster.istio.values.istiod, "global", "proxy", "clusterDomain") or _DEFAULT_DOMAIN)
    if running.cluster_domain and running.cluster_domain != wanted:
        yield Problem(
            path=cluster.path("istio.values.istiod.global.proxy.clusterDomain"),
            message=f"is {wanted!r}, and istiod in {cluster.name} runs with {running.cluster_domain!r}: all "
            "services would get other names at once. It is a property of the Kubernetes cluster; set it to "
            f"{running.cluster_domain!r}, or take the steps in {_RUNBOOK}",
        )


def _trust_domain(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    """A new trust domain needs that every cluster takes it already, and goes on to take the old one."""
    wanted = config.mesh.trust_domain
    running = {
        name: mesh_config
        for name, observed in clusters.items()
        if name in config.clusters and observed.control_plane
        if (mesh_config := observed.control_plane.mesh_config).get("trustDomain")
    }
    changed = {
        name: str(found["trustDomain"]) for name, found in running.items() if found["trustDomain"] != wanted
    }
    if not changed:
        return
    name, old = next(iter(changed.items()))
    begin = (
        f"is {wanted!r}, and {name} runs with {old!r}: workloads with one would refuse those with the other"
    )
    if unknown := [c for c in config.clusters if (found := clusters.get(c)) and found.unreachable]:
        yield Problem(
            path="mesh.trustDomain",
            message=f"{begin}, and what {', '.join(unknown)} takes is not known; expected every cluster to "
            "be reachable",
        )
    elif not_yet := [c for c, found in running.items() if wanted not in _accepted(found)]:
        yield Problem(
            path="mesh.trustDomain",
            message=f"{begin}, and {', '.join(not_yet)} would not take {wanted!r} yet. Set it to {old!r}, or "
            f"take the steps in {_RUNBOOK}",
        )
    elif forgotten := [c for c in changed if old not in _accepted(_declared(config, c))]:
        yield Problem(
            path=config.clusters[forgotten[0]].path("istio.values.istiod.meshConfig.trustDomainAliases"),
            message=f"lacks {old!r}, by which the workloads in {', '.join(forgotten)} are known until they "
            f"are restarted; expected [{old}], as in {_RUNBOOK}",
        )


def _declared(config: StackConfig, cluster: str) -> Mapping[str, Any]:
    return values.istiod(config.clusters[cluster], config.mesh)["meshConfig"]


def _accepted(mesh_config: Mapping[str, Any]) -> tuple[str, ...]:
    """The trust domains that an istiod with that configuration lets its proxies take."""
    aliases: list[object] = mesh_config.get("trustDomainAliases") or []
    return tuple(map(str, (mesh_config.get("trustDomain"), *aliases)))


def dropped(running: ObservedControlPlane) -> str | None:
    """Why istiod has dropped the mesh configuration in its ConfigMap; None where it takes it."""
    return next((f"{m.path}: {m.message}" for m in mistakes(running.mesh_config) if not m.unknown), None)
