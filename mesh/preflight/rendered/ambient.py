"""What ambient workloads need in the charts `cni` and `ztunnel`. Pure."""

from collections.abc import Sequence

from mesh.istio.names import (
    CNI,
    CNI_DAEMON_SET,
    DATA_PLANE_LABEL,
    ISTIOD_PORT,
    NAMESPACE,
    PROXY_CONTAINER,
    ZTUNNEL,
    ZTUNNEL_PODS,
)
from mesh.mappings import Json, as_map, at
from mesh.preflight.manifests import container, environment, find, labels, template
from mesh.preflight.rendered.expected import TRUE, Check, Expected, Manifests

_ZTUNNEL_FOLDER = "/var/run/ztunnel"


def _agent_runs(manifests: Manifests, _: Expected) -> str | None:
    if find(manifests, "DaemonSet", CNI_DAEMON_SET, NAMESPACE) is None:
        return f"leaves {NAMESPACE} without the DaemonSet {CNI_DAEMON_SET}, which leads pods to ztunnel"
    return None


def _agent_enrols(manifests: Manifests, _: Expected) -> str | None:
    """Whether the agent enrols labelled pods, and makes no other pods wait."""
    agents = find(manifests, "DaemonSet", CNI_DAEMON_SET, NAMESPACE)
    of_pods = environment(container(template(agents), "install-cni"))
    data = as_map(at(find(manifests, "ConfigMap", f"{CNI}-config", NAMESPACE), "data")) or {}
    enabled = of_pods.get("AMBIENT_ENABLED", data.get("AMBIENT_ENABLED"))
    if str(enabled).lower() not in TRUE:
        return (
            f"gives the agents AMBIENT_ENABLED {enabled!r}; expected 'true', without which no pod is ambient"
        )
    selector = str(data.get("AMBIENT_ENABLEMENT_SELECTOR", DATA_PLANE_LABEL))
    if DATA_PLANE_LABEL not in selector:
        return f"makes the agents select pods without the label {DATA_PLANE_LABEL}, by which they are ambient"
    return None


def _socket(manifests: Manifests, name: str, proxy: str) -> str | None:
    volumes: Sequence[Json] = at(template(find(manifests, "DaemonSet", name)), "spec", "volumes") or []
    mounts: Sequence[Json] = (
        container(template(find(manifests, "DaemonSet", name)), proxy).get("volumeMounts") or []
    )
    there = {v.get("name") for v in volumes if at(v, "hostPath", "path") == _ZTUNNEL_FOLDER}
    if any(m.get("mountPath") == _ZTUNNEL_FOLDER and m.get("name") in there for m in mounts):
        return None
    return f"takes the node's folder {_ZTUNNEL_FOLDER} from {name}, in which ztunnel and the agents meet"


def _agent_socket(manifests: Manifests, _: Expected) -> str | None:
    return _socket(manifests, CNI_DAEMON_SET, "install-cni")


def _ztunnel_runs(manifests: Manifests, _: Expected) -> str | None:
    if find(manifests, "DaemonSet", ZTUNNEL, NAMESPACE) is None:
        return f"leaves {NAMESPACE} without the DaemonSet {ZTUNNEL}: no ambient pod would have a network"
    return None


def _ztunnel_identity(manifests: Manifests, expected: Expected) -> str | None:
    """Whether istiod accepts ztunnel as its own, and shows it the other networks."""
    proxy = container(template(find(manifests, "DaemonSet", ZTUNNEL, NAMESPACE)), PROXY_CONTAINER)
    if not proxy:
        return None
    variables = environment(proxy)
    address = f"{expected.istiod}.{NAMESPACE}.svc:{ISTIOD_PORT}"
    for name, required in (
        ("ISTIO_META_CLUSTER_ID", expected.cluster),
        ("NETWORK", expected.network),
        ("XDS_ADDRESS", address),
        ("CA_ADDRESS", address),
        ("INPOD_ENABLED", "true"),
        ("TRUST_DOMAIN", expected.trust_domain),
    ):
        if (given := variables.get(name)) != required:
            return f"gives ztunnel {name} {given!r}; expected {required!r}"
    return None


def _ztunnel_socket(manifests: Manifests, _: Expected) -> str | None:
    return _socket(manifests, ZTUNNEL, PROXY_CONTAINER)


def _ztunnel_pods(manifests: Manifests, _: Expected) -> str | None:
    """Whether its pods are found, and are not ambient themselves."""
    pod = template(find(manifests, "DaemonSet", ZTUNNEL, NAMESPACE))
    if not pod:
        return None
    key, value = ZTUNNEL_PODS.split("=")
    if labels(pod).get(key) != value:
        return f"takes the label {ZTUNNEL_PODS} from ztunnel's pods, by which they are known"
    if labels(pod).get(DATA_PLANE_LABEL) != "none":
        return f"makes ztunnel's pods ambient themselves: their label {DATA_PLANE_LABEL} must be none"
    return None


CNI_CHECKS: tuple[Check, ...] = (_agent_runs, _agent_enrols, _agent_socket)
ZTUNNEL_CHECKS: tuple[Check, ...] = (_ztunnel_runs, _ztunnel_identity, _ztunnel_socket, _ztunnel_pods)
