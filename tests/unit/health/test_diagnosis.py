"""What `mesh verify` makes of the facts: reasons and their order."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from mesh.health.diagnosis import diagnose
from mesh.health.finding import PUT_BACK, without
from mesh.istio.addresses import PeerAddress
from mesh.live.facts import (
    Answers,
    Cacerts,
    ClusterFacts,
    Gateway,
    LinkFacts,
    ObservedTrust,
    PairFacts,
    PathFacts,
    RemoteSecret,
    Sample,
    TokenCheck,
    Workload,
)
from mesh.pki.revocation import revocation_list
from tests.builders.certificates import authority
from tests.builders.facts import RUNS, cluster_facts, known, loaded, observed_trust, told

_NOW = datetime.now(UTC)
_ROOT = authority("dev root CA 1")
_OTHER_ROOT = authority("another root")


def _cluster(name: str, **changes: Any) -> ClusterFacts:
    """A cluster in which everything is right, with the sample."""
    sample = Sample(service=True, server=RUNS, client=RUNS, client_pod="client-1", dns_capture=True)
    return cluster_facts(name, **{"trust": observed_trust(_ROOT), "sample": sample, **changes})


_SECRET = RemoteSecret(name="istio-remote-secret-west", labelled=True, kubeconfigs={"west": ""})


def _pair(**changes: Any) -> PairFacts:
    """East calls west, and everything is right."""
    link = LinkFacts(secrets=(_SECRET,), token=TokenCheck())
    target = changes.pop("target", _cluster("west"))
    return dataclasses.replace(
        PairFacts(caller=_cluster("east"), target=target, gateways=(target,), link=link), **changes
    )


def _west(**changes: Any) -> PairFacts:
    return _pair(target=_cluster("west", **changes))


def _east(**changes: Any) -> PairFacts:
    return _pair(caller=_cluster("east", **changes))


def _reasons(facts: PairFacts, *, answered: bool) -> list[tuple[str, str]]:
    return [(f.reason, f.cluster) for f in diagnose(facts, answered=answered, now=_NOW)]


def test_nothing_is_found_where_everything_is_right() -> None:
    """An answered pair without a fault has no finding."""
    assert _reasons(_pair(), answered=True) == []


_NAT = PeerAddress(address="198.51.100.7", port=31443)


def _given(*, discovered: tuple[PeerAddress, ...] = ()) -> Gateway:
    """A gateway whose address the stack gives."""
    usual = _cluster("west").gateway
    return dataclasses.replace(usual, addresses=(_NAT,), given=True, discovered=discovered)


def test_addresses_that_are_told_are_right_and_not_needed_in_the_same_network() -> None:
    """Istiod of the caller has them, perhaps with more; in one network there is nothing to tell."""
    addresses = {"net-west": (PeerAddress(address="198.51.100.9"), _NAT)}
    west = _cluster("west", gateway=_given())
    assert _reasons(_pair(caller=_cluster("east", istiods=told(addresses)), target=west), answered=True) == []
    same = dataclasses.replace(west, network="net-east", network_label="net-east")
    assert _reasons(_pair(target=same), answered=True) == []


_LIST_OF_ROOT = revocation_list(_ROOT.pem, _ROOT.key_pem, [])
_NO_POD = Workload()
_BARE = Workload(pods=2, ready=2, injected=1)

FAULTS = {
    "mesh configuration dropped": (
        _pair(caller=_cluster("east", mesh_config={"trustDomain": "a"}, istiods=loaded({"istiod-1": {}}))),
        ("mesh-config-not-loaded", "east"),
    ),
    "primary of the target unknown": (
        _west(primary="north", control_plane_unknown="timed out"),
        ("control-plane-not-checked", "west"),
    ),
    "istiod of the target's primary": (_west(primary="north", istiods={}), ("istiod-down", "north")),
    "api server of the caller": (_east(unreachable="timed out"), ("api-server-unreachable", "east")),
    "api server of the target": (_west(unreachable="timed out"), ("api-server-unreachable", "west")),
    "no way into the caller": (_east(refused="HTTP 401"), ("api-server-refuses", "east")),
    "no way into the target": (_west(refused="HTTP 401"), ("api-server-refuses", "west")),
    "istiod of the caller": (_east(istiods={}), ("istiod-down", "east")),
    "istiod of the target": (_west(istiods={}), ("istiod-down", "west")),
    "server without a proxy": (
        _west(sample=dataclasses.replace(_cluster("west").sample, server=_BARE)),
        ("sidecar-missing", "west"),
    ),
    "client without a proxy": (
        _east(sample=dataclasses.replace(_cluster("east").sample, client=_BARE)),
        ("sidecar-missing", "east"),
    ),
    "server not ready": (
        _west(sample=dataclasses.replace(_cluster("west").sample, server=_NO_POD)),
        ("sample-not-running", "west"),
    ),
    "no remote secret": (_pair(link=LinkFacts()), ("remote-secret-missing", "east")),
    "another data key": (
        _pair(link=LinkFacts(secrets=(dataclasses.replace(_SECRET, kubeconfigs={"wets": ""}),))),
        ("remote-secret-key", "east"),
    ),
    "no label": (
        _pair(link=LinkFacts(secrets=(dataclasses.replace(_SECRET, labelled=False),))),
        ("remote-secret-label", "east"),
    ),
    "another server for peers": (
        _pair(link=LinkFacts(secrets=(_SECRET,), token=TokenCheck(wrong_server="its certificate"))),
        ("peer-api-server-refuses", "west"),
    ),
    "token refused": (
        _pair(link=LinkFacts(secrets=(_SECRET,), token=TokenCheck(refused=True))),
        ("token-refused", "west"),
    ),
    "rights removed": (
        _pair(link=LinkFacts(secrets=(_SECRET,), token=TokenCheck(denied=("list services",)))),
        ("reader-denied", "west"),
    ),
    "not synced": (
        _east(istiods=known({"istiod-1": {"west": "timeout"}})),
        ("remote-cluster-not-synced", "east"),
    ),
    "not synced with one of two": (
        _east(istiods=known({"istiod-1": {"west": "synced"}, "istiod-2": {"west": "timeout"}})),
        ("remote-cluster-not-synced", "east"),
    ),
    "not known": (_east(istiods=known({"istiod-1": {}})), ("remote-cluster-not-synced", "east")),
    "no gateway": (_west(gateway=Gateway(hosts=("*.local",))), ("gateway-down", "west")),
    "gateway without pods": (
        _west(gateway=dataclasses.replace(_cluster("west").gateway, workload=_NO_POD)),
        ("gateway-down", "west"),
    ),
    "gateway waits for its address": (
        _west(gateway=dataclasses.replace(_cluster("west").gateway, addresses=())),
        ("gateway-without-address", "west"),
    ),
    "the Service has addresses of its own": (
        _west(gateway=_given(discovered=(PeerAddress(address="203.0.113.7"),))),
        ("gateway-addresses-not-used", "west"),
    ),
    "addresses not told": (
        _pair(
            caller=_cluster("east", istiods=told({"net-west": ()})),
            target=_cluster("west", gateway=_given()),
        ),
        ("gateway-addresses-not-used", "east"),
    ),
    "another port told": (
        _pair(
            caller=_cluster("east", istiods=told({"net-west": (PeerAddress(address="198.51.100.7"),)})),
            target=_cluster("west", gateway=_given()),
        ),
        ("gateway-addresses-not-used", "east"),
    ),
    "nothing exposed": (
        _west(gateway=dataclasses.replace(_cluster("west").gateway, hosts=())),
        ("cross-network-gateway-missing", "west"),
    ),
    "no network label": (_west(network_label=None), ("network-label-missing", "west")),
    "another network label": (_west(network_label="net-east"), ("network-label-missing", "west")),
    "intermediate ended": (
        _west(trust=observed_trust(_ROOT, days=(-2, -0.01))),
        ("intermediate-expired", "west"),
    ),
    "intermediate begins later": (
        _east(trust=observed_trust(_ROOT, days=(0.04, 1))),
        ("intermediate-not-yet-valid", "east"),
    ),
    "no cacerts": (_east(trust=ObservedTrust()), ("cacerts-unusable", "east")),
    "cacerts that are not PEM": (
        _west(trust=ObservedTrust(cacerts=Cacerts(certificate="x", chain="", roots="x"))),
        ("cacerts-unusable", "west"),
    ),
    "no CRL of the target's intermediate": (
        _east(trust=dataclasses.replace(observed_trust(_ROOT), published_lists=_LIST_OF_ROOT)),
        ("crl-missing", "east"),
    ),
    "another root": (_west(trust=observed_trust(_OTHER_ROOT)), ("different-roots", "west")),
    "root not handed out": (
        _east(trust=observed_trust(_ROOT, published=_OTHER_ROOT.pem)),
        ("root-not-loaded", "east"),
    ),
}


@pytest.mark.parametrize(("facts", "expected"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("answered", [True, False])
def test_a_fault_fails_a_pair_even_while_it_is_answered(
    facts: PairFacts, expected: tuple[str, str], answered: bool
) -> None:
    """Proxies go on with what they know, so a fault counts before it comes through to the calls."""
    assert _reasons(facts, answered=answered)[0] == expected


def _one_network(**path: Any) -> PairFacts:
    """East calls a pod of west on the same network; neither has a gateway."""
    sample = dataclasses.replace(_cluster("west").sample, addresses=("10.2.0.4:5000",))
    flat = {"network": "flat", "network_label": "flat", "has_gateway": False, "gateway": Gateway()}
    return _pair(
        caller=_cluster("east", **flat),
        target=_cluster("west", **flat, sample=sample, exposed=()),
        gateways=(),
        path=PathFacts(**{"endpoints": ("10.2.0.4:5000",), **path}),
    )


_GOES_ANOTHER_WAY = dataclasses.replace(_cluster("west").gateway, service="ClusterIP", addresses=())
_UNRESOLVED = Answers(failures={"curl: (6) Could not resolve host: helloworld.sample": 30})
_CALLS_NOBODY = dataclasses.replace(_cluster("east").sample, service=False, dns_capture=False)

EXPLANATIONS = {
    "gateway without address": (_west(gateway=_GOES_ANOTHER_WAY), ("gateway-without-address", "west")),
    "port blocked": (
        _pair(
            path=PathFacts(endpoints=("203.0.113.7:15443",), probed="203.0.113.7:15443", probe="timed out")
        ),
        ("gateway-port-unreachable", "west"),
    ),
    "sample not exposed": (
        _west(
            exposed=("*.shop.svc.cluster.local",),
            gateway=dataclasses.replace(_cluster("west").gateway, hosts=("*.shop.svc.cluster.local",)),
        ),
        ("sample-not-exposed", "west"),
    ),
    "pods apart": (
        _one_network(probed="10.2.0.4:5000", probe="timed out"),
        ("network-route-missing", "east"),
    ),
    "no endpoint in one network": (_one_network(endpoints=("10.1.0.4:5000",)), ("endpoints-missing", "east")),
    "no endpoint": (_pair(path=PathFacts(endpoints=("10.0.0.4:5000",))), ("endpoints-missing", "east")),
    "name not resolved": (
        _pair(caller=_cluster("east", sample=_CALLS_NOBODY), answers=_UNRESOLVED),
        ("dns-not-captured", "east"),
    ),
    "DNS does not answer": (_pair(answers=_UNRESOLVED), ("name-not-resolved", "east")),
    "no service": (
        _west(sample=dataclasses.replace(_cluster("west").sample, service=False)),
        ("service-missing", "west"),
    ),
    "TLS": (
        _pair(answers=Answers(failures={"HTTP 503: TLS_error:|268435581:CERTIFICATE_VERIFY_FAILED": 12})),
        ("tls-refused", "west"),
    ),
    "API server not asked": (
        _pair(link=LinkFacts(secrets=(_SECRET,), token=TokenCheck(problem="timed out"))),
        ("peer-api-server-not-checked", "east"),
    ),
    "nothing at all": (_pair(), ("no-answer", "west")),
}


@pytest.mark.parametrize(("facts", "expected"), EXPLANATIONS.values(), ids=EXPLANATIONS)
def test_an_explanation_is_looked_for_only_where_there_was_no_answer(
    facts: PairFacts, expected: tuple[str, str]
) -> None:
    """What may be as the user wants it is no fault while the calls are answered."""
    assert _reasons(facts, answered=True) == []
    assert _reasons(facts, answered=False)[0] == expected


def test_a_cause_hides_what_follows_from_it() -> None:
    """Without a remote secret the other cluster is not synced either: that is not told twice."""
    facts = _pair(link=LinkFacts(), caller=_cluster("east", istiods=known({"istiod-1": {}})))
    assert _reasons(facts, answered=False) == [("remote-secret-missing", "east")]


def test_a_cluster_is_not_asked_for_a_way_to_itself() -> None:
    """Gateway, network and remote secrets do not matter to calls that stay in a cluster."""
    east = _cluster("east", istiods=known({"istiod-1": {}}), gateway=Gateway(), network_label=None)
    assert _reasons(PairFacts(caller=east, target=east), answered=True) == []


def test_in_one_network_nothing_is_expected_of_gateways() -> None:
    """Pods reach pods."""
    assert _reasons(_one_network(), answered=True) == []
    assert _reasons(_one_network(), answered=False) == [("no-answer", "west")]


def test_a_cluster_without_a_gateway_is_reached_by_another_of_its_network() -> None:
    """So what is wrong with that one is wrong with the way."""
    other = _cluster("north", gateway=Gateway(service="LoadBalancer", hosts=("*.local",)))
    facts = dataclasses.replace(_west(has_gateway=False, gateway=Gateway()), gateways=(other,))
    assert _reasons(facts, answered=True) == [("gateway-down", "north")]
    there = dataclasses.replace(other, gateway=_cluster("north").gateway)
    closed = PathFacts(probed="203.0.113.7:15443", probe="timed out")
    facts = dataclasses.replace(facts, gateways=(there,), path=closed)
    assert _reasons(facts, answered=False) == [("gateway-port-unreachable", "north")]


def test_a_remote_calls_its_primary_without_a_remote_secret() -> None:
    """Its primary's control plane knows its own cluster; a gateway is still on the way."""
    facts = dataclasses.replace(_pair(caller=_cluster("east", primary="west")), link=None)
    assert _reasons(facts, answered=True) == []
    closed = dataclasses.replace(facts, gateways=(_cluster("west", gateway=Gateway(hosts=("*.local",))),))
    assert _reasons(closed, answered=True) == [("gateway-down", "west")]


def test_what_a_remote_does_not_find_is_looked_for_in_its_primary() -> None:
    """There are the remote secrets."""
    facts = _pair(caller=_cluster("east", primary="north"), link=LinkFacts())
    assert _reasons(facts, answered=True) == [("remote-secret-missing", "north")]


def test_two_roots_are_one_trust_while_the_root_is_rotated() -> None:
    """A cluster whose bundle has both roots trusts the intermediates of both."""
    both = _ROOT.pem + _OTHER_ROOT.pem
    facts = _pair(
        caller=_cluster("east", trust=observed_trust(_ROOT, bundle=both, published=both)),
        target=_cluster("west", trust=observed_trust(_OTHER_ROOT, bundle=both, published=both)),
    )
    assert _reasons(facts, answered=True) == []


def test_every_finding_has_a_hint() -> None:
    """Whatever is found comes with what to do about it."""
    for facts, _ in [*FAULTS.values(), *EXPLANATIONS.values()]:
        for finding in diagnose(facts, answered=False, now=_NOW):
            assert finding.hint
            assert finding.message


def test_a_hint_leaves_clusters_that_are_away_alone() -> None:
    """A refresh reads every resource in the state, and cannot read theirs."""
    assert without(PUT_BACK, ()) == PUT_BACK
    excluded = "run `pulumi up --refresh --exclude '**::north-*' --exclude '**::south-*'`"
    assert without(PUT_BACK, ("north", "south")) == excluded
