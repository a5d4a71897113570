"""How to restart pods. Pure."""

from collections.abc import Iterable

from mesh.health.finding import some
from mesh.live.inspected import InjectedPod

_ROLLED_OUT = ("deployment/", "daemonset/", "statefulset/")
"""What `kubectl rollout restart` accepts. Other owners create a new pod when one is deleted."""


def restart(cluster: str, pods: Iterable[InjectedPod]) -> str:
    """The hint for pods whose proxy only a restart changes."""
    return f"restart them: in {cluster}, run {some(dict.fromkeys(map(_command, pods)))}"


def _command(pod: InjectedPod) -> str:
    kubectl = f"kubectl -n {pod.namespace}"
    if pod.owner.startswith(_ROLLED_OUT):
        return f"`{kubectl} rollout restart {pod.owner}`"
    return f"`{kubectl} delete pod/{pod.name}`"
