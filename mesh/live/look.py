"""Looking at one cluster: what its API server, its istiod and its client's proxy say."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from mesh.config.resolved import ClusterConfig
from mesh.istio.values import GATEWAY_NAME, GATEWAY_PORT
from mesh.live.facts import (
    ClusterFacts,
    Gateway,
    PathFacts,
    RemoteSecret,
    Sample,
    TokenCheck,
    Trust,
)
from mesh.live.kubernetes_api import Api, ApiError, ExecError, Json, UnreachableError, at
from mesh.live.pods import PROXY, environment, runs, workload
from mesh.pki.certificates import validity
from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE

_SYSTEM = "/api/v1/namespaces/istio-system"
_SAMPLE = f"/api/v1/namespaces/{NAMESPACE}"
_GATEWAYS = "/apis/networking.istio.io/v1/namespaces/istio-system/gateways"
_NETWORK_LABEL = "topology.istio.io/network"
_REMOTE_LABEL = "istio/multiCluster"
_REMOTE_PREFIX = "istio-remote-secret-"
_EXEC_SECONDS = 10.0
# What istiod's informers list in a remote cluster (pilot/pkg/serviceregistry/kube in istio/istio).
_READS = (
    ("", "services"),
    ("", "pods"),
    ("", "nodes"),
    ("", "namespaces"),
    ("discovery.k8s.io", "endpointslices"),
)


Secrets = Mapping[RemoteSecret, Mapping[str, str]]


def cluster_facts(api: Api, config: ClusterConfig) -> tuple[ClusterFacts, Secrets]:
    """Everything about one cluster that its API server tells, and its remote secrets.

    Where the server does not answer, or refuses something, that is `unreachable`, and nothing else is known.
    """
    try:
        labels: Json = at(api.find(_SYSTEM), "metadata", "labels") or {}
        istiod = api.list(f"{_SYSTEM}/pods", labelSelector="app=istiod")
        facts = ClusterFacts(
            name=config.name,
            network=config.network,
            network_label=labels.get(_NETWORK_LABEL),
            istiod=workload(istiod),
            remotes=_remotes(api, istiod),
            gateway=_gateway(api),
            trust=_trust(api),
            sample=_sample(api),
        )
        return facts, _remote_secrets(api)
    except (UnreachableError, ApiError) as error:
        return ClusterFacts(name=config.name, network=config.network, unreachable=str(error)), {}


def _remote_secrets(api: Api) -> Secrets:
    """The Secrets by which istiod finds other clusters, each with its kubeconfigs by data key, in plain."""
    found: dict[RemoteSecret, Mapping[str, str]] = {}
    for secret in api.list(f"{_SYSTEM}/secrets", fieldSelector="type=Opaque"):
        name = str(secret["metadata"]["name"])
        labelled = at(secret, "metadata", "labels", _REMOTE_LABEL) == "true"
        if labelled or name.startswith(_REMOTE_PREFIX):
            data = _decoded(secret)
            found[RemoteSecret(name=name, keys=tuple(data), labelled=labelled)] = data
    return found


def is_for(secret: RemoteSecret, cluster: str) -> bool:
    """Whether a remote secret is, or by its name should be, the one for that cluster."""
    return cluster in secret.keys or secret.name == _REMOTE_PREFIX + cluster


def try_token(kubeconfig: str) -> TokenCheck:
    """Ask the API server of a remote secret's kubeconfig what its token is worth."""
    try:
        api = Api.from_kubeconfig(kubeconfig)
    except ValueError as error:
        return TokenCheck(problem=str(error))
    try:
        return TokenCheck(denied=tuple(_denied(api)))
    except UnreachableError as error:
        return TokenCheck(problem=str(error))
    except ApiError as error:
        return TokenCheck(refused=True) if error.status == 401 else TokenCheck(problem=str(error))


def path_facts(api: Api, pod: str | None, target: ClusterFacts) -> PathFacts:
    """What the proxy beside a client knows of the service, and whether it reaches the target's gateway."""
    if pod is None:
        return PathFacts(problem="no client pod runs")
    try:
        endpoints = _endpoints(_proxy(api, pod, "request", "GET", "clusters?format=json"))
        if not target.gateway.addresses:
            return PathFacts(endpoints=endpoints)
        address = target.gateway.addresses[0]
        host = f"[{address}]" if ":" in address else address
        probed = f"{host}:{GATEWAY_PORT}"
        return PathFacts(endpoints=endpoints, probed=probed, probe=unconnected(_probe(api, pod, probed)))
    except ExecError as error:
        return PathFacts(problem=str(error))


def unconnected(said: str) -> str | None:
    """Why there was no connection, from what the probe printed; None where one stood. Pure.

    The gateway answers nothing that is not mutual TLS: to it, a connection that it ends is one that stood.
    """
    last = (said.strip().splitlines() or [""])[-1].rpartition("Last error: ")[2]
    for sign, reason in (
        ("connection refused", "connection refused"),
        ("no route to host", "no route to host"),
        ("network is unreachable", "network is unreachable"),
        ("no such host", "its name cannot be resolved"),
        ("context deadline exceeded", "timed out"),
        ("i/o timeout", "timed out"),
    ):
        if sign in last:
            return reason
    return None


def _probe(api: Api, pod: str, address: str) -> str:
    """Connect from the proxy's container, whose own connections do not go through the proxy."""
    arguments = ("--timeoutSeconds", "2", "--requestTimeoutMillis", "1500", "--periodMillis", "100")
    command = ["pilot-agent", "wait", "--url", f"http://{address}/", *arguments]
    return api.execute(NAMESPACE, pod, PROXY, command, timeout=_EXEC_SECONDS).stderr


def _proxy(api: Api, pod: str, *arguments: str) -> str:
    return api.execute(NAMESPACE, pod, PROXY, ["pilot-agent", *arguments], timeout=_EXEC_SECONDS).stdout


def _endpoints(admin: str) -> tuple[str, ...]:
    """Addresses with ports of the sample's service, from Envoy's admin page `clusters` as JSON."""
    try:
        statuses = cast(Iterable[Json], json.loads(admin)["cluster_statuses"])
    except (ValueError, KeyError, TypeError) as error:
        raise ExecError("the client's proxy does not say what it would call") from error
    name = f"outbound|{PORT}||{SERVICE}.{NAMESPACE}.svc."
    hosts = (
        host["address"]["socket_address"]
        for status in statuses
        if str(status.get("name", "")).startswith(name)
        for host in status.get("host_statuses", [])
        if "socket_address" in host.get("address", {})
    )
    return tuple(f"{host['address']}:{host['port_value']}" for host in hosts)


def _remotes(api: Api, istiod: Sequence[Json]) -> Mapping[str, str] | None:
    """The clusters that istiod knows and how far it is with each; None where it cannot be asked."""
    for pod in filter(runs, istiod):
        command = ["pilot-discovery", "request", "GET", "/debug/clusterz"]
        try:
            said = api.execute(
                "istio-system", pod["metadata"]["name"], "discovery", command, timeout=_EXEC_SECONDS
            )
            return {str(entry["id"]): str(entry["syncStatus"]) for entry in json.loads(said.stdout)}
        except (ExecError, ValueError, KeyError, TypeError):
            continue
    return None


def _gateway(api: Api) -> Gateway:
    service = api.find(f"{_SYSTEM}/services/{GATEWAY_NAME}")
    balancers: Sequence[Json] = at(service, "status", "loadBalancer", "ingress") or []
    external: Sequence[str] = at(service, "spec", "externalIPs") or []
    pods = api.list(f"{_SYSTEM}/pods", labelSelector="istio=eastwestgateway")
    return Gateway(
        service=at(service, "spec", "type"),
        workload=workload(pods),
        addresses=(*(str(entry.get("ip") or entry.get("hostname")) for entry in balancers), *external),
        exposes=any(_passes_through(gateway) for gateway in api.list(_GATEWAYS)),
    )


def _passes_through(gateway: Json) -> bool:
    servers: Sequence[Json] = at(gateway, "spec", "servers") or []
    return any(
        at(server, "port", "number") == GATEWAY_PORT and at(server, "tls", "mode") == "AUTO_PASSTHROUGH"
        for server in servers
    )


def _trust(api: Api) -> Trust:
    secret = api.find(f"{_SYSTEM}/secrets/cacerts")
    if secret is None:
        return Trust(problem="the Secret is missing")
    # Only what is public leaves this function: the Secret holds the key, too.
    public = {
        key: value for key, value in _decoded(secret).items() if key in ("ca-cert.pem", "root-cert.pem")
    }
    roots = at(api.find(f"{_SAMPLE}/configmaps/istio-ca-root-cert"), "data", "root-cert.pem")
    try:
        period = validity(public["ca-cert.pem"])
        validity(public["root-cert.pem"])
    except (KeyError, ValueError, IndexError):
        return Trust(problem="expected the keys ca-cert.pem and root-cert.pem with certificates in PEM")
    return Trust(
        intermediate=public["ca-cert.pem"],
        bundle=public["root-cert.pem"],
        roots=str(roots or ""),
        not_before=period.not_before,
        not_after=period.not_after,
    )


def _sample(api: Api) -> Sample:
    clients = api.list(f"{_SAMPLE}/pods", labelSelector=f"app={CLIENT}")
    running = [pod for pod in clients if runs(pod)]
    captured = [environment(pod, PROXY).get("ISTIO_META_DNS_CAPTURE") == "true" for pod in running]
    return Sample(
        service=api.find(f"{_SAMPLE}/services/{SERVICE}") is not None,
        server=workload(api.list(f"{_SAMPLE}/pods", labelSelector=f"app={SERVICE}")),
        client=workload(clients),
        client_pod=str(running[0]["metadata"]["name"]) if running else None,
        dns_capture=bool(captured and captured[0]),
    )


def _denied(api: Api) -> Iterable[str]:
    for group, resource in _READS:
        review = api.post(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {"verb": "list", "group": group, "resource": resource}},
            },
        )
        if not at(review, "status", "allowed"):
            yield f"list {resource}"


def _decoded(secret: Json) -> dict[str, str]:
    data: Mapping[str, str] = at(secret, "data") or {}
    try:
        return {key: base64.b64decode(value).decode() for key, value in data.items()}
    except (binascii.Error, UnicodeDecodeError):
        return {}
