"""Reads what ambient workloads of a cluster need: DaemonSets, the gateway, and the Gateway API.

What istiod takes for a gateway of a network is in `pilot/pkg/serviceregistry/ambient/networks.go` of
istio/istio.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mesh.config.resolved import ClusterConfig
from mesh.istio.addresses import PeerAddress, given_hbone
from mesh.istio.names import (
    CNI_DAEMON_SET,
    GATEWAY_ACCOUNT_ANNOTATION,
    GATEWAY_API,
    HBONE_GATEWAY,
    HBONE_PORT,
    ISTIOD_CONTAINER,
    NAMESPACE,
    NETWORK_LABEL,
    PROXY_CONTAINER,
    REMOTE_CLASS,
    ZTUNNEL,
    ZTUNNEL_PODS,
)
from mesh.live.facts import Ambient, Daemon, HboneGateway, Ztunnel
from mesh.live.istio_system import SYSTEM
from mesh.live.kubernetes_api import ExecError, KubernetesApi
from mesh.live.pods import environment, runs, workload
from mesh.mappings import Json, at

GATEWAYS = f"/apis/{GATEWAY_API}/gateways"
"""All Gateways of the Gateway API."""
GATEWAY_NAME_LABEL = "gateway.networking.k8s.io/gateway-name"
"""Of what istiod makes of a Gateway: its name."""
_DAEMON_SETS = f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets"
_KINDS = frozenset({"gateways", "gatewayclasses"})
_EXEC_SECONDS = 10.0


def read_ambient(api: KubernetesApi, cluster: ClusterConfig, istiod: Sequence[Json]) -> Ambient:
    """What there is for ambient workloads.

    Args:
        api: of the cluster.
        cluster: as the stack has it.
        istiod: the pods of its istiod.
    """
    found: Sequence[Json] = at(api.find(f"/apis/{GATEWAY_API}"), "resources") or ()
    known = {str(kind["name"]) for kind in found} >= _KINDS
    own = f"/apis/{GATEWAY_API}/namespaces/{NAMESPACE}/gateways/{HBONE_GATEWAY}"
    gateway = api.find(own) if known else None
    return Ambient(
        gateway_api=known,
        cni=_daemon(api.find(f"{_DAEMON_SETS}/{CNI_DAEMON_SET}")),
        ztunnel=_ztunnel(api.find(f"{_DAEMON_SETS}/{ZTUNNEL}")),
        gateway=_gateway(api, cluster, gateway) if gateway else None,
        told=_told(api.list(GATEWAYS)) if known else {},
        ztunnels=tuple(str(pod["metadata"]["name"]) for pod in read_ztunnel_pods(api) if runs(pod)),
        connected=_connected(api, istiod),
    )


def read_ztunnel_pods(api: KubernetesApi) -> Sequence[Json]:
    """The pods of ztunnel."""
    return api.list(f"{SYSTEM}/pods", labelSelector=ZTUNNEL_PODS)


def read_hbone_gateway_pods(api: KubernetesApi) -> Sequence[Json]:
    """The pods of the gateway for ambient workloads."""
    return api.list(f"{SYSTEM}/pods", labelSelector=f"{GATEWAY_NAME_LABEL}={HBONE_GATEWAY}")


def _daemon(document: Json | None) -> Daemon | None:
    if document is None:
        return None
    wanted, ready = (int(at(document, "status", k) or 0) for k in ("desiredNumberScheduled", "numberReady"))
    return Daemon(wanted=wanted, ready=ready)


def _ztunnel(document: Json | None) -> Ztunnel | None:
    daemon = _daemon(document)
    template: Json | None = at(document, "spec", "template")
    if daemon is None or template is None:
        return None
    variables = environment(template, PROXY_CONTAINER)
    return Ztunnel(
        daemon=daemon,
        cluster_id=variables.get("ISTIO_META_CLUSTER_ID") or variables.get("CLUSTER_ID"),
        network=variables.get("NETWORK"),
    )


def _gateway(api: KubernetesApi, cluster: ClusterConfig, document: Json) -> HboneGateway:
    conditions: Sequence[Json] = at(document, "status", "conditions") or ()
    wrong = [
        str(condition.get("message") or condition.get("reason"))
        for condition in conditions
        if condition.get("type") in ("Accepted", "Programmed") and condition.get("status") != "True"
    ]
    programmed = any(c.get("type") == "Programmed" and c.get("status") == "True" for c in conditions)
    reported: Sequence[Json] = at(document, "status", "addresses") or ()
    given = given_hbone(cluster)[:1]  # istiod takes one for a network
    found = tuple(PeerAddress(address=str(entry["value"]), port=HBONE_PORT) for entry in reported)
    return HboneGateway(
        network=at(document, "metadata", "labels", NETWORK_LABEL),
        listens=any(port == HBONE_PORT and mode == "Terminate" for port, mode in _hbone_listeners(document)),
        programmed=programmed,
        problem=next(iter(wrong), None if programmed else "istiod has not said anything of it"),
        addresses=given or found,
        given=bool(given),
        requested=at(api.find(f"{SYSTEM}/services/{HBONE_GATEWAY}"), "spec", "loadBalancerIP"),
        workload=workload(read_hbone_gateway_pods(api)),
    )


def _told(gateways: Iterable[Json]) -> dict[str, tuple[PeerAddress, ...]]:
    """Those of a wrong account are left out: ztunnel refuses what answers there."""
    found: dict[str, tuple[PeerAddress, ...]] = {}
    for gateway in gateways:
        network = at(gateway, "metadata", "labels", NETWORK_LABEL)
        account = at(gateway, "metadata", "annotations", GATEWAY_ACCOUNT_ANNOTATION)
        if at(gateway, "spec", "gatewayClassName") != REMOTE_CLASS or account != HBONE_GATEWAY:
            continue
        addresses: Sequence[Json] = at(gateway, "spec", "addresses") or ()
        port = next((port for port, _ in _hbone_listeners(gateway)), None)
        if network and port:
            found[str(network)] = (
                *found.get(str(network), ()),
                *(PeerAddress(address=str(entry["value"]), port=port) for entry in addresses),
            )
    return found


def _hbone_listeners(gateway: Json) -> Iterator[tuple[int, str | None]]:
    listeners: Sequence[Json] = at(gateway, "spec", "listeners") or ()
    for listener in listeners:
        if listener.get("protocol") == "HBONE":
            yield int(listener["port"]), at(listener, "tls", "mode")


def _connected(api: KubernetesApi, istiod: Iterable[Json]) -> frozenset[str] | None:
    """The ztunnels that are connected to one of the pods of istiod; each pod knows its own clients."""
    command = ["pilot-discovery", "request", "GET", "/debug/syncz"]
    found: set[str] = set()
    asked = False
    for pod in filter(runs, istiod):
        name = str(pod["metadata"]["name"])
        try:
            output = api.execute(NAMESPACE, name, ISTIOD_CONTAINER, command, timeout=_EXEC_SECONDS)
            clients: Sequence[Mapping[str, object]] = json.loads(output.stdout)
            found |= {
                str(client["proxy"]).removesuffix(f".{NAMESPACE}")
                for client in clients
                if client.get("proxy_type") == ZTUNNEL
            }
        except (ExecError, ValueError, KeyError, TypeError, AttributeError):
            return None
        asked = True
    return frozenset(found) if asked else None
