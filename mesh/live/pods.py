"""Reads pods in the form in which the API server gives them. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from mesh.istio.names import DATA_PLANE_LABEL, PROXY_CONTAINER, REDIRECTION_ANNOTATION, ZTUNNEL
from mesh.live.facts import Workload
from mesh.mappings import Json, at

TLS_MODE = "security.istio.io/tlsMode"
"""Label that the injector gives to pods with a proxy."""
ENDED = ("Failed", "Succeeded")


def runs(pod: Json) -> bool:
    """Whether all containers of a pod are ready, and the pod is not being deleted."""
    conditions: Sequence[Json] = at(pod, "status", "conditions") or []
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def staying(pods: Iterable[Json]) -> list[Json]:
    """The pods that are not being deleted."""
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def replaced(pods: Iterable[Json]) -> bool:
    """Whether a Deployment or a DaemonSet still has pods of two templates: the old ones are on their way out.

    Kubernetes labels pods with the hash of their template. A pod that has ended, as one that was evicted, is
    none of them.
    """
    by_controller: dict[str, set[str]] = {}
    for pod in pods:
        if at(pod, "status", "phase") in ENDED:
            continue
        labels: Json = at(pod, "metadata", "labels") or {}
        template = str(labels.get("pod-template-hash") or labels.get("controller-revision-hash"))
        name = str(at(pod, "metadata", "generateName")).removesuffix(f"{template}-")
        by_controller.setdefault(name, set()).add(template)
    return any(len(templates) > 1 for templates in by_controller.values())


def address(pod: Json) -> str | None:
    """The first IP address of a pod; None before it has one."""
    return at(pod, "status", "podIP") or None


def with_port(address: str, port: int) -> str:
    """An address with a port, as in a URL."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def containers(pod: Json) -> dict[str, Json]:
    """The containers of a pod by name, init containers included: a native sidecar is one of them."""
    main: Sequence[Json] = at(pod, "spec", "containers") or []
    init: Sequence[Json] = at(pod, "spec", "initContainers") or []
    return {str(container["name"]): container for container in (*main, *init)}


def environment(pod: Json, container: str) -> dict[str, str]:
    """The variables of a container that the pod itself states."""
    entries: Sequence[Json] = at(containers(pod), container, "env") or []
    return {str(entry["name"]): str(entry.get("value", "")) for entry in entries}


def has_proxy(pod: Json) -> bool:
    """Whether the pod has a proxy of Istio's, with its agent; ztunnel's container has the same name."""
    proxy = containers(pod).get(PROXY_CONTAINER)
    return proxy is not None and ZTUNNEL not in (proxy.get("args") or ())


def is_labelled(pod: Json, namespace: Mapping[str, str]) -> bool:
    """Whether the mesh should take a pod in as ambient.

    Args:
        pod: its own label counts first.
        namespace: the labels of its namespace.
    """
    own = at(pod, "metadata", "labels", DATA_PLANE_LABEL)
    return (own or namespace.get(DATA_PLANE_LABEL)) == "ambient"


def is_enrolled(pod: Json) -> bool:
    """Whether the traffic of a pod goes through ztunnel."""
    return at(pod, "metadata", "annotations", REDIRECTION_ANNOTATION) == "enabled"


def workload(pods: Iterable[Json], namespace: Mapping[str, str] | None = None) -> Workload:
    """Counts of the pods that are not being deleted; `namespace` are the labels of their namespace."""
    counted = staying(pods)
    return Workload(
        pods=len(counted),
        ready=sum(runs(pod) for pod in counted),
        injected=sum(has_proxy(pod) for pod in counted),
        labelled=sum(is_labelled(pod, namespace or {}) for pod in counted),
        enrolled=sum(is_enrolled(pod) for pod in counted),
    )


def injected(pods: Iterable[Json]) -> list[tuple[str, str]]:
    """Namespace and name of the running pods that have a proxy."""
    return [
        (str(pod["metadata"]["namespace"]), str(pod["metadata"]["name"]))
        for pod in pods
        if at(pod, "status", "phase") == "Running"
        and "deletionTimestamp" not in pod["metadata"]
        and has_proxy(pod)
    ]
