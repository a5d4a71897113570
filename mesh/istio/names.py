"""Names that Istio, its charts and this program give to what is in a cluster. Pure."""

import re

NAMESPACE = "istio-system"

BASE = "istio-base"
"""Release of the chart `base`."""
ISTIOD = "istiod"
ISTIOD_CONTAINER = "discovery"
ISTIOD_PODS = "app=istiod"
MESH_CONFIG = "istio"
"""The ConfigMap with the mesh configuration that istiod reads."""
INJECTOR = "istio-sidecar-injector"
"""The webhook that gives pods a proxy, and the ConfigMap with what it gives them."""
CACERTS = "cacerts"
ROOT_CERTIFICATE = "istio-ca-root-cert"
"""The ConfigMap in which istiod gives its roots to the workloads of a namespace."""
PROXY_CONTAINER = "istio-proxy"

GATEWAY = "istio-eastwestgateway"
GATEWAY_LABEL = "eastwestgateway"
"""Value of the label `istio` that the chart `gateway` derives from the release's name."""
GATEWAY_PORT = 15443
CROSS_NETWORK_GATEWAY = "cross-network-gateway"

NETWORK_LABEL = "topology.istio.io/network"

REMOTE_SECRET_LABEL = "istio/multiCluster"  # noqa: S105 - a label's key
REMOTE_SECRET_ANNOTATION = "networking.istio.io/cluster"  # noqa: S105 - an annotation's key
_REMOTE_SECRET_PREFIX = "istio-remote-secret-"  # noqa: S105 - the beginning of a name

READER_ACCOUNT = "istio-reader-service-account"
"""Made by the chart `base`."""
_READER_TOKEN = re.compile(r"istio-reader-token-g(\d+)")


def remote_secret_name(remote: str) -> str:
    """Name of the Secret by which istiod finds the cluster `remote`, as `istioctl` gives it."""
    return f"{_REMOTE_SECRET_PREFIX}{remote}"


def is_remote_secret_name(name: str) -> bool:
    """Whether a Secret of that name should be a remote secret."""
    return name.startswith(_REMOTE_SECRET_PREFIX)


def token_name(generation: int) -> str:
    """Name of the Secret with the reader's token of that generation."""
    return f"istio-reader-token-g{generation}"


def token_generation(name: str) -> int | None:
    """The generation of the token in the Secret of that name; None where it is not the reader's."""
    found = _READER_TOKEN.fullmatch(name)
    return int(found[1]) if found else None
