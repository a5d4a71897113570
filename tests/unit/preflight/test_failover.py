"""Rules of users in the way of failover, and nodes without a region."""

from typing import Any

import pytest

from mesh.istio.addresses import Node
from mesh.live.facts import TrafficRule, TrafficRules
from mesh.preflight.failover import by_region, problems, used, warnings
from tests.builders.stacks import stack_config

_HOST = "checkout.shop.svc.cluster.local"
_ENTRY = {"hosts": ["cart.shop.svc.cluster.local", _HOST], "withinSeconds": 10}
_REGION = Node(labels={"topology.kubernetes.io/region": "eu"})


def _config(clusters: dict[str, dict[str, Any]] | None = None, **entry: Any):
    return stack_config(clusters or {"east": {}, "west": {}}, failover=[{**_ENTRY, **entry}])


def _found(*written: tuple[str, str, str]) -> list[str]:
    """The problems for rules as kind, namespace/name, and host."""
    rules = (
        TrafficRule(kind=kind, namespace=place.split("/")[0], name=place.split("/")[1], hosts=(host,))
        for kind, place, host in written
    )
    return [str(problem) for problem in problems(_config(), {"west": TrafficRules(rules=tuple(rules))})]


@pytest.mark.parametrize(
    "rule",
    [
        ("DestinationRule", "shop/checkout", _HOST),
        ("DestinationRule", "shop/checkout", "checkout"),
        ("DestinationRule", "client/checkout", _HOST),
        ("DestinationRule", "client/all", "*.local"),
        ("DestinationRule", "client/all", "*"),
        ("DestinationRule", "istio-system/checkout", _HOST),
        ("VirtualService", "shop/checkout", "checkout"),
        ("VirtualService", "client/canary", _HOST),
    ],
    ids=" ".join,
)
def test_a_rule_that_would_hold_instead_is_refused_by_name(rule: tuple[str, str, str]) -> None:
    """That of a client's namespace, too, and with a wildcard."""
    first, *others = _found(rule)
    if rule[2].startswith("*"):
        assert len(others) == 1, "it covers both hosts"
        (first,) = others
    assert first == (
        f"failover.0.hosts.1: {_HOST}: west has {rule[0]} {rule[1]}, which is for this host, too, and would "
        "override failover; expected one of the two: delete what is there, or leave the host out "
        "(docs/failover.md#rules-of-your-own)"
    )


@pytest.mark.parametrize(
    "rule",
    [
        ("DestinationRule", f"istio-system/failover-{_HOST}", _HOST),
        ("VirtualService", f"istio-system/failover-{_HOST}", _HOST),
        ("DestinationRule", "istio-system/default", "*.local"),
        ("VirtualService", "shop/all", "*.shop.svc.cluster.local"),
        ("DestinationRule", "other/checkout", "checkout"),
        ("DestinationRule", "shop/pay", "pay"),
    ],
    ids=" ".join,
)
def test_a_rule_that_is_less_specific_or_for_another_host_is_left_alone(rule: tuple[str, str, str]) -> None:
    """And the stack's own."""
    assert _found(rule) == []


def test_all_that_is_in_the_way_of_a_host_is_told_at_once() -> None:
    """In one message for each cluster."""
    (message,) = _found(
        ("DestinationRule", "shop/checkout", _HOST), ("VirtualService", "shop/checkout", _HOST)
    )
    assert "west has DestinationRule shop/checkout, VirtualService shop/checkout, which are for" in message


def test_rules_that_may_not_be_read_are_a_problem_and_no_answer_is_none() -> None:
    """A cluster that is away is updated later, or not at all."""
    found = {"east": TrafficRules(refused="HTTP 403"), "west": TrafficRules(unreachable="timed out")}
    assert [str(problem) for problem in problems(_config(), found)] == [
        "failover: the DestinationRules and VirtualServices of east cannot be read: HTTP 403; expected a "
        "user in the kubeconfig who may list them in all namespaces"
    ]


def test_rules_are_looked_for_where_failover_is_configured() -> None:
    """Not where nothing reads them, nor in a cluster that is away."""
    clusters: dict[str, dict[str, Any]] = {
        "east": {},
        "ambient": {"dataPlane": "ambient"},
        "away": {"offline": True},
    }
    assert used(_config(clusters)) == ("east",)
    assert used(stack_config(clusters)) == ()


def test_nodes_without_a_region_are_counted_where_the_order_goes_by_it() -> None:
    """By cluster; of one whose nodes cannot be read nothing is said."""
    nodes = {"east": [_REGION, Node()], "west": [_REGION]}
    config = _config({"east": {}, "west": {}, "north": {}}, prefer="region")
    assert by_region(config) == ("east", "west", "north")
    assert list(warnings(config, nodes)) == [
        "1 of the 2 nodes of east have no label topology.kubernetes.io/region: for `prefer: region` all such "
        "nodes of the mesh are one region (docs/failover.md#regions)"
    ]
    assert list(warnings(_config(), nodes)) == []
