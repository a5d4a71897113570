"""What is wrong between two clusters. Pure.

A check takes the facts about a pair and gives a finding, or None. Checks stand in chains, causes before their
effects: only the first finding of a chain is reported.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from mesh.health import calls, control_plane, discovery, gateways, mesh_config, trust
from mesh.health.finding import Finding
from mesh.live.facts import PairFacts

Check = Callable[[PairFacts], Finding | None]

_FAULTS: tuple[tuple[Check, ...], ...] = (
    (control_plane.istiod_down, mesh_config.not_loaded),
    (calls.sidecar_missing, calls.sample_not_running),
    (
        discovery.remote_secret_missing,
        discovery.remote_secret_ignored,
        discovery.peer_api_server_refuses,
        discovery.token_refused,
        discovery.reader_denied,
        discovery.remote_not_synced,
    ),
    (gateways.gateway_down, gateways.gateway_pending),
    (gateways.not_exposed,),
    (gateways.network_label,),
)
_EXPLANATIONS: tuple[tuple[Check, ...], ...] = (
    (calls.service_missing, calls.name_not_resolved),
    (
        gateways.gateway_without_address,
        gateways.port_unreachable,
        calls.endpoints_missing,
        calls.tls_refused,
    ),
    (discovery.peer_api_server_not_checked,),
)


def diagnose(facts: PairFacts, *, answered: bool, now: datetime | None = None) -> tuple[Finding, ...]:
    """What is wrong with a pair, the most likely cause first; never empty for a pair without an answer.

    A pair with an answer is checked for faults, too: proxies keep working for hours with what they know,
    after the control plane has lost a cluster.
    """
    if unreachable := control_plane.api_server_unreachable(facts):
        return (unreachable,)
    moment = now or datetime.now(UTC)
    findings = list(_findings(_FAULTS, facts))
    if distrust := trust.unusable(facts, moment) or trust.different_roots(facts):
        findings.append(distrust)
    if not answered:
        findings += _findings(_EXPLANATIONS, facts)
    return tuple(dict.fromkeys(findings)) or (() if answered else (calls.no_answer(facts),))


def _findings(chains: tuple[tuple[Check, ...], ...], facts: PairFacts) -> Iterator[Finding]:
    for chain in chains:
        found = (check(facts) for check in chain)
        if finding := next((finding for finding in found if finding), None):
            yield finding
