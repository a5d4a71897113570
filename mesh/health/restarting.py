"""How pods are made again. Pure."""

from collections.abc import Iterable

from mesh.live.inspected import InjectedPod

_SHOWN = 3
_ROLLED_OUT = ("deployment/", "daemonset/", "statefulset/")
"""What `kubectl rollout restart` takes. Whatever else owns a pod makes one anew when it is deleted."""


def restart(cluster: str, pods: Iterable[InjectedPod]) -> str:
    """The hint for pods whose proxies only a restart changes, by what makes them again."""
    commands = list(dict.fromkeys(map(_command, pods)))
    more = f", and so on for {len(commands) - _SHOWN} more" if len(commands) > _SHOWN else ""
    return f"restart them: in {cluster}, run {', '.join(commands[:_SHOWN])}{more}"


def _command(pod: InjectedPod) -> str:
    kubectl = f"kubectl -n {pod.namespace}"
    if pod.owner.startswith(_ROLLED_OUT):
        return f"`{kubectl} rollout restart {pod.owner}`"
    return f"`{kubectl} delete pod/{pod.name}`"
