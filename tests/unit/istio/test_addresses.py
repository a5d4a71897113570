"""Which addresses of a gateway peers use."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from mesh.config.resolved import StackConfig
from mesh.config.sections.gateway import GatewayAddressSection
from mesh.istio.addresses import (
    GatewayService,
    Node,
    PeerAddress,
    PeerGateway,
    discovered,
    gateway_service,
    given,
    given_hbone,
    hbone_ways,
    node,
    ways,
    without_port,
)
from tests.builders.stacks import stack_config

_NETWORK = "topology.istio.io/network"
_NODES = (
    Node(labels={"role": "edge"}, address="203.0.113.1"),
    Node(labels={}, address="203.0.113.2"),
    Node(labels={"role": "edge"}, address=None),
)


def _discovered(
    nodes: tuple[Node, ...] = (),
    *,
    kind: str = "LoadBalancer",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    ports: tuple[Mapping[str, Any], ...] = ({"port": 15021}, {"port": 15443, "nodePort": 31443}),
    ingress: tuple[Mapping[str, Any], ...] = (),
    external: tuple[str, ...] = (),
) -> list[str]:
    service = {
        "metadata": {"labels": {_NETWORK: "net-east", **(labels or {})}, "annotations": annotations},
        "spec": {"type": kind, "ports": list(ports), "externalIPs": list(external)},
        "status": {"loadBalancer": {"ingress": list(ingress)}},
    }
    return [address.authority for address in discovered(gateway_service(service), nodes)]


@pytest.mark.parametrize(
    ("ingress", "external", "expected"),
    [
        (({"ip": "203.0.113.7"},), (), ["203.0.113.7:15443"]),
        (({"hostname": "a.elb.example.com"},), (), ["a.elb.example.com:15443"]),
        (({},), (), []),
        (({"ip": "", "hostname": ""}, {"ip": "2001:db8::7"}), (), ["[2001:db8::7]:15443"]),
        (
            ({"ip": "203.0.113.7"},),
            ("198.51.100.1", "203.0.113.7"),
            ["203.0.113.7:15443", "198.51.100.1:15443"],
        ),
        ((), (), []),
    ],
)
def test_every_address_is_given_once_and_an_empty_entry_gives_none(
    ingress: tuple[Mapping[str, Any], ...], external: tuple[str, ...], expected: list[str]
) -> None:
    """A load balancer that is being created has entries without an address."""
    assert _discovered(ingress=ingress, external=external) == expected


def test_a_service_without_a_networks_label_gives_no_address() -> None:
    """To istiod it is no gateway; nor is one without the port, or none at all."""
    service = {"spec": {"type": "LoadBalancer", "ports": [{"port": 15443}], "externalIPs": ["203.0.113.7"]}}
    assert discovered(gateway_service(service)) == ()
    assert _discovered(ports=({"port": 443},), external=("203.0.113.7",)) == []
    assert discovered(None) == ()


@pytest.mark.parametrize(("label", "port"), [("443", 443), ("https", 15443)])
def test_the_label_says_which_port_peers_call(label: str, port: int) -> None:
    """One that is no number says nothing."""
    found = _discovered(
        labels={"networking.istio.io/gatewayPort": label},
        ports=({"port": 443}, {"port": 15443}),
        ingress=({"ip": "203.0.113.7"},),
    )
    assert found == [f"203.0.113.7:{port}"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("{}", ["203.0.113.1:31443", "203.0.113.2:31443"]),
        ('{"role": "edge"}', ["203.0.113.1:31443"]),
        ("no JSON", ["203.0.113.1:31443", "203.0.113.2:31443"]),
        ('{"role": "core"}', []),
    ],
)
def test_node_ports_are_called_at_external_addresses_of_selected_nodes(
    selector: str, expected: list[str]
) -> None:
    """By the node port that leads to the gateway's."""
    annotations = {"traffic.istio.io/nodeSelector": selector}
    assert _discovered(_NODES, kind="NodePort", annotations=annotations) == expected


def test_external_ips_of_a_service_with_node_ports_count_instead_of_its_nodes() -> None:
    """With the node port, as istiod maps it."""
    annotations = {"traffic.istio.io/nodeSelector": "{}"}
    found = _discovered(_NODES, kind="NodePort", annotations=annotations, external=("198.51.100.1",))
    assert found == ["198.51.100.1:31443"]


@pytest.mark.parametrize("kind", ["NodePort", "ClusterIP"])
def test_without_the_annotation_no_node_counts(kind: str) -> None:
    """Nor does what a load balancer has reported before the type changed."""
    assert _discovered(_NODES, kind=kind, ingress=({"ip": "203.0.113.7"},)) == []
    assert _discovered(_NODES, kind=kind, external=("198.51.100.1",)) == ["198.51.100.1:15443"]


def test_the_first_external_address_of_a_node_counts() -> None:
    """Internal ones and host names do not."""
    addresses = [
        {"type": "InternalIP", "address": "10.0.0.1"},
        {"type": "ExternalIP", "address": "203.0.113.1"},
        {"type": "ExternalIP", "address": "203.0.113.9"},
    ]
    document = {"metadata": {"labels": {"a": "b"}}, "status": {"addresses": addresses}}
    assert node(document) == Node(labels={"a": "b"}, address="203.0.113.1")
    assert node({"metadata": {}, "status": {"addresses": addresses[:1]}}) == Node(labels={}, address=None)


@pytest.mark.parametrize(
    ("address", "shown", "authority"),
    [
        (PeerAddress(address="203.0.113.7"), "203.0.113.7", "203.0.113.7:15443"),
        (PeerAddress(address="203.0.113.7", port=443), "203.0.113.7:443", "203.0.113.7:443"),
        (PeerAddress(address="2001:db8::1"), "2001:db8::1", "[2001:db8::1]:15443"),
        (PeerAddress(address="2001:db8::1", port=443), "[2001:db8::1]:443", "[2001:db8::1]:443"),
    ],
)
def test_a_port_is_shown_where_it_is_another_than_usual(
    address: PeerAddress, shown: str, authority: str
) -> None:
    """Outputs of a mesh with the usual port stay as they are."""
    assert (str(address), address.authority) == (shown, authority)


def _addresses(*addresses: str, **more: object) -> dict[str, object]:
    return {"gateway": {"addresses": [{"address": a, "port": 31443} for a in addresses]}, **more}


def test_addresses_that_are_given_are_told_to_those_who_see_the_cluster() -> None:
    """By network, and to nobody in that network."""
    config = stack_config(
        {
            "east": {},
            "west": _addresses("198.51.100.7", "gw.example.com"),
            "far": {"sees": ["east"]},
        }
    )
    west = given(config.clusters["west"])
    assert [a.authority for a in west] == ["198.51.100.7:31443", "gw.example.com:31443"]
    assert ways(config, "east") == {"net-west": west}
    assert ways(config, "west") == {}, "east and far are found by their Services"
    assert ways(config, "far") == {}, "it does not see west"


def test_addresses_of_other_stacks_are_told_as_they_state_them() -> None:
    """Those of a cluster in one's own network are of no use."""
    config = stack_config({"east": {}}, peers={n: {"stack": "organization/istio-mesh/far"} for n in "abc"})
    address = PeerAddress(address="198.51.100.7")
    peers = {
        "a": PeerGateway(network="net-a", addresses=(address,)),
        "b": PeerGateway(network="net-east", addresses=(address,)),
    }
    assert ways(config, "east", peers) == {"net-a": (address,)}


def test_clusters_of_one_network_are_told_together() -> None:
    """Each address once: any gateway leads into the network."""
    config = stack_config({"east": {}}, peers={n: {"stack": "organization/istio-mesh/far"} for n in "ab"})
    one, two = PeerAddress(address="198.51.100.7"), PeerAddress(address="198.51.100.8")
    peers = {n: PeerGateway(network="net", addresses=(one, *((two,) if n == "b" else ()))) for n in "ab"}
    assert ways(config, "east", peers) == {"net": (one, two)}


def test_a_primary_is_told_its_own_address_for_a_remote_on_another_network() -> None:
    """Its istiod tells the remote's proxies the way; on one network they need none."""
    nat = {"gateway": {"addresses": [{"address": "198.51.100.7", "port": 31443}]}}
    clusters = {"hub": {"network": "eu", **nat}, "worker": {"network": "edge", "controlPlane": "hub"}}
    address = PeerAddress(address="198.51.100.7", port=31443)
    assert ways(stack_config(clusters), "hub") == {"eu": (address,)}
    clusters["worker"]["network"] = "eu"
    assert ways(stack_config(clusters), "hub") == {}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:31443", "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]:31443", "2001:db8::7"),
    ],
)
def test_an_address_without_its_port_is_what_it_was(text: str, address: str) -> None:
    """In both families."""
    assert without_port(text) == address


def _meshed(plane: str, port: int | None = None, **west: Any) -> StackConfig:
    address = {"address": "198.51.100.7", **({"port": port} if port else {})}
    east = {"dataPlane": plane, "gateway": {"addresses": [address]}}
    return stack_config({"east": east, "west": {"dataPlane": plane, **west}})


def test_ambient_workloads_are_told_given_addresses_apart() -> None:
    """Istiod takes them from a Gateway, and not from its networks, which are for sidecars."""
    config = _meshed("ambient", 25008)
    assert hbone_ways(config, "west") == {"net-east": PeerAddress(address="198.51.100.7", port=25008)}
    assert hbone_ways(config, "east") == {}
    assert ways(config, "west") == {}
    sidecars = _meshed("sidecar", 25008)
    assert hbone_ways(sidecars, "west") == {}
    assert ways(sidecars, "west") == {"net-east": (PeerAddress(address="198.51.100.7", port=25008),)}


def test_who_does_not_see_a_cluster_is_not_told_its_address() -> None:
    """As with sidecars."""
    assert hbone_ways(_meshed("ambient", 25008, sees=[]), "west") == {}


def test_ambient_workloads_are_told_the_addresses_of_other_stacks() -> None:
    """One for each network: istiod takes no more."""
    config = stack_config({"west": {}}, dataPlane="ambient", peers={"far": {"stack": "a/b/c"}})
    first, second = (PeerAddress(address=f"198.51.100.{n}", port=15008) for n in (1, 2))
    far = PeerGateway(network="net-far", hbone=(first, second))
    assert hbone_ways(config, "west", {"far": far}) == {"net-far": first}
    assert hbone_ways(config, "west", {"far": PeerGateway(network="net-far", addresses=(first,))}) == {}


def test_a_gateway_for_ambient_workloads_has_the_addresses_of_its_own_port() -> None:
    """A Service that lacks it leads to none."""
    service = GatewayService(
        type="LoadBalancer", labels={_NETWORK: "n"}, annotations={}, ports={15008: None}, reported=("a",)
    )
    assert [str(a) for a in discovered(service, port=15008)] == ["a:15008"]
    assert discovered(service) == ()


@pytest.mark.parametrize(
    ("plane", "ports", "hbone_ports"),
    [
        ("sidecar", [15443, 25008], [15008, 15008]),
        ("both", [15443, 25008], [15008, 15008]),
        ("ambient", [15443, 15443], [15008, 25008]),
    ],
)
def test_the_port_of_a_given_address_is_that_of_the_gateway_of_the_data_plane(
    plane: str, ports: list[int], hbone_ports: list[int]
) -> None:
    """The other gateway has its usual port, and so has an address without one."""
    east = stack_config({"east": {"dataPlane": plane}}).clusters["east"]
    addresses = (
        GatewayAddressSection(address="198.51.100.7"),
        GatewayAddressSection(address="198.51.100.7", port=25008),
    )
    cluster = replace(east, gateway=east.gateway.model_copy(update={"addresses": addresses}))
    assert [address.port for address in given(cluster)] == ports
    assert [address.port for address in given_hbone(cluster)] == hbone_ports
