"""Who gets which load balancer address, without a cluster."""

import dataclasses

from sandbox.cluster.load_balancer import Claim, assignments, claim_of, of_families, port_rules

_POOL = ("10.0.0.1", "10.0.0.2")


def _claim(name: str, *holds: str, wants: bool = True, asks: str | None = None) -> Claim:
    return Claim(namespace="default", name=name, wants=wants, asks=asks, holds=holds)


def test_each_service_gets_an_address_of_its_own():
    """Two Services never share one."""
    given = assignments([_claim("a"), _claim("b")], _POOL)
    assert given == {"default/a": ("10.0.0.1",), "default/b": ("10.0.0.2",)}


def test_a_service_keeps_its_address():
    """A newcomer that comes first in the alphabet does not take it."""
    given = assignments([_claim("a"), _claim("b", "10.0.0.1")], _POOL)
    assert given == {"default/a": ("10.0.0.2",)}


def test_a_service_without_a_free_address_waits():
    """The third of two gets none, and no status is written for it."""
    claims = [_claim("a", "10.0.0.1"), _claim("b", "10.0.0.2"), _claim("c")]
    assert assignments(claims, _POOL) == {}


def test_an_address_is_taken_back_and_given_on():
    """Who is no load balancer any more frees its address for the one that waits."""
    claims = [_claim("a", "10.0.0.1", wants=False), _claim("b", "10.0.0.2"), _claim("c")]
    assert assignments(claims, _POOL) == {"default/a": (), "default/c": ("10.0.0.1",)}


def test_an_address_of_another_pool_is_replaced():
    """After the sandbox has moved to another subnet, old addresses are worth nothing."""
    assert assignments([_claim("a", "10.9.9.9")], _POOL) == {"default/a": ("10.0.0.1",)}


def test_two_services_with_one_address_are_told_apart():
    """Only the first keeps it."""
    given = assignments([_claim("a", "10.0.0.1"), _claim("b", "10.0.0.1")], _POOL)
    assert given == {"default/b": ("10.0.0.2",)}


def test_a_service_may_ask_for_an_address():
    """It gets that one or none, and leaves another that it holds."""
    assert assignments([_claim("a", asks="10.0.0.2")], _POOL) == {"default/a": ("10.0.0.2",)}
    assert assignments([_claim("a", asks="10.9.9.9")], _POOL) == {}
    assert assignments([_claim("a", "10.0.0.1", asks="10.0.0.2")], _POOL) == {"default/a": ("10.0.0.2",)}


def test_a_service_is_read_as_the_api_has_it():
    """Type, wish and status of the JSON come through; one that is being deleted wants nothing."""
    service = {
        "metadata": {"namespace": "n", "name": "s"},
        "spec": {
            "type": "LoadBalancer",
            "loadBalancerIP": "10.0.0.2",
            "ipFamilies": ["IPv6", "IPv4"],
            "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "nodePort": 30053, "protocol": "UDP"}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}},
    }
    expected = Claim(
        namespace="n",
        name="s",
        wants=True,
        asks="10.0.0.2",
        holds=("10.0.0.1",),
        ports=((80, 30080),),
        families=("IPv6", "IPv4"),
    )
    assert claim_of(service) == expected
    service["status"] = {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}
    assert claim_of(service).holds == ("lb.example",)
    service["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert not claim_of(service).wants
    assert not claim_of({"metadata": service["metadata"], "spec": {"type": "ClusterIP"}}).wants


def test_ports_of_a_host_name_lead_to_node_ports_and_back():
    """Only those of Services that have one."""
    ports = ((15443, 31000), (15012, 31001))
    served = dataclasses.replace(_claim("a", "lb.example"), ports=ports)
    waiting = dataclasses.replace(_claim("b"), ports=((80, 30080),))
    rules = port_rules([served, waiting], {"lb.example": "10.0.0.1"})
    for port, node_port in ports:
        assert f"ip daddr 10.0.0.1 tcp dport {port} tcp dport set {node_port}\n" in rules
        assert f"ip saddr 10.0.0.1 tcp sport {node_port} tcp sport set {port}\n" in rules
    assert "30080" not in rules


def test_a_service_gets_an_address_in_each_of_its_families():
    """In their order, as far as there is one."""
    pair = {"10.0.0.1": "fd00::1"}
    assert of_families("10.0.0.1", ["IPv6", "IPv4"], pair) == ("fd00::1", "10.0.0.1")
    assert of_families("10.0.0.1", ["IPv6"], pair) == ("fd00::1",)
    assert of_families("10.0.0.1", ["IPv4", "IPv6"], {}) == ("10.0.0.1",)
