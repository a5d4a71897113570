"""The east-west gateway, read from the recorded mesh."""

import pytest

from mesh.istio.addresses import PeerAddress
from mesh.live.facts import Gateway, Workload
from mesh.live.gateways import read_gateway
from tests.recordings.recorded import SYSTEM, Recording

_SERVICE = f"{SYSTEM}/services/istio-eastwestgateway"
_GATEWAYS = "/apis/networking.istio.io/v1/namespaces/istio-system/gateways"
_PODS = {"path": f"{SYSTEM}/pods", "labelSelector": "istio=eastwestgateway"}


def _shown(gateway: Gateway) -> list[str]:
    return [str(address) for address in gateway.addresses]


def _read(recording: Recording) -> Gateway:
    return read_gateway(recording.api("west"))


def test_a_running_gateway_has_a_pod_and_an_address_and_exposes_services(recording: Recording) -> None:
    """The address is that of its load balancer."""
    [ingress] = recording.object("west", _SERVICE)["status"]["loadBalancer"]["ingress"]
    assert _read(recording) == Gateway(
        service="LoadBalancer",
        workload=Workload(pods=1, ready=1, injected=1),
        addresses=(PeerAddress(address=ingress["ip"]),),
        discovered=(PeerAddress(address=ingress["ip"]),),
        hosts=("*.local",),
        own_hosts=("*.local",),
    )


def test_a_gateway_without_a_service_has_no_address(recording: Recording) -> None:
    """Its pods may run all the same."""
    recording.remove("west", _SERVICE)
    gateway = _read(recording)
    assert (gateway.service, gateway.addresses, gateway.workload.ready) == (None, (), 1)


def test_external_addresses_of_a_service_count(recording: Recording) -> None:
    """Where there is no load balancer."""
    service = recording.object("west", _SERVICE)
    service["status"] = {"loadBalancer": {}}
    service["spec"] |= {"type": "ClusterIP", "externalIPs": ["198.51.100.7"]}
    gateway = _read(recording)
    assert (gateway.service, _shown(gateway)) == ("ClusterIP", ["198.51.100.7"])


def test_a_load_balancer_with_a_host_name_counts(recording: Recording) -> None:
    """As on AWS."""
    service = recording.object("west", _SERVICE)
    service["status"]["loadBalancer"]["ingress"] = [{"hostname": "lb.example.com"}]
    assert _shown(_read(recording)) == ["lb.example.com"]


def test_addresses_that_the_stack_gives_are_those_that_peers_use(recording: Recording) -> None:
    """What istiod would find by the Service is told beside them."""
    given = (PeerAddress(address="198.51.100.7", port=31443),)
    [ingress] = recording.object("west", _SERVICE)["status"]["loadBalancer"]["ingress"]
    gateway = read_gateway(recording.api("west"), given)
    assert (gateway.addresses, gateway.given) == (given, True)
    assert gateway.discovered == (PeerAddress(address=ingress["ip"]),)
    del recording.object("west", _SERVICE)["metadata"]["labels"]["topology.istio.io/network"]
    assert read_gateway(recording.api("west"), given).discovered == ()


def test_node_ports_have_the_addresses_of_nodes(recording: Recording) -> None:
    """Those of type ExternalIP, with the node port that leads to the gateway's."""
    service = recording.object("west", _SERVICE)
    service["spec"]["type"] = "NodePort"
    service["metadata"]["annotations"] = {"traffic.istio.io/nodeSelector": "{}"}
    addresses = [{"type": "InternalIP", "address": "10.0.0.1"}]
    node = {"metadata": {"name": "node", "labels": {}}, "status": {"addresses": addresses}}
    recording.add("west", "/api/v1/nodes", {"items": [node]})
    assert _shown(_read(recording)) == []
    addresses.append({"type": "ExternalIP", "address": "203.0.113.1"})
    [port] = [p["nodePort"] for p in service["spec"]["ports"] if p["port"] == 15443]
    assert _shown(_read(recording)) == [f"203.0.113.1:{port}"]


def test_pods_that_are_not_ready_or_gone_do_not_count(recording: Recording) -> None:
    """As ready, or at all."""
    [pod] = recording.items("west", **_PODS)
    pod["status"]["conditions"] = []
    assert _read(recording).workload == Workload(pods=1, ready=0, injected=1)
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert _read(recording).workload == Workload()


@pytest.mark.parametrize(
    "change", [{"tls": {"mode": "SIMPLE"}}, {"port": {"number": 443}}, {"tls": None}, {"port": None}]
)
def test_a_gateway_that_passes_nothing_through_exposes_nothing(
    recording: Recording, change: dict[str, object]
) -> None:
    """Another port, or TLS that ends at the gateway."""
    [gateway] = recording.items("west", _GATEWAYS)
    [server] = gateway["spec"]["servers"]
    server |= change
    assert not _read(recording).hosts


def test_a_cluster_without_the_kind_exposes_nothing(recording: Recording) -> None:
    """Istio's definitions are not there before Istio is."""
    recording.remove("west", _GATEWAYS)
    assert not _read(recording).hosts
