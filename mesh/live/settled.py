"""Reads whether the pods of istiod, gateways and ztunnel have been replaced since the last change."""

from mesh.config.resolved import Connection
from mesh.live.ambient import read_hbone_gateway_pods, read_ztunnel_pods
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.gateways import read_gateway_pods
from mesh.live.istio_system import read_istiod_pods
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.pods import replaced, staying


def settled(connection: Connection) -> bool:
    """Whether no pod of istiod, of the gateways or of ztunnel is left from before a change.

    Helm waits only for new pods, while old pods still serve their clients. Gateway pods that are stopping do
    not count: they take no new connections, and may keep old ones for minutes. A cluster that cannot be read
    counts as settled, since other checks say what is wrong with it.
    """
    try:
        api = KubernetesApi.connect(connection)
        return not replaced(
            (
                *read_istiod_pods(api),
                *staying(read_gateway_pods(api)),
                *read_ztunnel_pods(api),
                *read_hbone_gateway_pods(api),
            )
        )
    except (UnreachableError, RefusedError):
        return True
