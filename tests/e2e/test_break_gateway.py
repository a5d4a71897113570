"""What keeps calls from another cluster's gateway is named by `mesh verify`, and its hint mends it."""

from collections.abc import Callable
from typing import Any

import pytest

from mesh.istio.names import GATEWAY, GATEWAY_PORT
from tests.e2e.faults import SYSTEM, follow, passes, patch, sees
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]


def test_a_gateway_scaled_to_zero_is_named(mesh: Stack, kube: View) -> None:
    """Its Service and address are there, its pods are not."""
    kube("west").kubectl("scale", f"--namespace={SYSTEM}", f"deployment/{GATEWAY}", "--replicas=0")
    verdict = sees(mesh, "east", "west", "gateway-down")
    assert set(verdict.failed()) == {("east", "west")}, verdict
    follow(mesh, kube, verdict, "east", "west")


def test_a_gateway_without_an_address_is_named(mesh: Stack, kube: View) -> None:
    """The load balancer is asked for an address that it does not have; connections that stand go on."""
    patch(kube("west"), "service", GATEWAY, {"spec": {"loadBalancerIP": "192.0.2.9"}})
    verdict = sees(mesh, "east", "west", "gateway-without-address")
    assert set(verdict.failed()) == {("east", "west")}, verdict
    follow(mesh, kube, verdict, "east", "west")


def test_a_blocked_port_is_named(mesh: Stack, kube: View, start_clusters: Callable[..., Any]) -> None:
    """A firewall in front of the gateway drops what comes for 15443, and says nothing."""
    west: Any = start_clusters("west")["west"]
    rule = [
        "PREROUTING",
        "-p",
        "tcp",
        "-d",
        _address(kube("west")),
        "--dport",
        str(GATEWAY_PORT),
        "-j",
        "DROP",
    ]
    west.run(["iptables", "-t", "raw", "-I", *rule]).check_returncode()
    try:
        verdict = sees(mesh, "east", "west", "gateway-port-unreachable", seconds=120)
        assert set(verdict.failed()) == {("east", "west")}, verdict
    finally:
        # What the hint says has no command: the port is allowed again.
        west.run(["iptables", "-t", "raw", "-D", *rule]).check_returncode()
    passes(mesh)


def test_a_removed_cross_network_gateway_is_named(mesh: Stack, kube: View) -> None:
    """The gateway runs, and has nothing to let through."""
    kube("west").kubectl(
        "delete", "gateways.networking.istio.io", "cross-network-gateway", f"--namespace={SYSTEM}"
    )
    verdict = sees(mesh, "east", "west", "cross-network-gateway-missing")
    assert set(verdict.failed()) == {("east", "west")}, verdict
    follow(mesh, kube, verdict, "east", "west")


@pytest.mark.parametrize("label", ["topology.istio.io/network-", "topology.istio.io/network=net-other"])
def test_a_changed_network_label_is_named(mesh: Stack, kube: View, label: str) -> None:
    """By the label on istio-system istiod knows a cluster's network; one that is changed is taken back."""
    kube("west").kubectl("label", "namespace", SYSTEM, "--overwrite", label)
    verdict = sees(mesh, "east", "west", "network-label-missing")
    assert set(verdict.failed()) == {("east", "west")}, verdict
    follow(mesh, kube, verdict, "east", "west")


def _address(kube: Kube) -> str:
    service = kube.get("service", GATEWAY, f"--namespace={SYSTEM}")
    return str(service["status"]["loadBalancer"]["ingress"][0]["ip"])
