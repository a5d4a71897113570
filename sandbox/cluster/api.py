"""Ask a cluster's API server how it is, with nothing but the standard library: a start asks often."""

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


def node_is_ready(cluster: ClusterLayout) -> bool:
    """Say whether the cluster's node is ready for pods."""
    return _condition(get(cluster, f"/api/v1/nodes/{cluster.node}"), "Ready")


def dns_is_ready(cluster: ClusterLayout) -> bool:
    """Say whether names are resolved in the cluster."""
    return _condition(get(cluster, "/apis/apps/v1/namespaces/kube-system/deployments/coredns"), "Available")


def _condition(answer: bytes | None, kind: str) -> bool:
    conditions = json.loads(answer).get("status", {}).get("conditions", []) if answer else []
    return any(entry["type"] == kind and entry["status"] == "True" for entry in conditions)
