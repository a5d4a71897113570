"""Ask a cluster's API server how it is, with nothing but the standard library: a start asks often."""

import datetime
import http.client
import json
import ssl
import urllib.error
import urllib.request

from sandbox.cluster import kubeconfig
from sandbox.cluster.layout import ClusterLayout

_TIMEOUT = 3


def get(cluster: ClusterLayout, path: str) -> bytes | None:
    """Return what the API server answers to a GET, as the administrator; None for anything but success."""
    token = kubeconfig.admin_token(cluster)
    if token is None:
        return None
    request = urllib.request.Request(  # noqa: S310 - the URL is ours and https
        cluster.server + path, headers={"Authorization": f"Bearer {token}"}
    )
    context = ssl.create_default_context(cafile=str(cluster.pki / "ca.crt"))
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT, context=context) as response:  # noqa: S310
            return response.read()
    except (OSError, http.client.HTTPException, urllib.error.URLError):
        return None


def is_ready(cluster: ClusterLayout) -> bool:
    """Say whether the API server is ready to serve."""
    return get(cluster, "/readyz") == b"ok"


def node_is_ready(cluster: ClusterLayout, *, since: float = 0) -> bool:
    """Say whether the cluster's node is ready for pods, and has said so since then (seconds of the epoch).

    The API keeps what a node said last: of one that has died, it is true for a while and worth nothing.
    """
    node = get(cluster, f"/api/v1/nodes/{cluster.node}")
    lease = get(cluster, f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{cluster.node}")
    if node is None or lease is None:
        return False
    conditions = json.loads(node)["status"].get("conditions", [])
    renewed = datetime.datetime.fromisoformat(json.loads(lease)["spec"]["renewTime"])
    is_ready = any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)
    return is_ready and renewed.timestamp() >= since
