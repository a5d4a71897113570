"""What a check reports: one thing that is wrong, where, and what to do."""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, computed_field

from mesh.istio.names import ISTIOD, NAMESPACE, revisioned

_REFRESH = "pulumi up --refresh"
PUT_BACK = f"run `{_REFRESH}`"
"""The hint for everything that the program itself has made."""
_SHOWN = 3


def some(names: Iterable[str]) -> str:
    """The first of many names, such as `a, b, c and 4 more`."""
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more


def without(hint: str, offline: Iterable[str]) -> str:
    """The hint with clusters that are away left out: a refresh would try to read all that they have."""
    excluded = "".join(f" --exclude '**::{cluster}-*'" for cluster in offline)
    return hint.replace(f"`{_REFRESH}`", f"`{_REFRESH}{excluded}`")


def put_back_release(cluster: str, release: str, *, pods: int = 1) -> str:
    """The hint for everything that a chart has made: Pulumi does not look at what is in a release.

    Where its Deployment has no pods, their number may be left to an autoscaler, which leaves zero alone.
    """
    namespace = f"-n {NAMESPACE}"
    hint = (
        f"in {cluster}, run `helm {namespace} get manifest {release} | kubectl {namespace} apply -f -`, by "
        "which all of it is again as the chart has it"
    )
    if pods:
        return hint
    return f"{hint}; if there is no pod then, `kubectl {namespace} scale deployment {release} --replicas=1`"


def restart_istiod(revisions: Iterable[str]) -> str:
    """The command that restarts the control planes of a cluster."""
    names = " ".join(f"deployment/{revisioned(ISTIOD, revision)}" for revision in revisions)
    return f"`kubectl -n {NAMESPACE} rollout restart {names}`"


def replace_release(cluster: str, release: str) -> str:
    """The same for a DaemonSet: applying leaves what somebody else has added, such as a node selector."""
    namespace = f"-n {NAMESPACE}"
    return (
        f"in {cluster}, run `helm {namespace} get manifest {release} | kubectl {namespace} replace -f -`, by "
        "which all of it is again as the chart has it, and nothing else"
    )


class Severity(StrEnum):
    """How bad a finding is: an error fails the check, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Reason(StrEnum):
    """A stable name for each kind of finding, for programs to read."""

    API_SERVER_UNREACHABLE = "api-server-unreachable"
    API_SERVER_REFUSES = "api-server-refuses"
    ISTIOD_DOWN = "istiod-down"
    NEXT_ISTIOD_DOWN = "next-istiod-down"
    MESH_CONFIG_NOT_LOADED = "mesh-config-not-loaded"
    INJECTION_FAILS = "injection-fails"
    INJECTION_NOT_CHECKED = "injection-not-checked"
    VALIDATION_FAILS = "validation-fails"
    ERRORS_LOGGED = "errors-logged"
    CLOCKS_DIFFER = "clocks-differ"
    KUBERNETES_NOT_SUPPORTED = "kubernetes-not-supported"

    UPDATE_REFUSED = "update-refused"
    RIGHTS_MISSING = "rights-missing"
    NO_NODE = "no-node"
    PODS_UNREACHABLE = "pods-unreachable"
    NO_LOAD_BALANCER = "no-load-balancer"
    LOAD_BALANCER_NOT_KNOWN = "load-balancer-not-known"

    REMOTE_SECRET_MISSING = "remote-secret-missing"  # noqa: S105 - the name of a reason
    REMOTE_SECRET_LABEL = "remote-secret-label"  # noqa: S105 - the name of a reason
    REMOTE_SECRET_KEY = "remote-secret-key"  # noqa: S105 - the name of a reason
    PEER_API_SERVER_REFUSES = "peer-api-server-refuses"
    CLIENT_CERTIFICATE_INVALID = "client-certificate-invalid"
    TOKEN_REFUSED = "token-refused"  # noqa: S105 - the name of a reason
    READER_DENIED = "reader-denied"
    REMOTE_CLUSTER_NOT_SYNCED = "remote-cluster-not-synced"
    NEXT_ISTIOD_NOT_SYNCED = "next-istiod-not-synced"
    PEER_API_SERVER_NOT_CHECKED = "peer-api-server-not-checked"
    PEER_API_SERVER_UNREACHABLE = "peer-api-server-unreachable"
    REMOTE_SECRET_ORPHANED = "remote-secret-orphaned"  # noqa: S105 - the name of a reason
    TOKEN_EXPIRES = "token-expires"  # noqa: S105 - the name of a reason
    TOKEN_OLD = "token-old"  # noqa: S105 - the name of a reason

    GATEWAY_DOWN = "gateway-down"
    GATEWAY_WITHOUT_ADDRESS = "gateway-without-address"
    GATEWAY_ADDRESSES_NOT_USED = "gateway-addresses-not-used"
    GATEWAY_PORT_UNREACHABLE = "gateway-port-unreachable"
    CROSS_NETWORK_GATEWAY_MISSING = "cross-network-gateway-missing"
    EXPOSURE_OUTDATED = "exposure-outdated"
    GATEWAY_PASSES_NOTHING = "gateway-passes-nothing"
    REMOTE_GATEWAY_ORPHANED = "remote-gateway-orphaned"
    NETWORK_LABEL_MISSING = "network-label-missing"
    CONTROL_PLANE_NOT_CHECKED = "control-plane-not-checked"
    CONTROL_PLANE_UNREACHABLE = "control-plane-unreachable"
    NETWORK_ROUTE_MISSING = "network-route-missing"
    CONNECTIONS_NOT_CHECKED = "connections-not-checked"

    CACERTS_NOT_LOADED = "cacerts-not-loaded"
    CACERTS_UNUSABLE = "cacerts-unusable"
    INTERMEDIATE_EXPIRED = "intermediate-expired"
    INTERMEDIATE_NOT_YET_VALID = "intermediate-not-yet-valid"
    DIFFERENT_ROOTS = "different-roots"
    ROOT_NOT_LOADED = "root-not-loaded"
    CERTIFICATE_EXPIRES = "certificate-expires"
    CRL_NOT_LOADED = "crl-not-loaded"
    CRL_MISSING = "crl-missing"
    CRL_EXPIRES = "crl-expires"
    PEER_CERTIFICATE_DISTRUSTED = "peer-certificate-distrusted"

    GATEWAY_API_MISSING = "gateway-api-missing"
    CNI_NOT_READY = "cni-not-ready"
    ZTUNNEL_CLUSTER = "ztunnel-cluster"
    ZTUNNEL_NETWORK = "ztunnel-network"
    ZTUNNEL_NOT_READY = "ztunnel-not-ready"
    ZTUNNEL_NOT_CONNECTED = "ztunnel-not-connected"
    HBONE_GATEWAY_DOWN = "hbone-gateway-down"
    HBONE_GATEWAY_CHANGED = "hbone-gateway-changed"
    HBONE_GATEWAY_WITHOUT_ADDRESS = "hbone-gateway-without-address"
    PODS_NOT_ENROLLED = "pods-not-enrolled"
    SERVICE_NOT_GLOBAL = "service-not-global"
    WAYPOINT_DOWN = "waypoint-down"
    WAYPOINT_ON_ONE_SIDE = "waypoint-on-one-side"
    POLICIES_DIFFER = "policies-differ"
    POLICY_NOT_ACCEPTED = "policy-not-accepted"

    INJECTION_NOT_MOVED = "injection-not-moved"
    INJECTORS_OVERLAP = "injectors-overlap"
    NAMESPACE_REVISION_UNKNOWN = "namespace-revision-unknown"
    PROXY_UNSERVED = "proxy-unserved"
    PROXY_NOT_MOVED = "proxy-not-moved"
    PROXY_VERSION_SKEW = "proxy-version-skew"
    PROXY_STALE = "proxy-stale"
    PROXY_OLD = "proxy-old"
    SERVICE_PORTS_DIFFER = "service-ports-differ"

    SIDECAR_MISSING = "sidecar-missing"
    SAMPLE_NOT_RUNNING = "sample-not-running"
    SERVICE_MISSING = "service-missing"
    DNS_NOT_CAPTURED = "dns-not-captured"
    NAME_NOT_RESOLVED = "name-not-resolved"
    SAMPLE_NOT_EXPOSED = "sample-not-exposed"
    UNSEEN_CLUSTER_ANSWERS = "unseen-cluster-answers"
    ENDPOINTS_MISSING = "endpoints-missing"
    TLS_REFUSED = "tls-refused"
    NO_ANSWER = "no-answer"


class Finding(BaseModel):
    """One thing that is wrong: `cluster` is where to look, `message` what was found, `hint` what to do.

    `peer` is the other cluster, where something between two is wrong.
    """

    model_config = ConfigDict(frozen=True)

    reason: Reason
    severity: Severity = Severity.ERROR
    cluster: str
    peer: str | None = None
    message: str
    hint: str

    @computed_field
    @property
    def see(self) -> str:
        """Where the documentation has more about it."""
        return f"docs/troubleshooting.md#{self.reason}"
