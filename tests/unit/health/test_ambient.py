"""What `mesh verify` and `mesh check` make of clusters with ambient workloads."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from mesh.config.types import DataPlane
from mesh.health.checks import results
from mesh.health.diagnosis import diagnose
from mesh.health.finding import Finding, Reason, Severity
from mesh.health.report import Outcome
from mesh.health.scope import is_global
from mesh.health.verification import expected_pairs, unwanted_pairs
from mesh.istio.addresses import PeerAddress
from mesh.live.facts import (
    Ambient,
    Answers,
    ClusterFacts,
    Daemon,
    Gateway,
    LinkFacts,
    Pair,
    PairFacts,
    PathFacts,
    RemoteSecret,
    TokenCheck,
    Workload,
    Ztunnel,
)
from mesh.live.inspected import (
    AmbientInspection,
    AmbientService,
    ClusterInspection,
    Injection,
    LinkInspection,
    MeshInspection,
    Policy,
    Reach,
)
from tests.builders.facts import GLOBAL, SCOPES, ambient_facts, cluster_facts, loaded, observed_trust
from tests.builders.inspections import NOW, ROOT, SECRET
from tests.builders.stacks import stack_config

_TRUST = observed_trust(ROOT, days=(-1, 300))
_LINK = LinkFacts(secrets=(SECRET,), token=TokenCheck())
_NAT = PeerAddress(address="198.51.100.7", port=25008)


_OF_SAMPLE = {"server", "client", "service", "labels", "waypoint", "waypoint_pods"}


def _facts(name: str, **changes: Any) -> ClusterFacts:
    """A cluster in which everything is right; `changes` of what is ambient there, or of its sample."""
    facts = ambient_facts(name, _TRUST)
    inner = {field.name for field in dataclasses.fields(Ambient)}
    of_ambient = {key: changes.pop(key) for key in inner & changes.keys()}
    of_sample = {key: changes.pop(key) for key in _OF_SAMPLE & changes.keys()}
    assert facts.ambient
    if "gateway" in of_ambient and isinstance(of_ambient["gateway"], dict):
        assert facts.ambient.gateway
        of_ambient["gateway"] = dataclasses.replace(facts.ambient.gateway, **of_ambient["gateway"])
    return dataclasses.replace(
        facts,
        ambient=dataclasses.replace(facts.ambient, **of_ambient),
        sample=dataclasses.replace(facts.sample, **of_sample),
        **changes,
    )


def _pair(
    east: dict[str, Any] | None = None, west: dict[str, Any] | None = None, **changes: Any
) -> PairFacts:
    """East calls west, and everything is right but for the changes."""
    facts = PairFacts(
        caller=_facts("east", **(east or {})), target=_facts("west", **(west or {})), link=_LINK
    )
    return dataclasses.replace(facts, **changes)


def _reasons(facts: PairFacts, *, answered: bool) -> list[tuple[str, str]]:
    return [(f.reason, f.cluster) for f in diagnose(facts, answered=answered, now=NOW)]


def _ztunnel(name: str, **changes: Any) -> dict[str, Any]:
    usual = Ztunnel(daemon=Daemon(wanted=2, ready=2), cluster_id=name, network=f"net-{name}")
    return {"ztunnel": dataclasses.replace(usual, **changes)}


_GIVEN = {"gateway": {"network": None, "given": True, "addresses": (_NAT,)}}

_WAYPOINT: dict[str, Any] = {
    "waypoint": "sample/waypoint",
    "waypoint_pods": Workload(pods=1, ready=1, injected=1),
}

PAIR_FAULTS: dict[str, tuple[PairFacts, tuple[str, str]]] = {
    "no CNI plugin": (_pair(west={"cni": None}), ("cni-not-ready", "west")),
    "CNI plugin not on all nodes": (_pair({"cni": Daemon(wanted=2, ready=1)}), ("cni-not-ready", "east")),
    "CNI plugin on no node": (_pair({"cni": Daemon()}), ("cni-not-ready", "east")),
    "ztunnel of another cluster": (
        _pair(west=_ztunnel("west", cluster_id="Kubernetes")),
        ("ztunnel-cluster", "west"),
    ),
    "ztunnel without a network": (_pair(_ztunnel("east", network=None)), ("ztunnel-network", "east")),
    "ztunnel of another network": (
        _pair(west=_ztunnel("west", network="net-east")),
        ("ztunnel-network", "west"),
    ),
    "no ztunnel": (_pair({"ztunnel": None}), ("ztunnel-not-ready", "east")),
    "ztunnel not ready": (
        _pair(west=_ztunnel("west", daemon=Daemon(wanted=2, ready=0))),
        ("ztunnel-not-ready", "west"),
    ),
    "ztunnel without istiod": (
        _pair({"connected": frozenset({"ztunnel-b"})}),
        ("ztunnel-not-connected", "east"),
    ),
    "server without the label": (
        _pair(west={"server": Workload(pods=1, ready=1)}),
        ("pods-not-enrolled", "west"),
    ),
    "client not taken in": (
        _pair({"client": Workload(pods=1, ready=1, labelled=1)}),
        ("pods-not-enrolled", "east"),
    ),
    "no server": (_pair(west={"server": Workload()}), ("sample-not-running", "west")),
    "no Gateway API": (_pair(west={"gateway_api": False}), ("gateway-api-missing", "west")),
    "no gateway": (_pair(west={"gateway": None}), ("hbone-gateway-down", "west")),
    "dead gateway": (
        _pair(west={"gateway": {"workload": Workload()}}),
        ("hbone-gateway-down", "west"),
    ),
    "gateway without its label": (
        _pair(west={"gateway": {"network": None}}),
        ("hbone-gateway-changed", "west"),
    ),
    "gateway with a label beside a given address": (
        _pair(west={"gateway": {**_GIVEN["gateway"], "network": "net-west"}}),
        ("hbone-gateway-changed", "west"),
    ),
    "gateway without its listener": (
        _pair(west={"gateway": {"listens": False}}),
        ("hbone-gateway-changed", "west"),
    ),
    "gateway without address": (
        _pair(west={"gateway": {"addresses": ()}}),
        ("hbone-gateway-without-address", "west"),
    ),
    "gateway not programmed": (
        _pair(west={"gateway": {"programmed": False, "problem": "address pending"}}),
        ("hbone-gateway-without-address", "west"),
    ),
    "given address not told": (_pair(west=_GIVEN), ("gateway-addresses-not-used", "east")),
    "given address with another port": (
        _pair({"told": {"net-west": (PeerAddress(address=_NAT.address, port=15008),)}}, _GIVEN),
        ("gateway-addresses-not-used", "east"),
    ),
    "global here alone": (_pair(west={"labels": {}}), ("service-not-global", "west")),
    "global nowhere": (_pair({"labels": {}}, {"labels": {}}), ("service-not-global", "east")),
    "waypoint there alone": (
        _pair(west=_WAYPOINT),
        ("waypoint-on-one-side", "east"),
    ),
    "waypoint without pods": (
        _pair({**_WAYPOINT, "waypoint_pods": Workload(pods=1)}, _WAYPOINT),
        ("waypoint-down", "east"),
    ),
    "istiod": (_pair(west={"istiods": {}}), ("istiod-down", "west")),
    "no remote secret": (_pair(link=LinkFacts()), ("remote-secret-missing", "east")),
    "no label of the network": (_pair(west={"network_label": None}), ("network-label-missing", "west")),
}
_ROUTE = {"endpoints": ("10.1.0.4", "203.0.113.8:15008"), "probed": "203.0.113.8:15008"}
PAIR_EXPLANATIONS: dict[str, tuple[PairFacts, tuple[str, str]]] = {
    "port closed": (
        _pair(path=PathFacts(**_ROUTE, probe="timed out")),
        ("gateway-port-unreachable", "west"),
    ),
    "not known to ztunnel": (_pair(path=PathFacts(endpoints=("10.1.0.4",))), ("endpoints-missing", "east")),
    "no Service there": (_pair(west={"service": False}), ("service-missing", "west")),
    "no Service here": (_pair({"service": False}), ("service-missing", "east")),
    "no DNS": (
        _pair(answers=Answers(failures={"curl: (6) Could not resolve host: helloworld.sample": 3})),
        ("name-not-resolved", "east"),
    ),
    "nothing": (_pair(path=PathFacts(**_ROUTE)), ("no-answer", "west")),
}


def test_nothing_is_found_where_everything_is_right() -> None:
    """Neither sidecars, nor a gateway for them, nor anything that it exposes is missed."""
    assert _reasons(_pair(), answered=True) == []
    assert _reasons(_pair(_WAYPOINT, _WAYPOINT), answered=True) == []
    assert _reasons(_pair({"told": {"net-west": (_NAT,)}}, _GIVEN), answered=True) == []


@pytest.mark.parametrize(("facts", "expected"), PAIR_FAULTS.values(), ids=PAIR_FAULTS)
@pytest.mark.parametrize("answered", [True, False])
def test_a_fault_fails_a_pair_even_while_it_is_answered(
    facts: PairFacts, expected: tuple[str, str], answered: bool
) -> None:
    """A dead gateway, for one, fails half of the calls, and the others come through."""
    assert _reasons(facts, answered=answered)[0] == expected


@pytest.mark.parametrize(("facts", "expected"), PAIR_EXPLANATIONS.values(), ids=PAIR_EXPLANATIONS)
def test_an_explanation_is_looked_for_only_where_there_was_no_answer(
    facts: PairFacts, expected: tuple[str, str]
) -> None:
    """As for clusters with sidecars."""
    assert _reasons(facts, answered=True) == []
    assert _reasons(facts, answered=False)[0] == expected


def test_a_cause_hides_what_follows_from_it() -> None:
    """A ztunnel of another cluster is never ready, and without it no pod starts."""
    west = {**_ztunnel("west", cluster_id="x", daemon=Daemon(wanted=2, ready=0)), "server": Workload()}
    assert _reasons(_pair(west=west), answered=False) == [("ztunnel-cluster", "west")]


def test_a_cluster_is_not_asked_for_a_way_to_itself() -> None:
    """Its gateway, its network's label and what is global do not matter to calls that stay inside."""
    east = _facts("east", gateway=None, network_label=None, labels={})
    assert _reasons(PairFacts(caller=east, target=east), answered=True) == []


def test_beside_sidecars_the_sample_has_some_and_is_judged_by_them() -> None:
    """What is wrong with ztunnel there is for `check`."""
    both = {"data_plane": DataPlane.BOTH}
    sidecars = {name: Workload(pods=1, ready=1, injected=1) for name in ("server", "client")}
    gateway = cluster_facts("west", _TRUST).gateway
    facts = _pair({**both, **sidecars, "cni": None}, {**both, **sidecars})
    target = dataclasses.replace(facts.target, has_gateway=True, gateway=gateway, exposed=("*.local",))
    facts = dataclasses.replace(facts, target=target, gateways=(target,))
    assert _reasons(facts, answered=True) == []
    dead = dataclasses.replace(target, gateway=Gateway(hosts=("*.local",)))
    assert _reasons(dataclasses.replace(facts, gateways=(dead,)), answered=True) == [("gateway-down", "west")]


def test_every_finding_says_what_to_do() -> None:
    """And where there is more about it."""
    for facts, _ in (*PAIR_FAULTS.values(), *PAIR_EXPLANATIONS.values()):
        for finding in diagnose(facts, answered=False, now=NOW):
            assert finding.message
            assert finding.hint


def test_what_a_release_has_is_put_back_without_what_others_have_added() -> None:
    """Applying would leave a node selector; and what is gone cannot be replaced."""
    for ztunnel, command in (
        (_ztunnel("east", daemon=Daemon()), "get manifest ztunnel | kubectl -n istio-system replace -f -`"),
        ({"ztunnel": None}, "get manifest ztunnel | kubectl -n istio-system apply -f -`"),
    ):
        (finding,) = diagnose(_pair(ztunnel), answered=True, now=NOW)
        assert command in finding.hint


def test_an_address_that_a_load_balancer_cannot_give_is_named() -> None:
    """With how to take it back, where somebody else has asked for it."""
    west = {"gateway": {"programmed": False, "requested": "192.0.2.9"}}
    (finding,) = diagnose(_pair(west=west), answered=True, now=NOW)
    assert "asks for 192.0.2.9" in finding.hint
    assert "patch service istio-eastwestgateway-ambient --type=json" in finding.hint


_DENY = {"AuthorizationPolicy shop/deny": Policy(spec={"action": "DENY"}, waypoint=True)}


def _cluster(name: str, facts: dict[str, Any] | None = None, **ambient: Any) -> ClusterInspection:
    """A cluster in which everything is right: a global Service with a waypoint, and a policy for that."""
    inspection = AmbientInspection(
        services={
            "shop/cart": AmbientService(labels=GLOBAL, pods=2, enrolled=2, waypoint="shop/waypoint"),
            "shop/waypoint": AmbientService(labels=GLOBAL, pods=1, injected=1),
            "shop/own": AmbientService(pods=1),
        },
        waypoints={"shop/waypoint": 1},
        policies=_DENY,
    )
    return ClusterInspection(
        facts=_facts(name, **(facts or {})),
        istio="1.31.0",
        kubernetes="v1.36.3",
        injection=Injection(image="p:1.31.0", network=f"net-{name}", cluster_id=name),
        tokens={1: NOW - timedelta(days=3)},
        sees=frozenset({"east", "west"} - {name}),
        members=frozenset({"east", "west"}),
        networks=frozenset({"net-east", "net-west"}),
        ambient=dataclasses.replace(inspection, **ambient),
    )


def _mesh(east: ClusterInspection | None = None, west: ClusterInspection | None = None) -> MeshInspection:
    caller, target = east or _cluster("east"), west or _cluster("west")

    def link(a: ClusterInspection, b: ClusterInspection) -> LinkInspection:
        secret = RemoteSecret(name="s", labelled=True, kubeconfigs={b.facts.name: ""})
        return LinkInspection(
            pair=PairFacts(
                caller=a.facts, target=b.facts, link=LinkFacts(secrets=(secret,), token=TokenCheck())
            ),
            caller=a,
            target=b,
            gateways=(Reach(address="203.0.113.8:15008", connect_ms=1.0),),
        )

    both = {"east": caller, "west": target}
    links = {
        Pair(caller=a, target=b): link(both[a], both[b]) for a, b in (("east", "west"), ("west", "east"))
    }
    return MeshInspection(clusters=both, links=links)


def _service(**changes: Any) -> dict[str, AmbientService]:
    cart = AmbientService(labels=GLOBAL, pods=2, enrolled=2, waypoint="shop/waypoint")
    return {"shop/cart": dataclasses.replace(cart, **changes)}


_UNBOUND = Policy(spec={"action": "DENY"}, waypoint=True, refused="Service web is not bound to a waypoint")

FAULTS: dict[str, tuple[MeshInspection, Reason, str]] = {
    "no CNI plugin": (_mesh(_cluster("east", {"cni": None})), Reason.CNI_NOT_READY, "east"),
    "ztunnel of another cluster": (
        _mesh(west=_cluster("west", _ztunnel("west", cluster_id="x"))),
        Reason.ZTUNNEL_CLUSTER,
        "west",
    ),
    "ztunnel not ready": (_mesh(_cluster("east", {"ztunnel": None})), Reason.ZTUNNEL_NOT_READY, "east"),
    "ztunnel without a network": (
        _mesh(_cluster("east", _ztunnel("east", network=None))),
        Reason.ZTUNNEL_NETWORK,
        "east",
    ),
    "ztunnel without istiod": (
        _mesh(_cluster("east", {"connected": frozenset({"ztunnel-a"})})),
        Reason.ZTUNNEL_NOT_CONNECTED,
        "east",
    ),
    "pods missed": (_mesh(_cluster("east", missed=("shop/cart-1",))), Reason.PODS_NOT_ENROLLED, "east"),
    "global Service outside the mesh": (
        _mesh(_cluster("east", services=_service(enrolled=1))),
        Reason.PODS_NOT_ENROLLED,
        "east",
    ),
    "no Gateway API": (
        _mesh(_cluster("east", {"gateway_api": False})),
        Reason.GATEWAY_API_MISSING,
        "east",
    ),
    "dead gateway": (
        _mesh(_cluster("east", {"gateway": {"workload": Workload()}})),
        Reason.HBONE_GATEWAY_DOWN,
        "east",
    ),
    "gateway of another network": (
        _mesh(_cluster("east", {"gateway": {"network": "net-x"}})),
        Reason.HBONE_GATEWAY_CHANGED,
        "east",
    ),
    "gateway not programmed": (
        _mesh(_cluster("east", {"gateway": {"programmed": False}})),
        Reason.HBONE_GATEWAY_WITHOUT_ADDRESS,
        "east",
    ),
    "waypoint without pods": (
        _mesh(_cluster("east", waypoints={"shop/waypoint": 0})),
        Reason.WAYPOINT_DOWN,
        "east",
    ),
    "policy that is not taken": (
        _mesh(_cluster("east", policies={**_DENY, "AuthorizationPolicy web/p": _UNBOUND})),
        Reason.POLICY_NOT_ACCEPTED,
        "east",
    ),
    "Service global on one side": (
        _mesh(_cluster("east", services=_service(labels={}))),
        Reason.SERVICE_NOT_GLOBAL,
        "east",
    ),
    "Service global on the other side": (
        _mesh(west=_cluster("west", services=_service(labels={}))),
        Reason.SERVICE_NOT_GLOBAL,
        "west",
    ),
    "waypoint on one side": (
        _mesh(west=_cluster("west", services=_service(waypoint=None))),
        Reason.WAYPOINT_ON_ONE_SIDE,
        "west",
    ),
    "given address not told": (
        _mesh(west=_cluster("west", _GIVEN)),
        Reason.GATEWAY_ADDRESSES_NOT_USED,
        "east",
    ),
    "policy on one side": (_mesh(west=_cluster("west", policies={})), Reason.POLICIES_DIFFER, "east"),
    "policy with other rules": (
        _mesh(
            west=_cluster("west", policies={"AuthorizationPolicy shop/deny": Policy(spec={}, waypoint=True)})
        ),
        Reason.POLICIES_DIFFER,
        "east",
    ),
}


def _found(mesh: MeshInspection) -> list[Finding]:
    return [result.finding for result in results(mesh, (), NOW) if result.finding]


@pytest.mark.parametrize("fault", FAULTS)
def test_check_names_what_is_wrong_and_nothing_else(fault: str) -> None:
    """Once, also where two clusters that see each other both have it."""
    mesh, reason, cluster = FAULTS[fault]
    (finding,) = _found(mesh)
    assert (finding.reason, finding.cluster) == (reason, cluster)
    assert finding.message
    assert finding.hint


def test_an_ambient_mesh_that_is_right_passes_every_check() -> None:
    """Those for sidecars too: nothing is missed that ambient clusters do not have."""
    assert {result.outcome for result in results(_mesh(), (), NOW)} == {Outcome.PASSED}


def test_an_address_is_not_told_for_a_gateway_that_is_not_there() -> None:
    """The stack gives it for that of ambient workloads."""
    west = _cluster("west")
    given = dataclasses.replace(west.facts, gateway=Gateway(addresses=(_NAT,), given=True))
    assert _found(_mesh(west=dataclasses.replace(west, facts=given))) == []


def test_a_cluster_with_sidecars_alone_has_no_check_of_ambient() -> None:
    """Nor has a link from it or to it."""
    sidecars = ClusterInspection(facts=cluster_facts("east", _TRUST), istio="1.31.0", kubernetes="v1.36.3")
    rows = [r for r in results(_mesh(sidecars), (), NOW) if r.subject == "Ambient"]
    assert {(r.cluster, r.peer) for r in rows} == {("west", None)}


def test_beside_sidecars_only_a_label_makes_a_service_that_must_be_in_the_mesh() -> None:
    """There all are global, and sidecars call pods outside the mesh."""
    everything = {"serviceScopeConfigs": [{"scope": "GLOBAL"}]}
    facts = {"data_plane": DataPlane.BOTH, "istiods": loaded({"istiod-1": everything}), "mesh_config": {}}
    for labels, expected in (({}, []), (GLOBAL, [Reason.PODS_NOT_ENROLLED])):
        east = _cluster("east", facts, services=_service(labels=labels, enrolled=0))
        found = [f for f in _found(_mesh(east)) if f.severity is Severity.WARNING and f.cluster == "east"]
        assert [f.reason for f in found if f.reason is Reason.PODS_NOT_ENROLLED] == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"key": "a", "operator": "In", "values": ["x"]}, True),
        ({"key": "a", "operator": "In", "values": ["y"]}, False),
        ({"key": "a", "operator": "NotIn", "values": ["x"]}, False),
        ({"key": "b", "operator": "NotIn", "values": ["x"]}, True),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "b", "operator": "Exists"}, False),
        ({"key": "a", "operator": "DoesNotExist"}, False),
        ({"key": "b", "operator": "DoesNotExist"}, True),
    ],
)
def test_selectors_mean_what_they_mean_to_istiod(expression: dict[str, Any], expected: bool) -> None:
    """Of Services, and of their namespaces."""
    for which, labels, namespace in (
        ("servicesSelector", {"a": "x"}, {}),
        ("namespaceSelector", {}, {"a": "x"}),
    ):
        scope = {which: {"matchExpressions": [expression]}, "scope": "GLOBAL"}
        facts = _facts("east", istiods=loaded({"istiod-1": {"serviceScopeConfigs": [scope]}}))
        assert is_global(facts, labels, namespace) is expected


def test_any_entry_makes_a_service_global_and_none_takes_it_away() -> None:
    """What istiod has loaded counts, not what its ConfigMap has."""
    scopes = [
        {"servicesSelector": {"matchLabels": {"a": "x"}}, "scope": "LOCAL"},
        {"servicesSelector": {"matchLabels": {"a": "x"}}, "scope": "GLOBAL"},
    ]
    configs = {"the ConfigMap istio": SCOPES, "istiod-1": {"serviceScopeConfigs": scopes}}
    facts = _facts("east", istiods=loaded(configs))
    assert is_global(facts, {"a": "x"}, {})
    assert not is_global(facts, GLOBAL, {})
    assert not is_global(
        _facts("east", istiods=loaded({"x": {"serviceScopeConfigs": scopes[:1]}})), {"a": "x"}, {}
    )
    assert not is_global(_facts("east", istiods=loaded({"istiod-1": {}})), GLOBAL, {})


def _pairs(**clusters: dict[str, Any]) -> tuple[set[str], set[str]]:
    config = stack_config(clusters, helloWorld=True)
    return tuple(
        {f"{p.caller}-{p.target}" for p in pairs(config)} for pairs in (expected_pairs, unwanted_pairs)
    )  # type: ignore[return-value]


def test_nothing_is_expected_between_ambient_and_sidecars() -> None:
    """And where both are, control planes with ztunnel keep each cluster to itself."""
    ambient, both, sidecar = ({"dataPlane": plane} for plane in ("ambient", "both", "sidecar"))
    own = {"a-a", "b-b", "c-c"}
    assert _pairs(a=ambient, b=ambient, c=sidecar) == (own, set())
    assert _pairs(a=ambient, b=both, c=sidecar) == (own | {"c-b"}, set())
    every = {f"{caller}-{target}" for caller in "abc" for target in "abc"}
    assert _pairs(a=ambient, b=ambient, c=ambient) == (every, set())
    assert _pairs(a=both, b=sidecar, c=both) == (every, set())


def test_what_stays_inside_one_ambient_cluster_alone_is_called_from_others() -> None:
    """Which go by their own settings; that the cluster's gateway resets these calls, `verify` says."""
    inside = {"dataPlane": "ambient", "exposure": {"clusterLocal": ["*.sample.svc.cluster.local"]}}
    expected, unwanted = _pairs(a=inside, b={"dataPlane": "ambient"})
    assert expected == {"a-a", "b-a", "b-b"}
    assert unwanted == {"a-b"}
    assert _pairs(a=inside, b=inside) == ({"a-a", "b-b"}, {"a-b", "b-a"})
