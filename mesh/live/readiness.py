"""Reads what `python -m mesh check --pre` looks at: whether clusters can become members of a mesh."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import ServiceType
from mesh.istio.names import NAMESPACE
from mesh.istio.values import service_type
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.concurrent import for_each
from mesh.live.inspected import Readiness
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.pods import containers
from mesh.mappings import Json, at
from mesh.plan import has_gateway, has_hbone_gateway

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_MOST_PODS = 3
_PATIENCE = timedelta(minutes=1)
# What the program and Istio's charts make; None is for what belongs to no namespace.
_MADE: tuple[tuple[str, str, str | None], ...] = (
    ("", "namespaces", None),
    ("", "secrets", NAMESPACE),
    ("", "configmaps", NAMESPACE),
    ("", "serviceaccounts", NAMESPACE),
    ("", "services", NAMESPACE),
    ("apps", "deployments", NAMESPACE),
    ("autoscaling", "horizontalpodautoscalers", NAMESPACE),
    ("policy", "poddisruptionbudgets", NAMESPACE),
    ("rbac.authorization.k8s.io", "roles", NAMESPACE),
    ("rbac.authorization.k8s.io", "rolebindings", NAMESPACE),
    ("rbac.authorization.k8s.io", "clusterroles", None),
    ("rbac.authorization.k8s.io", "clusterrolebindings", None),
    ("apiextensions.k8s.io", "customresourcedefinitions", None),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", None),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", None),
    ("networking.istio.io", "gateways", NAMESPACE),
)
_MADE_FOR_AMBIENT: tuple[tuple[str, str, str | None], ...] = (
    ("apps", "daemonsets", NAMESPACE),
    ("gateway.networking.k8s.io", "gateways", NAMESPACE),
)


def read_readiness(config: StackConfig) -> dict[str, Readiness]:
    """Every cluster by name that is not offline; all are read at once."""
    return for_each(
        config.online,
        lambda name: _cluster(
            config.clusters[name], gateway=has_gateway(config, name) or has_hbone_gateway(config, name)
        ),
    )


def _cluster(cluster: ClusterConfig, *, gateway: bool) -> Readiness:
    try:
        api = KubernetesApi.connect(cluster.connection)
        version = str(api.get("/version")["gitVersion"])
        pods = api.list("/api/v1/pods")
        services = [s for s in api.list("/api/v1/services") if at(s, "spec", "type") == "LoadBalancer"]
        nodes = api.list("/api/v1/nodes")
        return Readiness(
            name=cluster.name,
            istio=cluster.istio.version,
            kubernetes=version,
            clock=api.clock_ahead(),
            denied=tuple(
                _denied(api, (*_MADE, *(_MADE_FOR_AMBIENT if cluster.data_plane.has_ztunnel else ())))
            ),
            nodes=sum(_takes_pods(node) for node in nodes),
            pods_unreachable=_pods_unreachable(api, pods),
            waiting=tuple(_waiting(services)),
            load_balancer=_load_balancer(services, nodes),
            balanced=gateway and service_type(cluster) == ServiceType.LOAD_BALANCER,
        )
    except UnreachableError as error:
        return Readiness(name=cluster.name, unreachable=str(error))
    except RefusedError as error:
        return Readiness(name=cluster.name, refused=str(error))


def _denied(api: KubernetesApi, made: Iterable[tuple[str, str, str | None]]) -> Iterator[str]:
    for group, resource, namespace in made:
        wanted = {"verb": "create", "group": group, "resource": resource}
        attributes = wanted | ({"namespace": namespace} if namespace else {})
        review = api.post(
            _REVIEWS,
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            },
        )
        if not at(review, "status", "allowed"):
            yield f"{resource}.{group}" if group else resource


def _takes_pods(node: Json) -> bool:
    conditions: Sequence[Json] = at(node, "status", "conditions") or []
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
    return ready and not at(node, "spec", "unschedulable")


def _pods_unreachable(api: KubernetesApi, pods: Iterable[Json]) -> str | None:
    """Why the API server reaches no pod by a port other than the kubelet's, as it must for istiod's webhooks.

    It connects to a pod for whoever asks it to, here to ports of health probes, which speak HTTP. Nothing is
    known where no pod has one.
    """
    # Not those that are ready: where the kubelet does not reach them either, none is.
    running = (pod for pod in pods if at(pod, "status", "phase") == "Running")
    there = (pod for pod in running if not at(pod, "spec", "hostNetwork"))
    asked = [path for pod in there if (path := _probed(pod))]
    why: str | None = None
    for path in asked[:_MOST_PODS]:
        try:
            why = api.proxy_failure(path)
        except UnreachableError as error:
            why = str(error)  # the server waits longer for the pod than this program for the server
        if why is None:
            return None
    return why


def _probed(pod: Json) -> str | None:
    """The path by which the API server asks what a pod's health probe asks; None where it has none."""
    metadata = pod["metadata"]
    for container in containers(pod).values():
        for probe in ("readinessProbe", "livenessProbe"):
            port = at(container, probe, "httpGet", "port")
            if isinstance(port, int):
                scheme = str(at(container, probe, "httpGet", "scheme") or "HTTP").lower()
                where = f"/api/v1/namespaces/{metadata['namespace']}/pods"
                return f"{where}/{scheme}:{metadata['name']}:{port}/proxy/"
    return None


def _waiting(services: Iterable[Json]) -> Iterator[str]:
    for service in services:
        age = datetime.now(UTC) - datetime.fromisoformat(str(service["metadata"]["creationTimestamp"]))
        if age > _PATIENCE and not at(service, "status", "loadBalancer", "ingress"):
            yield f"{service['metadata']['namespace']}/{service['metadata']['name']}"


def _load_balancer(services: Iterable[Json], nodes: Iterable[Json]) -> bool | None:
    """Whether Services get addresses: one has, or the nodes are those of a cloud, which gives them."""
    clouds = ("aws://", "azure://", "digitalocean://", "gce://", "ibm://", "linode://", "openstack://")
    if any(at(service, "status", "loadBalancer", "ingress") for service in services):
        return True
    ids = [str(at(node, "spec", "providerID") or "") for node in nodes]
    return True if ids and all(identifier.startswith(clouds) for identifier in ids) else None
