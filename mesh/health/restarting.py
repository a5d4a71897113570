"""How pods are made again. Pure."""

from collections.abc import Iterable

from mesh.live.inspected import InjectedPod

_SHOWN = 3


def restart(cluster: str, pods: Iterable[InjectedPod]) -> str:
    """The hint for pods whose proxies only a restart changes, by what makes them again."""
    owners = list(dict.fromkeys((pod.namespace, pod.owner) for pod in pods))
    commands = [
        f"`kubectl -n {namespace} delete {owner}`"
        if owner.startswith(("pod/", "job/"))
        else f"`kubectl -n {namespace} rollout restart {owner}`"
        for namespace, owner in owners
    ]
    more = f", and so on for {len(owners) - _SHOWN} more" if len(owners) > _SHOWN else ""
    return f"restart them: in {cluster}, run {', '.join(commands[:_SHOWN])}{more}"
