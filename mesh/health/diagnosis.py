"""What is wrong between two clusters. Pure.

A check takes the facts about a pair and gives a finding, or None. Checks stand in chains, causes before their
effects: only the first finding of a chain is reported.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from mesh.health import (
    ambient,
    calls,
    control_plane,
    discovery,
    enrolment,
    gateways,
    mesh_config,
    networks,
    revocation,
    trust,
)
from mesh.health.finding import Finding
from mesh.live.facts import ClusterFacts, PairFacts

Check = Callable[[PairFacts], Finding | None]


def _of_both(check: Callable[[ClusterFacts], Finding | None]) -> Check:
    """What a check finds in the caller, or else in the target."""
    return lambda facts: check(facts.caller) or check(facts.target)


def _of_target(check: Callable[[ClusterFacts], Finding | None]) -> Check:
    """What a check finds in another cluster that is called: it is of no use to the cluster itself."""
    return lambda facts: check(facts.target) if facts.target.name != facts.caller.name else None


def _of_gateways(check: Callable[[ClusterFacts], Finding | None]) -> Check:
    """What a check finds in the clusters through whose gateways calls go."""
    return lambda facts: next((found for way in facts.gateways if (found := check(way))), None)


def _of_link(check: Check) -> Check:
    """What a check finds between two clusters."""
    return lambda facts: check(facts) if facts.link else None


def _faults(now: datetime, *, by_ztunnel: bool) -> tuple[tuple[Check, ...], ...]:
    return (
        (
            _of_both(control_plane.istiod_down),
            _of_both(control_plane.next_istiod_down),
            _of_both(mesh_config.not_loaded),
        ),
        *(_AMBIENT_WORKLOADS if by_ztunnel else ((calls.sidecar_missing, calls.sample_not_running),)),
        (
            discovery.remote_secret_missing,
            discovery.remote_secret_ignored,
            lambda facts: discovery.client_certificate_invalid(facts, now),
            discovery.peer_api_server_refuses,
            discovery.token_refused,
            discovery.reader_denied,
            discovery.remote_not_synced,
            discovery.next_not_synced,
        ),
        *(_AMBIENT_WAYS if by_ztunnel else _WAYS),
        (_of_target(gateways.network_label),),
    )


_WAYS: tuple[tuple[Check, ...], ...] = (
    (
        _of_gateways(gateways.gateway_down),
        _of_gateways(gateways.gateway_pending),
        _of_gateways(gateways.addresses_not_used),
        _of_link(gateways.addresses_not_told),
    ),
    (_of_gateways(gateways.not_exposed),),
)

_AMBIENT_WORKLOADS: tuple[tuple[Check, ...], ...] = (
    (
        _of_both(ambient.cni_not_ready),
        _of_both(ambient.ztunnel_cluster),
        _of_both(ambient.ztunnel_not_ready),
        _of_both(ambient.ztunnel_network),
        _of_both(ambient.ztunnel_not_connected),
        enrolment.sample_not_enrolled,
        calls.sample_not_running,
    ),
)

_AMBIENT_WAYS: tuple[tuple[Check, ...], ...] = (
    (
        _of_both(ambient.gateway_api_missing),
        _of_target(ambient.hbone_gateway_down),
        _of_target(ambient.hbone_gateway_changed),
        _of_target(ambient.hbone_gateway_without_address),
        ambient.addresses_not_told,
    ),
    (
        enrolment.sample_not_global,
        enrolment.sample_waypoints_differ,
        _of_both(enrolment.sample_waypoint_down),
    ),
)

_EXPLANATIONS: tuple[tuple[Check, ...], ...] = (
    (calls.service_missing, calls.name_not_resolved),
    (
        calls.sample_not_exposed,
        _of_gateways(gateways.gateway_without_address),
        gateways.port_unreachable,
        networks.route_missing,
        calls.endpoints_missing,
        calls.tls_refused,
    ),
    (discovery.peer_api_server_not_checked,),
)

_AMBIENT_EXPLANATIONS: tuple[tuple[Check, ...], ...] = (
    (calls.service_missing, calls.service_missing_here, calls.name_not_resolved),
    (gateways.port_unreachable, calls.endpoints_missing, calls.tls_refused),
    (discovery.peer_api_server_not_checked,),
)


def diagnose(facts: PairFacts, *, answered: bool, now: datetime | None = None) -> tuple[Finding, ...]:
    """What is wrong with a pair, the most likely cause first; never empty for a pair without an answer.

    A pair with an answer is checked for faults, too: proxies keep working for hours with what they know,
    after the control plane has lost a cluster.
    """
    for check in (control_plane.api_server_unreachable, control_plane.not_checked):
        if unknown := _of_both(check)(facts):
            return (unknown,)
    moment = now or datetime.now(UTC)
    findings = list(_findings(_faults(moment, by_ztunnel=facts.ambient), facts))
    unusable = _of_both(lambda cluster: trust.unusable(cluster, moment))
    if distrust := unusable(facts) or trust.different_roots(facts) or revocation.missing(facts):
        findings.append(distrust)
    if not answered:
        findings += _findings(_AMBIENT_EXPLANATIONS if facts.ambient else _EXPLANATIONS, facts)
    return tuple(dict.fromkeys(findings)) or (() if answered else (calls.no_answer(facts),))


def _findings(chains: tuple[tuple[Check, ...], ...], facts: PairFacts) -> Iterator[Finding]:
    for chain in chains:
        found = (check(facts) for check in chain)
        if finding := next((finding for finding in found if finding), None):
            yield finding
