"""Reads whether the pods of a control plane, gateways and ztunnel are those of the last change."""

from mesh.config.resolved import Connection
from mesh.live.ambient import read_hbone_gateway_pods, read_ztunnel_pods
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.gateways import read_gateway_pods
from mesh.live.istio_system import read_istiod_pods
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.pods import replaced, staying


def settled(connection: Connection) -> bool:
    """Whether no pod of istiod, of the gateways or of ztunnel is left from before a change.

    Helm waits for the new pods only, and the old ones serve who is connected to them. A pod of the gateway
    that is told to go takes nobody new, and may keep connections for minutes: it is not waited for. A cluster
    that cannot be asked is settled, too: others find out what is wrong with it.
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
