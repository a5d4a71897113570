"""What `python -m mesh check` checks, and what came of it. Pure.

Where an API server gives no answer, all else of that cluster is skipped, and the links from and to it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from mesh.health import (
    ambient,
    control_plane,
    discovery,
    enrolment,
    gateways,
    inside,
    members,
    mesh_config,
    networks,
    revisions,
    revocation,
    supported,
    tokens,
    trust,
    workloads,
)
from mesh.health.chains import Chain, Check, judged
from mesh.health.finding import Finding
from mesh.health.report import CheckResult, PeerGateway
from mesh.live.facts import ClusterFacts, PairFacts
from mesh.live.inspected import ClusterInspection, LinkInspection, MeshInspection

_API = "API servers"
_CONTROL_PLANE = "Control planes"
_TRUST = "Trust"
_GATEWAYS = "Gateways"
_AMBIENT = "Ambient"
_WORKLOADS = "Workloads"
_REVISIONS = "Revisions"
_DISCOVERY = "Discovery"
_PEERS = "Peers"


def _facts(judge: Callable[[ClusterFacts], Finding | None]) -> Callable[[ClusterInspection], Finding | None]:
    return lambda cluster: judge(cluster.facts)


def _pair(judge: Callable[[PairFacts], Finding | None]) -> Callable[[LinkInspection], Finding | None]:
    return lambda link: judge(link.pair)


def _kubernetes(cluster: ClusterInspection) -> Finding | None:
    following = cluster.facts.next
    versions = (cluster.istio, following.version) if following else (cluster.istio,)
    found = (supported.kubernetes(cluster.facts.name, istio, cluster.kubernetes) for istio in versions)
    return next((finding for finding in found if finding), None)


def cluster_chains(now: datetime) -> tuple[Chain[ClusterInspection], ...]:
    """The checks of a cluster whose API server answers."""

    def on(
        subject: str, name: str, judge: Callable[[ClusterInspection], Finding | None]
    ) -> Check[ClusterInspection]:
        return Check(subject=subject, name=name, judge=judge)

    return (
        (on(_API, "Istio supports the version of Kubernetes", _kubernetes),),
        (
            on(_CONTROL_PLANE, "istiod has a ready pod", _facts(control_plane.istiod_down)),
            on(
                _CONTROL_PLANE,
                "istiod has the mesh configuration of the stack",
                _facts(mesh_config.not_loaded),
            ),
            on(_CONTROL_PLANE, "new pods get a proxy of this cluster", workloads.injection_fails),
            on(
                _CONTROL_PLANE,
                "new pods get it from the control plane that serves",
                revisions.injection_not_moved,
            ),
            on(_CONTROL_PLANE, "injection could be tried", workloads.injection_not_tried),
            on(_CONTROL_PLANE, "Istio's objects are checked by istiod", workloads.validation_fails),
        ),
        (on(_CONTROL_PLANE, "istiod and gateway log no errors", control_plane.errors_logged),),
        (
            on(_TRUST, "the intermediate CA is usable", _facts(lambda c: trust.unusable(c, now))),
            on(_TRUST, "CA certificates are far from their end", _facts(lambda c: trust.expires(c, now))),
            on(_TRUST, "workloads get the CRLs of cacerts", _facts(revocation.not_loaded)),
            on(_TRUST, "CRLs do not expire soon", _facts(lambda c: revocation.expires(c, now))),
        ),
        (on(_TRUST, "the reader's token is not old", lambda c: tokens.old(c, now)),),
        (
            on(_GATEWAYS, "the gateway has a Service and a ready pod", _facts(gateways.gateway_down)),
            on(_GATEWAYS, "the gateway has an address", _facts(gateways.gateway_without_address)),
            on(_GATEWAYS, "peers use the addresses of the stack", _facts(gateways.addresses_not_used)),
        ),
        (
            on(_GATEWAYS, "a Gateway exposes what the stack exposes", _facts(gateways.not_exposed)),
            on(_GATEWAYS, "it exposes the Services that have the labels now", gateways.exposure_outdated),
        ),
        (on(_GATEWAYS, "istio-system has the network's label", _facts(gateways.network_label)),),
        (on(_GATEWAYS, "no Gateway is for a network that is gone", members.orphaned_gateway),),
        (on(_PEERS, "connections to peers could be tried", networks.not_tried),),
        (on(_WORKLOADS, "proxies have this network and cluster", workloads.stale),),
        (on(_WORKLOADS, "at most one control plane injects a pod", revisions.injectors_overlap),),
        (on(_WORKLOADS, "namespaces name revisions that exist", revisions.namespace_revision_unknown),),
        (
            on(_WORKLOADS, "proxies belong to a control plane that exists", revisions.unserved),
            on(_WORKLOADS, "proxies have a version that their control plane supports", revisions.skewed),
            on(_WORKLOADS, "proxies have the version that new pods get", workloads.old),
        ),
        (on(_DISCOVERY, "no remote secret is for a cluster that is not seen", members.orphaned_secret),),
    )


def next_chains() -> tuple[Chain[ClusterInspection], ...]:
    """Further checks of a cluster that moves to another control plane."""

    def on(name: str, judge: Callable[[ClusterInspection], Finding | None]) -> Check[ClusterInspection]:
        return Check(subject=_REVISIONS, name=name, judge=judge)

    return (
        (on("the next istiod has a ready pod", _facts(control_plane.next_istiod_down)),),
        (on("both sign with the intermediate CA in cacerts", revisions.cacerts_not_loaded),),
        (on("in the phase moved, the next istiod serves all proxies", revisions.not_moved),),
    )


def next_link_chains() -> tuple[Chain[LinkInspection], ...]:
    """Further checks of a link from such a cluster."""
    synced = Check(
        subject=_REVISIONS,
        name="the next istiod is in sync with the peer",
        judge=_pair(discovery.next_not_synced),
    )
    return ((synced,),)


def ambient_chains() -> tuple[Chain[ClusterInspection], ...]:
    """The checks of a cluster with ambient workloads, beside those of every cluster."""

    def on(name: str, judge: Callable[[ClusterInspection], Finding | None]) -> Check[ClusterInspection]:
        return Check(subject=_AMBIENT, name=name, judge=judge)

    return (
        (
            on("the CNI plugin is ready on all nodes", _facts(ambient.cni_not_ready)),
            on("ztunnel has this cluster", _facts(ambient.ztunnel_cluster)),
            on("ztunnel is ready on all nodes", _facts(ambient.ztunnel_not_ready)),
            on("ztunnel has this network", _facts(ambient.ztunnel_network)),
            on("ztunnel is connected to istiod", _facts(ambient.ztunnel_not_connected)),
            on("pods with the label are enrolled", enrolment.pods_missed),
        ),
        (on("pods of global Services are in the mesh", enrolment.global_without_enrolment),),
        (
            on("there are definitions of the Gateway API", _facts(ambient.gateway_api_missing)),
            on("the gateway for ambient workloads has a ready pod", _facts(ambient.hbone_gateway_down)),
            on("peers find it as the gateway of this network", _facts(ambient.hbone_gateway_changed)),
            on("it has an address", _facts(ambient.hbone_gateway_without_address)),
        ),
        (on("waypoints have a ready pod", enrolment.waypoint_down),),
        (on("istiod takes all policies", enrolment.policy_refused),),
    )


def ambient_link_chains() -> tuple[Chain[LinkInspection], ...]:
    """The checks of a link between two clusters with ambient workloads, beside those of every link."""

    def on(name: str, judge: Callable[[LinkInspection], Finding | None]) -> Check[LinkInspection]:
        return Check(subject=_AMBIENT, name=name, judge=judge)

    return (
        (on("the given address of the peer's gateway is known", _pair(ambient.addresses_not_told)),),
        (on("Services are global in both, or in none", enrolment.global_on_one_side),),
        (on("waypoints are in both, or in none", enrolment.waypoint_on_one_side),),
        (on("policies for waypoints are the same", enrolment.policies_differ),),
    )


def link_chains(now: datetime) -> tuple[Chain[LinkInspection], ...]:
    """The checks of a link between two clusters whose API servers answer."""

    def on(
        subject: str, name: str, judge: Callable[[LinkInspection], Finding | None]
    ) -> Check[LinkInspection]:
        return Check(subject=subject, name=name, judge=judge)

    return (
        (
            on(_DISCOVERY, "there is a remote secret", _pair(discovery.remote_secret_missing)),
            on(_DISCOVERY, "istiod finds the remote secret", _pair(discovery.remote_secret_ignored)),
            on(
                _DISCOVERY,
                "its client certificate is valid",
                _pair(lambda facts: discovery.client_certificate_invalid(facts, now)),
            ),
            on(_DISCOVERY, "it leads to the peer's API server", _pair(discovery.peer_api_server_refuses)),
            on(_DISCOVERY, "the peer takes its token", _pair(discovery.token_refused)),
            on(_DISCOVERY, "its token may read what istiod needs", _pair(discovery.reader_denied)),
            on(_DISCOVERY, "the peer's API server is reached from inside", inside.api_server_unreachable),
            on(_DISCOVERY, "every istiod is in sync with the peer", _pair(discovery.remote_not_synced)),
        ),
        (
            on(
                _DISCOVERY,
                "its client certificate is far from its end",
                _pair(lambda facts: discovery.client_certificate_expires(facts, now)),
            ),
        ),
        (on(_DISCOVERY, "its token is far from its end", lambda link: tokens.expires(link, now)),),
        (
            on(_PEERS, "istiod has the addresses of the peer's gateway", _pair(gateways.addresses_not_told)),
            on(
                _PEERS,
                "the control plane of another cluster is reached from inside",
                networks.control_plane_unreachable,
            ),
        ),
        (
            on(_PEERS, "the peer's pods are reached from inside, in one network", networks.pods_unreachable),
            on(_PEERS, "the peer's gateway is reached from inside", inside.gateway_unreachable),
            on(_PEERS, "the peer's gateway leads to its services", inside.passes_nothing),
            on(_PEERS, "the peer's services show a certificate that is trusted", inside.distrusted),
        ),
        (
            on(_PEERS, "the peer's CA is trusted", _pair(trust.different_roots)),
            on(_PEERS, "CRLs, if any, include those of the peer's CAs", _pair(revocation.missing)),
        ),
        (on(_PEERS, "the clocks agree", members.clocks_differ),),
        (on(_PEERS, "services have the same ports", members.ports_differ),),
    )


def results(mesh: MeshInspection, offline: Sequence[str], now: datetime) -> Iterator[CheckResult]:
    """What came of every check, clusters first; hints leave clusters that are offline alone."""
    answering = Check(
        subject=_API, name="the API server answers", judge=_facts(control_plane.api_server_unreachable)
    )
    known = Check(
        subject=_CONTROL_PLANE, name="the control plane can be read", judge=_facts(control_plane.not_checked)
    )
    chains = cluster_chains(now)
    for name, cluster in mesh.clusters.items():
        yield from judged((answering, known), cluster, name, offline=offline)
        closed = bool(
            cluster.facts.unreachable or cluster.facts.refused or cluster.facts.control_plane_unknown
        )
        ambient_ones = ambient_chains() if cluster.facts.data_plane.has_ztunnel else ()
        for chain in (*chains, *(next_chains() if cluster.facts.next else ()), *ambient_ones):
            yield from judged(chain, cluster, name, offline=offline, skipped=closed)
    for pair, link in mesh.links.items():
        both = all(c.facts.data_plane.has_ztunnel for c in (link.caller, link.target))
        following = next_link_chains() if link.caller.facts.next else ()
        for chain in (*link_chains(now), *following, *(ambient_link_chains() if both else ())):
            yield from judged(chain, link, pair.caller, pair.target, offline=offline)


def connections(mesh: MeshInspection) -> Iterator[PeerGateway]:
    """How each cluster reaches the gateways of its peers."""
    for pair, link in mesh.links.items():
        for reach in link.gateways:
            if reach.failure is None:
                yield PeerGateway(
                    cluster=pair.caller,
                    peer=pair.target,
                    address=reach.address,
                    connect_ms=reach.connect_ms,
                )
