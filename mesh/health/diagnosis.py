"""What can be wrong between two clusters, from what was seen of them. Pure.

A check looks at a pair's facts and gives a finding, or None. Checks stand in chains, causes before what
follows from them: of each chain only the first finding is told.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from mesh.cli.verify.model import Finding
from mesh.health import calls as call_checks
from mesh.health import discovery as discovery_checks
from mesh.health import gateways as gateway_checks
from mesh.health import trust as trust_checks
from mesh.health import workloads as cluster_checks
from mesh.live.facts import PairFacts

Check = Callable[[PairFacts], Finding | None]

_FAULTS: list[tuple[Check, ...]] = [
    (cluster_checks.istiod_down,),
    (cluster_checks.sidecar_missing, cluster_checks.sample_not_running),
    (
        discovery_checks.remote_secret_missing,
        discovery_checks.remote_secret_unread,
        discovery_checks.token_refused,
        discovery_checks.reader_denied,
        discovery_checks.remote_not_synced,
    ),
    (gateway_checks.gateway_down, gateway_checks.gateway_pending),
    (gateway_checks.not_exposed,),
    (gateway_checks.network_label,),
]
_EXPLANATIONS: list[tuple[Check, ...]] = [
    (call_checks.service_missing, call_checks.name_not_resolved),
    (
        gateway_checks.gateway_without_address,
        gateway_checks.port_unreachable,
        call_checks.endpoints_missing,
        call_checks.tls_refused,
    ),
    (discovery_checks.peer_api_server,),
]


def diagnose(facts: PairFacts, *, answered: bool, now: datetime | None = None) -> tuple[Finding, ...]:
    """What is wrong with a pair, the most likely reason first; of a pair that was not answered never nothing.

    A pair that is answered is asked for faults too that have not come through to the calls yet: proxies go on
    with what they know for hours after the control plane lost a peer.
    """
    if blind := cluster_checks.api_server_unreachable(facts):
        return (blind,)
    moment = now or datetime.now(UTC)
    findings = list(_found(_FAULTS, facts))
    if distrust := trust_checks.expired(facts, moment) or trust_checks.different_roots(facts):
        findings.append(distrust)
    if not answered:
        findings += _found(_EXPLANATIONS, facts)
    return tuple(dict.fromkeys(findings)) or (() if answered else (call_checks.no_answer(facts),))


def _found(chains: list[tuple[Check, ...]], facts: PairFacts) -> Iterator[Finding]:
    for chain in chains:
        for check in chain:
            if finding := check(facts):
                yield finding
                break
