"""Reading pods as the API server gives them. Pure."""

from collections.abc import Iterable, Sequence

from mesh.live.facts import Workload
from mesh.live.kubernetes_api import Json, at

PROXY = "istio-proxy"


def runs(pod: Json) -> bool:
    """Whether all containers of a pod are ready, and nobody has told it to go."""
    conditions: Sequence[Json] = at(pod, "status", "conditions") or []
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
    return ready and "deletionTimestamp" not in pod["metadata"]


def containers(pod: Json) -> dict[str, Json]:
    """The containers of a pod by name, those included that run all the time as init containers do."""
    always: Sequence[Json] = at(pod, "spec", "containers") or []
    before: Sequence[Json] = at(pod, "spec", "initContainers") or []
    return {str(container["name"]): container for container in (*always, *before)}


def environment(pod: Json, container: str) -> dict[str, str]:
    """The variables of a container that stand in the pod itself."""
    entries: Sequence[Json] = at(containers(pod), container, "env") or []
    return {str(entry["name"]): str(entry.get("value", "")) for entry in entries}


def workload(pods: Iterable[Json]) -> Workload:
    """How the pods of a workload are; those that are on their way out do not count."""
    staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return Workload(
        pods=len(staying),
        ready=sum(runs(pod) for pod in staying),
        injected=sum(PROXY in containers(pod) for pod in staying),
    )
