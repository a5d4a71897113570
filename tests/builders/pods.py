"""An API server and its pods that answer what a test says, and objects as they have them."""

from collections.abc import Mapping, Sequence
from typing import Any

from kubernetes.client import Configuration

from mesh.live.answers import ApiError
from mesh.live.kubernetes_api import CommandOutput, ExecError, KubernetesApi
from mesh.mappings import Json


class AnsweringApi(KubernetesApi):
    """Answers by path, with `?selector` behind it where one is asked for; what is not given does not exist.

    A list of Json is the items of a list. `pods` has what a pod prints when a command is run in it, or
    answers at its admin port, by the pod; one that is missing cannot be asked.
    """

    def __init__(self, objects: Mapping[str, Json | Sequence[Json]], pods: Mapping[str, Any]) -> None:
        super().__init__(Configuration(host="https://east.example.com:6443"))
        self._objects, self._pods = objects, pods

    def get(self, path: str, **query: str) -> Json:
        """Give what the test has."""
        key = f"{path}?{query['labelSelector']}" if "labelSelector" in query else path
        if key not in self._objects:
            raise ApiError(404, f"{path} not found")
        found = self._objects[key]
        return found if isinstance(found, Mapping) else {"items": found}

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, timeout: float
    ) -> CommandOutput:
        """Give what the test has for the pod, on both streams."""
        if pod not in self._pods:
            raise ExecError(f"no command can be run in {namespace}/{pod}")
        return CommandOutput(stdout=self._pods[pod], stderr=self._pods[pod])

    def ask_pod(self, namespace: str, pod: str, port: int, path: str, *, timeout: float) -> Json:
        """Give what the test has for the pod."""
        if pod not in self._pods:
            raise ExecError(f"port {port} of {namespace}/{pod} cannot be asked")
        return self._pods[pod]


def ready_pod(name: str, *, namespace: str = "istio-system", **metadata: Any) -> dict[str, Any]:
    """Return a pod that is ready, on the node `n`, with one container `app`."""
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": {}, **metadata},
        "spec": {"nodeName": "n", "containers": [{"name": "app"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
    }


def with_proxy(pod: dict[str, Any], *args: str) -> dict[str, Any]:
    """Return a pod whose container is called as that of a proxy, with these arguments."""
    return {**pod, "spec": {**pod["spec"], "containers": [{"name": "istio-proxy", "args": list(args)}]}}
