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
NO_REVISION = "default"
"""Value of the label `istio.io/rev` of a control plane without a revision, and of what it serves."""
REVISION_LABEL = "istio.io/rev"
TAG_LABEL = "istio.io/tag"
DEFAULT_TAG = "default"
"""The tag of namespaces with `istio-injection=enabled`, and of all that names no revision."""
TAG_WEBHOOK = f"istio-revision-tag-{DEFAULT_TAG}"
"""The stack's webhook for that tag: its revision injects the pods."""
CACERTS = "cacerts"
ROOT_CERTIFICATE = "istio-ca-root-cert"
"""The ConfigMap in which istiod gives its roots to the workloads of a namespace."""
REVOCATION_LISTS = "istio-ca-crl"
"""The one in which it gives them CRLs (`CRLNamespaceConfigMap` in istio/istio)."""
PROXY_CONTAINER = "istio-proxy"

INJECT_LABEL = "sidecar.istio.io/inject"
"""Of a pod: whether it gets a proxy."""
INJECTION_LABEL = "istio-injection"
"""Of a namespace: with `enabled`, the default tag injects its pods, even if it also names a revision."""
INJECTION_STATUS = "sidecar.istio.io/status"
"""Annotation in which the injector records what it did, with its revision, as JSON."""

GATEWAY = "istio-eastwestgateway"
GATEWAY_LABEL = "eastwestgateway"
"""Value of the label `istio` that the chart `gateway` derives from the release's name."""
GATEWAY_PORT = 15443
"""Port of the gateway's pods for mutual TLS from other networks, and of its Service by default."""
GATEWAY_PORTS = {"status-port": 15021, "tls": GATEWAY_PORT, "tls-istiod": 15012, "tls-webhook": 15017}
"""Ports of the Service of an east-west gateway, by the names that the chart `gateway` gives them."""
GATEWAY_PORT_LABEL = "networking.istio.io/gatewayPort"
"""Of a gateway's Service: the port for other networks, where that is another one."""
NODE_SELECTOR_ANNOTATION = "traffic.istio.io/nodeSelector"
"""Of a gateway's Service of type NodePort: the labels of nodes whose external addresses count, as JSON."""
NETWORK_VIEW = "ISTIO_META_REQUESTED_NETWORK_VIEW"
"""Variable of a gateway's proxy: the only network whose endpoints it gets."""
CROSS_NETWORK_GATEWAY = "cross-network-gateway"
NO_HOST = "nothing.invalid"
"""What is exposed where there is nothing to expose: a Gateway must have a host. `.invalid` is RFC 6761's."""

HBONE_GATEWAY = "istio-eastwestgateway-ambient"
"""The east-west gateway for ambient workloads: the Gateway, and all that istiod makes of it."""
HBONE_PORT = 15008
"""Port of ambient workloads and their gateways, for HTTP/2 tunnels with mutual TLS."""
GATEWAY_API = "gateway.networking.k8s.io/v1"
EAST_WEST_CLASS = "istio-east-west"
"""GatewayClass of gateways that let other networks in to ambient workloads."""
REMOTE_CLASS = "istio-remote"
"""GatewayClass of what says where the gateway of another network is."""
WAYPOINT_CLASS = "istio-waypoint"
GATEWAY_ACCOUNT_ANNOTATION = "gateway.istio.io/service-account"
"""Of a Gateway: the account of its pods, which callers expect to find there."""
WAYPOINT = "waypoint"
"""Gateway, in each namespace that has a waypoint."""
CNI = "istio-cni"
"""Release of the chart `cni`."""
CNI_DAEMON_SET = "istio-cni-node"
ZTUNNEL = "ztunnel"
"""Release of the chart `ztunnel`, and its DaemonSet."""
ZTUNNEL_PODS = "app=ztunnel"
USE_WAYPOINT_LABEL = "istio.io/use-waypoint"
"""Of a namespace: the waypoint through which its services are called."""
GLOBAL_LABEL = "istio.io/global"
"""Of a Service: whether clients in other networks see it."""
DATA_PLANE_LABEL = "istio.io/dataplane-mode"
"""Of a namespace or a pod: whether its workloads are ambient."""
REDIRECTION_ANNOTATION = "ambient.istio.io/redirection"
"""Of a pod: `enabled` once its traffic goes through ztunnel."""

NETWORK_LABEL = "topology.istio.io/network"
CLUSTER_LABEL = "topology.istio.io/cluster"
REGION_LABEL = "topology.kubernetes.io/region"
"""Of a node."""
CONTROL_PLANE_ANNOTATION = "topology.istio.io/controlPlaneClusters"
"""On istio-system: the clusters whose control planes serve this one."""
ISTIOD_PORT = 15012
"""Where proxies get configuration and certificates."""
WEBHOOK_PORT = 15017
"""Where an API server has istiod asked; of istiod's pods, and of gateways that lead to them."""
ISTIOD_HOST = f"{ISTIOD}.{NAMESPACE}.svc"
"""By which proxies and API servers know istiod, and its certificate has it."""
ISTIOD_GATEWAY = "istiod-gateway"
"""The Gateway and the VirtualService by which remotes reach istiod."""

REMOTE_SECRET_LABEL = "istio/multiCluster"  # noqa: S105 - a label's key
REVISION_ANNOTATION = "istio-mesh/revision"
"""Of the sample's pods: the revision that serves them. A change restarts them."""
MESH_NETWORKS_ANNOTATION = "istio-mesh/mesh-networks"
"""Of istiod's pods: the addresses of other gateways that they have."""

REMOTE_SECRET_ANNOTATION = "networking.istio.io/cluster"  # noqa: S105 - an annotation's key
_REMOTE_SECRET_PREFIX = "istio-remote-secret-"  # noqa: S105 - the beginning of a name

READER_ACCOUNT = "istio-reader-service-account"
"""Made by the chart `base`."""
READER_ROLE = "istio-mesh-reader"
"""The reader's role without Secrets, and its binding; ours."""
_READER_TOKEN = re.compile(r"istio-reader-token-g(\d+)")


def revisioned(name: str, revision: str) -> str:
    """What the chart `istiod` calls an object of a revision, such as `istiod-1-31-0` for `istiod`."""
    return name if revision in ("", NO_REVISION) else f"{name}-{revision}"


def istiod_revision(release: str) -> str | None:
    """The revision of a control plane's release, or empty without one; None for other releases."""
    if release == ISTIOD:
        return ""
    return release.removeprefix(f"{ISTIOD}-") if release.startswith(f"{ISTIOD}-") else None


def revision_label(revision: str) -> str:
    """Value of the label `istio.io/rev` of what a revision serves."""
    return revision or NO_REVISION


def remote_gateway_name(network: str) -> str:
    """Name of the Gateway that says where the ambient gateway of another network is."""
    return f"{HBONE_GATEWAY}-{network}"


def remote_secret_name(remote: str) -> str:
    """Name of the Secret by which istiod finds the cluster `remote`, as `istioctl` gives it."""
    return f"{_REMOTE_SECRET_PREFIX}{remote}"


def is_remote_secret_name(name: str) -> bool:
    """Whether a Secret of that name should be a remote secret."""
    return name.startswith(_REMOTE_SECRET_PREFIX)


def stub_name(cluster: str, namespace: str, name: str) -> str:
    """Logical name of the stub in a cluster for a service of others."""
    return f"{cluster}-{namespace}-{name}-stub"


def failover_name(host: str) -> str:
    """Name of the failover's DestinationRule and VirtualService for a host."""
    return f"failover-{host}"


def token_name(generation: int) -> str:
    """Name of the Secret with the reader's token of that generation."""
    return f"istio-reader-token-g{generation}"


def token_generation(name: str) -> int | None:
    """The generation of the token in the Secret of that name; None where it is not the reader's."""
    found = _READER_TOKEN.fullmatch(name)
    return int(found[1]) if found else None
