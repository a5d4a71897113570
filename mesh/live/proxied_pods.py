"""Reads what carries the traffic of the users' pods: a ztunnel, a sidecar, or neither."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from mesh.config.resolved import Connection
from mesh.istio.names import PROXY_CONTAINER
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.facts import ProxiedPods
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.pods import ENDED, environment, has_proxy, is_enrolled
from mesh.mappings import Json, at
from mesh.samples import names as sample

_HBONE = "ISTIO_META_ENABLE_HBONE"
"""Variable of a proxy that was made under Istio's profile `ambient`."""


def read_proxied_pods(connection: Connection) -> ProxiedPods:
    """The running pods of a cluster but for those of HelloWorld, which the program moves itself."""
    try:
        found = KubernetesApi.connect(connection).list("/api/v1/pods")
    except UnreachableError as error:
        return ProxiedPods(unreachable=str(error))
    except RefusedError as error:
        return ProxiedPods(refused=str(error))
    pods = [pod for pod in found if at(pod, "status", "phase") not in ENDED and not _is_sample(pod)]
    return ProxiedPods(
        enrolled=_by_namespace(pods, is_enrolled),
        sidecars=_by_namespace(pods, has_sidecar),
        without_hbone=_by_namespace(pods, lambda pod: has_sidecar(pod) and not _tunnels(pod)),
    )


def has_sidecar(pod: Json) -> bool:
    """Whether a pod has a proxy beside what it is for; gateways, waypoints and ztunnel have nothing else."""
    own: Sequence[Json] = at(pod, "spec", "containers") or ()
    return has_proxy(pod) and any(container["name"] != PROXY_CONTAINER for container in own)


def _tunnels(pod: Json) -> bool:
    return environment(pod, PROXY_CONTAINER).get(_HBONE) == "true"


def _is_sample(pod: Json) -> bool:
    metadata: Json = pod["metadata"]
    return metadata.get("namespace") == sample.NAMESPACE and at(pod, "metadata", "labels", "app") in (
        sample.SERVICE,
        sample.CLIENT,
    )


def _by_namespace(pods: Iterable[Json], wanted: Callable[[Json], bool]) -> dict[str, int]:
    counted = Counter(str(pod["metadata"]["namespace"]) for pod in pods if wanted(pod))
    return dict(sorted(counted.items()))
