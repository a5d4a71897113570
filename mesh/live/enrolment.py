"""Reads which workloads of a cluster are ambient, their waypoints, and the policies for these."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mesh.istio.names import NAMESPACE, USE_WAYPOINT_LABEL, WAYPOINT_CLASS
from mesh.live.ambient import GATEWAY_NAME_LABEL, GATEWAYS
from mesh.live.inspected import AmbientInspection, AmbientService, Policy
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.pods import has_proxy, is_enrolled, is_labelled, runs
from mesh.mappings import Json, as_map, at

_POLICIES = (
    ("AuthorizationPolicy", "/apis/security.istio.io/v1/authorizationpolicies"),
    ("RequestAuthentication", "/apis/security.istio.io/v1/requestauthentications"),
)
_ACCEPTED = ("WaypointAccepted", "ZtunnelAccepted")
# The plugin leaves the first alone (`excludeNamespaces` of its chart), and Istio's own are none of it.
_NOT_ENROLLED = ("kube-system", NAMESPACE)


def read_enrolment(
    api: KubernetesApi,
    pods: Sequence[Json],
    services: Iterable[Json],
    namespaces: Mapping[str, Mapping[str, str]],
) -> AmbientInspection:
    """What ambient workloads depend on.

    Args:
        api: of the cluster.
        pods: all of the cluster.
        services: all of the cluster.
        namespaces: the labels of each namespace.
    """
    return AmbientInspection(
        services={
            _name(service): _service(service, pods, namespaces.get(_namespace(service), {}))
            for service in services
            if _namespace(service) not in _NOT_ENROLLED and at(service, "spec", "selector")
        },
        missed=tuple(
            _name(pod)
            for pod in pods
            if _namespace(pod) not in _NOT_ENROLLED
            and runs(pod)
            and is_labelled(pod, namespaces.get(_namespace(pod), {}))
            and not (is_enrolled(pod) or has_proxy(pod) or at(pod, "spec", "hostNetwork"))
        ),
        waypoints={
            _name(gateway): sum(runs(pod) for pod in pods if _is_of(pod, gateway))
            for gateway in api.list(GATEWAYS)
            if at(gateway, "spec", "gatewayClassName") == WAYPOINT_CLASS
        },
        policies=dict(_policies(api)),
    )


def used_waypoint(service: Json, namespace: Mapping[str, str]) -> str | None:
    """The waypoint through which ambient clients call a service, as `namespace/name`. Pure.

    Args:
        service: its own label counts first.
        namespace: the labels of its namespace.
    """
    labels = _labels(service)
    by = labels if USE_WAYPOINT_LABEL in labels else namespace
    name = by.get(USE_WAYPOINT_LABEL)
    where = by.get(f"{USE_WAYPOINT_LABEL}-namespace") or _namespace(service)
    return f"{where}/{name}" if name and name != "none" else None


def _service(service: Json, pods: Iterable[Json], namespace: Mapping[str, str]) -> AmbientService:
    selector = as_map(at(service, "spec", "selector")) or {}
    behind = [
        pod
        for pod in pods
        if _namespace(pod) == _namespace(service) and selector.items() <= _labels(pod).items() and runs(pod)
    ]
    return AmbientService(
        labels=_labels(service),
        namespace_labels=namespace,
        pods=len(behind),
        enrolled=sum(map(is_enrolled, behind)),
        injected=sum(map(has_proxy, behind)),
        waypoint=used_waypoint(service, namespace),
    )


def _policies(api: KubernetesApi) -> Iterator[tuple[str, Policy]]:
    for kind, path in _POLICIES:
        for document in api.list(path):
            spec: Json = document.get("spec") or {}
            conditions: Sequence[Json] = at(document, "status", "conditions") or ()
            refused = [
                str(condition.get("message") or condition.get("reason"))
                for condition in conditions
                if condition.get("type") in _ACCEPTED and condition.get("status") == "False"
            ]
            targets = bool(spec.get("targetRefs") or spec.get("targetRef"))
            if targets or refused:
                policy = Policy(spec=spec, waypoint=targets, refused=next(iter(refused), None))
                yield f"{kind} {_name(document)}", policy


def _is_of(pod: Json, gateway: Json) -> bool:
    name = str(gateway["metadata"]["name"])
    return _namespace(pod) == _namespace(gateway) and _labels(pod).get(GATEWAY_NAME_LABEL) == name


def _labels(document: Json) -> dict[str, str]:
    return dict(as_map(at(document, "metadata", "labels")) or {})


def _namespace(document: Json) -> str:
    return str(document["metadata"]["namespace"])


def _name(document: Json) -> str:
    return f"{_namespace(document)}/{document['metadata']['name']}"
