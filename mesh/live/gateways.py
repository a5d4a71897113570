"""Reads the east-west gateway of a cluster and what it exposes."""

from collections.abc import Iterator, Sequence

from mesh.istio.addresses import gateway_addresses
from mesh.istio.names import CROSS_NETWORK_GATEWAY, GATEWAY, GATEWAY_LABEL, GATEWAY_PORT, NAMESPACE
from mesh.live.facts import Gateway
from mesh.live.istio_system import SYSTEM
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.pods import workload
from mesh.mappings import Json, at

_GATEWAYS = f"/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/gateways"


def read_gateway(api: KubernetesApi) -> Gateway:
    """The gateway's Service and pods, and the Istio Gateways beside it."""
    service = api.find(f"{SYSTEM}/services/{GATEWAY}")
    ingress: Sequence[Json] = at(service, "status", "loadBalancer", "ingress") or []
    pods = read_gateway_pods(api)
    hosts = {
        str(gateway["metadata"]["name"]): tuple(_passed_through(gateway)) for gateway in api.list(_GATEWAYS)
    }
    return Gateway(
        service=at(service, "spec", "type"),
        requested=at(service, "spec", "loadBalancerIP"),
        workload=workload(pods),
        addresses=gateway_addresses(
            ((entry.get("ip"), entry.get("hostname")) for entry in ingress),
            at(service, "spec", "externalIPs") or (),
        ),
        hosts=tuple(host for of_one in hosts.values() for host in of_one),
        own_hosts=hosts.get(CROSS_NETWORK_GATEWAY, ()),
    )


def read_gateway_pods(api: KubernetesApi) -> Sequence[Json]:
    """The pods of the gateway."""
    return api.list(f"{SYSTEM}/pods", labelSelector=f"istio={GATEWAY_LABEL}")


def _passed_through(gateway: Json) -> Iterator[str]:
    servers: Sequence[Json] = at(gateway, "spec", "servers") or []
    for server in servers:
        if at(server, "port", "number") == GATEWAY_PORT and at(server, "tls", "mode") == "AUTO_PASSTHROUGH":
            yield from server.get("hosts") or ()
