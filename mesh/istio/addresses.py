"""The addresses at which other networks reach an east-west gateway. Pure.

The program, its outputs and its checks all take them from here, as istiod takes them from a Service
(`ConvertService` and `extractGatewaysInner` in `pilot/pkg/serviceregistry/kube` in istio/istio).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import ServiceType
from mesh.istio.names import (
    GATEWAY_PORT,
    GATEWAY_PORT_LABEL,
    HBONE_PORT,
    NETWORK_LABEL,
    NODE_SELECTOR_ANNOTATION,
)
from mesh.mappings import Json, as_map, at
from mesh.plan import has_sidecars, remotes, served

_EXTERNAL = "ExternalIP"


@dataclass(frozen=True, kw_only=True)
class PeerAddress:
    """An IP address or a host name with a port, at which peers connect to a gateway."""

    address: str
    port: int = GATEWAY_PORT

    def __str__(self) -> str:
        """The address, with its port where that is another than usual."""
        return self.address if self.port == GATEWAY_PORT else self.authority

    @property
    def authority(self) -> str:
        """Address and port as in a URL."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def without_port(text: str) -> str:
    """The address in the text of a `PeerAddress`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of a cluster: its labels, and the first of its external addresses."""

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    address: str | None = None


@dataclass(frozen=True, kw_only=True)
class GatewayService:
    """What makes addresses of a Service.

    `ports` has its ports with their node ports, `reported` the IP or host name of each entry that the load
    balancer has reported.
    """

    type: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    ports: Mapping[int, int | None]
    reported: Sequence[str] = ()
    external_ips: Sequence[str] = ()

    @property
    def by_nodes(self) -> bool:
        """Whether its addresses are those of nodes."""
        return self.type == ServiceType.NODE_PORT and NODE_SELECTOR_ANNOTATION in self.annotations


def given(cluster: ClusterConfig) -> tuple[PeerAddress, ...]:
    """The addresses that the stack gives for a cluster's gateway, in place of those of its Service.

    A port that is given with one is that of the cluster's data plane: in an ambient cluster, it leads to the
    other gateway.
    """
    return _given(cluster, GATEWAY_PORT, own_ports=cluster.data_plane.has_sidecars)


def given_hbone(cluster: ClusterConfig) -> tuple[PeerAddress, ...]:
    """The addresses that the stack gives for a cluster's gateway for ambient workloads."""
    return _given(cluster, HBONE_PORT, own_ports=not cluster.data_plane.has_sidecars)


def _given(cluster: ClusterConfig, port: int, *, own_ports: bool) -> tuple[PeerAddress, ...]:
    return tuple(
        PeerAddress(address=a.address, port=(a.port if own_ports else None) or port)
        for a in cluster.gateway.addresses
    )


@dataclass(frozen=True, kw_only=True)
class PeerGateway:
    """What another stack says of a cluster's gateways: the network behind them, and their given addresses.

    `hbone` are those of the gateway for ambient workloads.
    """

    network: str
    addresses: tuple[PeerAddress, ...] = ()
    hbone: tuple[PeerAddress, ...] = ()


def ways(
    config: StackConfig, cluster: str, peers: Mapping[str, PeerGateway] | None = None
) -> dict[str, tuple[PeerAddress, ...]]:
    """The configured addresses of gateways for a cluster's istiod, by network.

    All others it finds by itself. Those of a network it does not need where all that it serves is on that.

    Args:
        config: of the stack.
        cluster: the name of the cluster that calls.
        peers: what other stacks say of their clusters, by name.
    """
    if not has_sidecars(config):
        return {}
    stated = _stated(config, peers)
    callers = {config.clusters[name].network for name in (cluster, *served(config, cluster))}
    found: dict[str, tuple[PeerAddress, ...]] = {}
    for called in (cluster, *remotes(config, cluster)):
        gateway = stated.get(called)
        if gateway is None or not gateway.addresses or callers == {gateway.network}:
            continue
        both = (*found.get(gateway.network, ()), *gateway.addresses)
        found[gateway.network] = tuple(dict.fromkeys(both))
    return found


def hbone_ways(
    config: StackConfig, cluster: str, peers: Mapping[str, PeerGateway] | None = None
) -> dict[str, PeerAddress]:
    """The configured addresses of gateways for a cluster's ambient workloads, by network.

    One for each: istiod takes no more of them (issue 56960 of istio/istio). The arguments are those of
    `ways`.
    """
    own = config.clusters[cluster]
    if not own.data_plane.has_ztunnel:
        return {}
    stated = _stated(config, peers)
    return {
        gateway.network: gateway.hbone[0]
        for called in remotes(config, cluster)
        if (gateway := stated.get(called)) and gateway.hbone and gateway.network != own.network
    }


def _stated(config: StackConfig, peers: Mapping[str, PeerGateway] | None) -> dict[str, PeerGateway]:
    """What is said of the gateways of all clusters, by name."""
    own = {
        name: PeerGateway(
            network=cluster.network,
            addresses=given(cluster),
            hbone=given_hbone(cluster) if cluster.data_plane.has_ztunnel else (),
        )
        for name, cluster in config.clusters.items()
    }
    return {**(peers or {}), **own}


def discovered(
    service: GatewayService | None, nodes: Iterable[Node] = (), port: int | None = None
) -> tuple[PeerAddress, ...]:
    """The addresses that istiod finds for a gateway by its Service, each once.

    A Service without a network's label, or without the gateway's port, has none for it. Those of nodes count
    where there are no external IPs. Without `port`, it is the one that the Service's labels say.
    """
    if service is None or NETWORK_LABEL not in service.labels:
        return ()
    port = port or _port(service)
    if port not in service.ports:
        return ()
    found = [*service.reported, *service.external_ips]
    if service.by_nodes:
        found = found or [node.address for node in selected(service.annotations, nodes) if node.address]
        port = service.ports[port] or port
    return tuple(PeerAddress(address=address, port=port) for address in dict.fromkeys(found) if address)


def selected(annotations: Mapping[str, str], nodes: Iterable[Node]) -> tuple[Node, ...]:
    """The nodes that a Service's annotation selects by their labels; all where it cannot be read."""
    try:
        labels = as_map(json.loads(annotations.get(NODE_SELECTOR_ANNOTATION) or "{}")) or {}
    except ValueError:
        labels = {}
    return tuple(node for node in nodes if labels.items() <= node.labels.items())


def gateway_service(service: Json) -> GatewayService:
    """What counts of a Service, as the API server gives it."""
    ingress: Sequence[Json] = at(service, "status", "loadBalancer", "ingress") or []
    ports: Sequence[Json] = at(service, "spec", "ports") or []
    balanced = at(service, "spec", "type") == ServiceType.LOAD_BALANCER
    return GatewayService(
        type=str(at(service, "spec", "type")),
        labels=_texts(at(service, "metadata", "labels")),
        annotations=_texts(at(service, "metadata", "annotations")),
        ports={int(port["port"]): port.get("nodePort") for port in ports},
        reported=[str(e.get("ip") or e.get("hostname") or "") for e in ingress] if balanced else (),
        external_ips=at(service, "spec", "externalIPs") or (),
    )


def told(config_map: Json | None) -> dict[str, tuple[PeerAddress, ...]]:
    """The addresses of gateways in istiod's ConfigMap, by network; nothing where it cannot be parsed."""
    try:
        document = as_map(yaml.safe_load(str(at(config_map, "data", "meshNetworks") or "")))
    except yaml.YAMLError:
        return {}
    networks = as_map(at(document, "networks")) or {}
    return {network: tuple(_gateways(entry)) for network, entry in networks.items()}


def _gateways(network: object) -> Iterator[PeerAddress]:
    gateways: Sequence[Json] = at(as_map(network), "gateways") or []
    for gateway in gateways:
        if address := gateway.get("address"):
            port = gateway.get("port")
            yield PeerAddress(address=str(address), port=port if isinstance(port, int) else 0)


def node(document: Json) -> Node:
    """What counts of a Node, as the API server gives it."""
    addresses: Sequence[Json] = at(document, "status", "addresses") or []
    external = (str(a.get("address")) for a in addresses if a.get("type") == _EXTERNAL and a.get("address"))
    return Node(labels=_texts(at(document, "metadata", "labels")), address=next(external, None))


def _port(service: GatewayService) -> int:
    label = service.labels.get(GATEWAY_PORT_LABEL, "")
    return int(label) if label.isdecimal() else GATEWAY_PORT


def _texts(values: Any) -> dict[str, str]:
    return {key: str(value) for key, value in (as_map(values) or {}).items()}
