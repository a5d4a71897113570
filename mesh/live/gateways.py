"""Reads the east-west gateway of a cluster and what it exposes."""

from collections.abc import Iterator, Sequence

from mesh.config.resolved import Connection
from mesh.istio.addresses import Node, PeerAddress, discovered, gateway_service, node
from mesh.istio.names import CROSS_NETWORK_GATEWAY, GATEWAY, GATEWAY_LABEL, GATEWAY_PORT, NAMESPACE
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.facts import Gateway
from mesh.live.istio_system import SYSTEM
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.pods import workload
from mesh.mappings import Json, at

_GATEWAYS = f"/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/gateways"


def read_gateway(api: KubernetesApi, given: tuple[PeerAddress, ...] = ()) -> Gateway:
    """The gateway's Service and pods, and the Istio Gateways beside it.

    `given` are the addresses that the stack gives in place of those of the Service.
    """
    document = api.find(f"{SYSTEM}/services/{GATEWAY}")
    service = gateway_service(document) if document else None
    pods = read_gateway_pods(api)
    hosts = {
        str(gateway["metadata"]["name"]): tuple(passed_through(gateway)) for gateway in api.list(_GATEWAYS)
    }
    found = discovered(service, read_nodes(api) if service and service.by_nodes else ())
    return Gateway(
        service=service.type if service else None,
        requested=at(document, "spec", "loadBalancerIP"),
        workload=workload(pods),
        hosts=tuple(host for of_one in hosts.values() for host in of_one),
        own_hosts=hosts.get(CROSS_NETWORK_GATEWAY, ()),
        addresses=given or found,
        given=bool(given),
        discovered=found,
    )


def read_nodes(api: KubernetesApi) -> tuple[Node, ...]:
    """What may make addresses of a gateway of the nodes."""
    return tuple(node(document) for document in api.list("/api/v1/nodes"))


def read_nodes_of(connection: Connection) -> tuple[Node, ...] | None:
    """The same of a cluster to connect to; None where it gives no answer, or refuses this one."""
    try:
        return read_nodes(KubernetesApi.connect(connection))
    except (RefusedError, UnreachableError):
        return None


def read_gateway_pods(api: KubernetesApi) -> Sequence[Json]:
    """The pods of the gateway."""
    return api.list(f"{SYSTEM}/pods", labelSelector=f"istio={GATEWAY_LABEL}")


def passed_through(gateway: Json) -> Iterator[str]:
    """The hosts for which an Istio Gateway passes TLS through on the port for other networks. Pure."""
    servers: Sequence[Json] = at(gateway, "spec", "servers") or []
    for server in servers:
        if at(server, "port", "number") == GATEWAY_PORT and at(server, "tls", "mode") == "AUTO_PASSTHROUGH":
            yield from server.get("hosts") or ()
