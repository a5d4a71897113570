"""When an object counts as ready, from what the server says about it.

The rules are those of the official provider (provider/pkg/await in pulumi/pulumi-kubernetes) and
of `kubectl rollout status`. Functions here are pure: they take the live object, and objects
that belong to it where a rule needs them, and give what is still missing; nothing missing is ready.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from sandbox.plugins.kubernetes.state import annotation


class Look(Protocol):
    """Lists objects of a kind in the object's namespace, by name or by labels."""

    def __call__(
        self, api_version: str, kind: str, *, name: str = "", labels: Mapping[str, str] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Give the objects, none where there are none."""
        ...


DEFAULT_TIMEOUT = 600.0
"""Seconds that an object may take to become ready; the official provider's default."""

_TOKEN_TIMEOUT = 30.0
_CONDITION = re.compile(r"condition=(?P<type>[^=]+)(?:=(?P<status>.+))?")
_JSONPATH = re.compile(r"jsonpath=\{(?P<path>[^}]*)\}(?:=(?P<value>.*))?")


def timeout_of(obj: Mapping[str, Any], requested: float) -> float:
    """Give the seconds to wait: the option, the annotation `pulumi.com/timeoutSeconds`, the default."""
    if requested:
        return requested
    noted = annotation(obj, "timeoutSeconds")
    if noted.isdigit():
        return float(noted)
    return _TOKEN_TIMEOUT if is_token_secret(obj) else DEFAULT_TIMEOUT


def is_token_secret(obj: Mapping[str, Any]) -> bool:
    """Whether the object is a Secret that Kubernetes fills with a service account's token."""
    return obj.get("kind") == "Secret" and obj.get("type") == "kubernetes.io/service-account-token"


def missing(obj: Mapping[str, Any], look: Look) -> list[str]:
    """Say what an object still lacks to be ready, one sentence each; kinds without a rule are ready."""
    if annotation(obj, "skipAwait") == "true":
        return []
    if expressions := annotation(obj, "waitFor"):
        return _expressions(obj, expressions)
    rule = _RULES.get((obj.get("apiVersion", ""), obj.get("kind", "")))
    return rule(obj, look) if rule else []


def _expressions(obj: Mapping[str, Any], expressions: str) -> list[str]:
    """Check the annotation `pulumi.com/waitFor`: one expression or a JSON list of them."""
    try:
        listed = json.loads(expressions)
    except ValueError:
        listed = expressions
    found = []
    for expression in [listed] if isinstance(listed, str) else listed:
        if match := _CONDITION.fullmatch(expression):
            wanted = (match["status"] or "True").lower()
            status = str(_condition(obj, match["type"]).get("status", "")).lower()
            ok = status == wanted
        elif match := _JSONPATH.fullmatch(expression):
            value = _at(obj, match["path"])
            ok = value is not None and match["value"] in (None, str(value))
        else:
            return [f'pulumi.com/waitFor: expected a "jsonpath=" or "condition=" prefix, got "{expression}"']
        if not ok:
            found.append(f"waiting for {expression}")
    return found


def _deployment(obj: Mapping[str, Any], look: Look) -> list[str]:
    if lacking := _not_observed(obj):
        return lacking
    status = obj.get("status", {})
    wanted = obj.get("spec", {}).get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated >= wanted and status.get("replicas", 0) <= updated and available >= updated:
        return []
    found = [f"{available} of {wanted} replicas are available, {updated} are of the present revision"]
    progressing = _condition(obj, "Progressing")
    if progressing.get("status") == "False":
        found.append(f"[{progressing.get('reason')}] {progressing.get('message')}")
    return found + _pod_troubles(obj, look)


def _stateful_set(obj: Mapping[str, Any], look: Look) -> list[str]:
    if lacking := _not_observed(obj):
        return lacking
    status, spec = obj.get("status", {}), obj.get("spec", {})
    wanted = spec.get("replicas", 1)
    ready = status.get("readyReplicas", 0)
    rolled = status.get("currentRevision") == status.get("updateRevision")
    on_delete = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
    if ready >= wanted and (rolled or on_delete):
        return []
    return [f"{ready} of {wanted} replicas are ready", *_pod_troubles(obj, look)]


def _daemon_set(obj: Mapping[str, Any], look: Look) -> list[str]:
    if lacking := _not_observed(obj):
        return lacking
    status = obj.get("status", {})
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if updated >= wanted and available >= wanted:
        return []
    return [f"{available} of {wanted} pods are available", *_pod_troubles(obj, look)]


def _job(obj: Mapping[str, Any], look: Look) -> list[str]:
    if _condition(obj, "Complete").get("status") == "True":
        return []
    failed = _condition(obj, "Failed")
    if failed.get("status") == "True":
        return [f"[{failed.get('reason')}] {failed.get('message')}"]
    return ["the job has not completed", *_pod_troubles(obj, look)]


def _pod(obj: Mapping[str, Any], look: Look) -> list[str]:
    ready = _condition(obj, "Ready").get("status") == "True"
    if ready or obj.get("status", {}).get("phase") == "Succeeded":
        return []
    return ["the pod is not ready", *pod_troubles([obj])]


def _service(obj: Mapping[str, Any], look: Look) -> list[str]:
    spec = obj.get("spec", {})
    kind = spec.get("type", "ClusterIP")
    found = []
    if kind == "LoadBalancer" and not obj.get("status", {}).get("loadBalancer", {}).get("ingress"):
        found.append("Service was not allocated an IP address; does your cloud provider support this?")
    if kind == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector"):
        return found
    name = obj["metadata"]["name"]
    endpoints = look("v1", "Endpoints", name=name)
    if not endpoints:
        found.append("the endpoints of the Service have not been made")
    elif any(subset.get("notReadyAddresses") for subset in endpoints[0].get("subsets") or []):
        found.append("pods that the Service selects are not ready")
    return found


def _ingress(obj: Mapping[str, Any], look: Look) -> list[str]:
    if obj.get("status", {}).get("loadBalancer", {}).get("ingress"):
        return []
    return ["Ingress .status.loadBalancer field was not updated with a hostname/IP address"]


def _token_secret(obj: Mapping[str, Any], look: Look) -> list[str]:
    if not is_token_secret(obj) or obj.get("data"):
        return []
    account = obj["metadata"].get("annotations", {}).get("kubernetes.io/service-account.name", "")
    return [f'Kubernetes has not filled in the token of the service account "{account}"']


def _definition(obj: Mapping[str, Any], look: Look) -> list[str]:
    if _condition(obj, "Established").get("status") == "True":
        return []
    refused = _condition(obj, "NamesAccepted")
    trouble = f": {refused.get('message')}" if refused.get("status") == "False" else ""
    return [f"the custom resource definition is not established{trouble}"]


def _claim(obj: Mapping[str, Any], look: Look) -> list[str]:
    phase = obj.get("status", {}).get("phase")
    if phase == "Bound":
        return []
    name = obj.get("spec", {}).get("storageClassName")
    classes = look("storage.k8s.io/v1", "StorageClass", name=name) if name else []
    if phase == "Pending" and any(c.get("volumeBindingMode") == "WaitForFirstConsumer" for c in classes):
        return []
    return [f"the claim is {phase or 'not seen yet'}, not Bound"]


def _volume(obj: Mapping[str, Any], look: Look) -> list[str]:
    phase = obj.get("status", {}).get("phase")
    return [] if phase in ("Available", "Bound") else [f"the volume is {phase or 'not seen yet'}"]


def pod_troubles(pods: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say why pods do not run, from their containers' states and their scheduling."""
    found = []
    for pod in pods:
        name, status = pod["metadata"]["name"], pod.get("status", {})
        for container in [
            *(status.get("initContainerStatuses") or []),
            *(status.get("containerStatuses") or []),
        ]:
            waiting = (container.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                text = waiting.get("message", "")
                found.append(
                    f"[Pod {name}]: container {container['name']}: [{waiting['reason']}] {text}".rstrip()
                )
        scheduled = _condition(pod, "PodScheduled")
        if scheduled.get("status") == "False":
            found.append(f"[Pod {name}]: [{scheduled.get('reason')}] {scheduled.get('message')}")
    return found


def _pod_troubles(obj: Mapping[str, Any], look: Look) -> list[str]:
    labels = ((obj.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
    if not labels:
        return []
    return pod_troubles(look("v1", "Pod", labels=labels))


def _not_observed(obj: Mapping[str, Any]) -> list[str]:
    observed = obj.get("status", {}).get("observedGeneration", 0)
    return [] if observed >= obj["metadata"].get("generation", 0) else ["its controller has not seen it yet"]


def _condition(obj: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions = obj.get("status", {}).get("conditions") or []
    return next((item for item in conditions if item.get("type") == kind), {})


def _at(obj: Any, path: str) -> Any:
    """Follow a path such as `.status.ports[0].port`: the part of JSONPath without filters."""
    value = obj
    for key, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path):
        if key and isinstance(value, Mapping):
            value = value.get(key)
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return None
    return value


_RULES: dict[tuple[str, str], Callable[[Mapping[str, Any], Look], list[str]]] = {
    ("apps/v1", "DaemonSet"): _daemon_set,
    ("apps/v1", "Deployment"): _deployment,
    ("apps/v1", "StatefulSet"): _stateful_set,
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): _definition,
    ("batch/v1", "Job"): _job,
    ("networking.k8s.io/v1", "Ingress"): _ingress,
    ("v1", "PersistentVolume"): _volume,
    ("v1", "PersistentVolumeClaim"): _claim,
    ("v1", "Pod"): _pod,
    ("v1", "Secret"): _token_secret,
    ("v1", "Service"): _service,
}
