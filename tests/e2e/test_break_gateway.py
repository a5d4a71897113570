"""Whatever keeps calls from getting through another cluster's gateway is found and named by `mesh verify`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from mesh.istio.names import GATEWAY, GATEWAY_PORT
from tests.e2e.faults import SYSTEM, deleted, passes, patched, sees
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]


@pytest.fixture(autouse=True)
def _repaired(mesh: Stack) -> Iterator[None]:
    """Each test leaves a mesh behind that passes."""
    yield
    passes(mesh)


def test_a_gateway_scaled_to_zero_is_named(mesh: Stack, kube: View) -> None:
    """Its Service and address are there, its pods are not."""
    west = kube("west")
    west.kubectl("scale", f"--namespace={SYSTEM}", f"deployment/{GATEWAY}", "--replicas=0")
    try:
        verdict = sees(mesh, "east", "west", "gateway-down")
        assert set(verdict.failed()) == {("east", "west")}, verdict
    finally:
        west.kubectl("scale", f"--namespace={SYSTEM}", f"deployment/{GATEWAY}", "--replicas=1")


def test_a_gateway_without_an_address_is_named(mesh: Stack, kube: View) -> None:
    """The load balancer is asked for an address that it does not have; connections that stand go on."""
    broken, right = ({"spec": {"loadBalancerIP": address}} for address in ("192.0.2.9", None))
    with patched(kube("west"), "service", GATEWAY, broken, right):
        verdict = sees(mesh, "east", "west", "gateway-without-address")
        assert set(verdict.failed()) == {("east", "west")}, verdict


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
        west.run(["iptables", "-t", "raw", "-D", *rule]).check_returncode()


def test_a_removed_cross_network_gateway_is_named(mesh: Stack, kube: View) -> None:
    """The gateway runs, and has nothing to let through."""
    with deleted(kube("west"), "gateways.networking.istio.io", "cross-network-gateway"):
        verdict = sees(mesh, "east", "west", "cross-network-gateway-missing")
        assert set(verdict.failed()) == {("east", "west")}, verdict


def test_a_removed_network_label_is_named(mesh: Stack, kube: View) -> None:
    """By the label on istio-system istiod knows the network of a cluster."""
    label = "topology.istio.io/network"
    with patched(
        kube("west"), "namespace", SYSTEM, _labels({label: None}), _labels({label: "net-west"}), namespace=""
    ):
        verdict = sees(mesh, "east", "west", "network-label-missing")
        assert set(verdict.failed()) == {("east", "west")}, verdict


def _labels(labels: Mapping[str, str | None]) -> dict[str, Any]:
    return {"metadata": {"labels": dict(labels)}}


def _address(kube: Kube) -> str:
    service = kube.get("service", GATEWAY, f"--namespace={SYSTEM}")
    return str(service["status"]["loadBalancer"]["ingress"][0]["ip"])
