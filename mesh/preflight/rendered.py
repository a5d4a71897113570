"""What the mesh stands on in the manifests of Istio's charts: whatever takes it away is a fault. Pure.

Each check takes the manifests of one chart and gives a message, or None. A fault is known by both, so that
the value that causes it can be found by leaving values out.
"""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import yaml

from mesh.config.types import ServiceType
from mesh.istio.addresses import PeerAddress, told
from mesh.istio.kubeconfig_folder import VARIABLE
from mesh.istio.mesh_config import mistakes
from mesh.istio.names import (
    CACERTS,
    CNI,
    CNI_DAEMON_SET,
    CROSS_NETWORK_GATEWAY,
    DATA_PLANE_LABEL,
    GATEWAY,
    GATEWAY_LABEL,
    GATEWAY_PORT,
    GATEWAY_PORT_LABEL,
    INJECTOR,
    ISTIOD,
    ISTIOD_CONTAINER,
    ISTIOD_PORT,
    MESH_CONFIG,
    NAMESPACE,
    NETWORK_LABEL,
    NETWORK_VIEW,
    NO_REVISION,
    NODE_SELECTOR_ANNOTATION,
    PROXY_CONTAINER,
    READER_ACCOUNT,
    REVISION_LABEL,
    ZTUNNEL,
    ZTUNNEL_PODS,
    revision_label,
    revisioned,
)
from mesh.istio.values import Ways
from mesh.mappings import Json, as_map, at
from mesh.preflight.manifests import (
    CONTROLLERS,
    annotations,
    container,
    environment,
    find,
    labels,
    no_text,
    selects,
    template,
)

_ISTIOD_PORTS = (15012, 443)
_TRUE = ("true", "1", "t")
_HBONE = "ISTIO_META_ENABLE_HBONE"
_ZTUNNEL_FOLDER = "/var/run/ztunnel"


ObjectName: TypeAlias = tuple[str, str, str]
"""Kind, namespace and name of an object; the namespace is empty where it has none."""


def object_names(manifests: Iterable[Json]) -> Iterator[ObjectName]:
    """Of all objects among the manifests."""
    for manifest in manifests:
        metadata = as_map(manifest.get("metadata")) or {}
        yield str(manifest.get("kind")), str(metadata.get("namespace") or ""), str(metadata.get("name"))


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a cluster's charts must come to.

    A `remote` has no istiod of its own; one that `serves` is that of remotes, too.
    `reader` is whether the chart makes the account by which others read the cluster, `reader_role` whether it
    makes its role too. `kubeconfig_folder` are the clusters whose kubeconfigs istiod reads from its folder,
    none where it reads remote secrets. `given` is whether the stack gives the gateway's addresses, so that
    the Service must yield none, `port` the Service's port for other networks, and `network_policy` whether
    there must be one. `ways` are the addresses of other gateways that istiod must be told.
    `revision` is that of the control plane that is made, or that serves what is made; one that is `led`
    leaves what names no revision to the tag `default`. `taken` are objects that something else makes, and
    what that is.
    """

    cluster: str
    network: str
    mesh_id: str
    trust_domain: str
    reader: bool = True
    reader_role: bool = True
    remote: bool = False
    serves: bool = False
    kubeconfig_folder: frozenset[str] = frozenset()
    given: bool = False
    port: int = GATEWAY_PORT
    network_policy: bool = False
    ways: Ways = field(default_factory=dict[str, Sequence[PeerAddress]])
    ambient: bool = False
    revision: str = ""
    led: bool = False
    taken: Mapping[ObjectName, str] = field(default_factory=dict[ObjectName, str])

    @property
    def istiod(self) -> str:
        """Name of the Deployment and the Service of that control plane."""
        return revisioned(ISTIOD, self.revision)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`check` is the name of what found it."""

    check: str
    message: str


Manifests = Sequence[Json]
Check = Callable[[Manifests, Expected], str | None]


def faults(chart: str, manifests: Manifests, expected: Expected) -> Iterator[Fault]:
    """What of a chart (`base`, `istiod`, `gateway`, `cni`, `ztunnel`) does not come to what is expected."""
    checks = _CHECKS[chart] if not (chart == "istiod" and expected.remote) else _REMOTE_CHECKS
    for check in checks:
        if message := check(manifests, expected):
            yield Fault(check=check.__name__, message=message)
    for where, which, value in no_text(manifests):
        text = json.dumps(value)
        yield Fault(
            check="text",
            message=f'expected text as the {which} of {where}, got {text}; write "{text}" in quotes',
        )


def cluster_domain(manifests: Manifests, revision: str = "") -> str | None:
    """The DNS domain of the cluster's services, as istiod gets it; None where there is no istiod."""
    pod = template(find(manifests, "Deployment", revisioned(ISTIOD, revision), NAMESPACE))
    arguments: list[object] = container(pod, ISTIOD_CONTAINER).get("args") or []
    after = (value for option, value in itertools.pairwise(arguments) if option == "--domain")
    return next((str(value) for value in after), None)


def exposes(hosts: Iterable[str], domain: str) -> bool:
    """Whether one of a Gateway's hosts is, or is a wildcard for, a service of a cluster with that domain."""
    services = f".svc.{domain}"
    return any(
        host == "*" or host.endswith(services) or (host.startswith("*.") and services.endswith(host[1:]))
        for host in hosts
    )


# The chart `base`.


def _reader_account(manifests: Manifests, expected: Expected) -> str | None:
    if not expected.reader or find(manifests, "ServiceAccount", READER_ACCOUNT, NAMESPACE):
        return None
    return (
        f"leaves {NAMESPACE} without the account {READER_ACCOUNT}, by which the other clusters read this "
        "one's services"
    )


def _definitions(manifests: Manifests, _: Expected) -> str | None:
    if find(manifests, "CustomResourceDefinition", "gateways.networking.istio.io"):
        return None
    return (
        "leaves the cluster without the definition of Istio's Gateway, which exposes services to the others"
    )


def _validator(manifests: Manifests, expected: Expected) -> str | None:
    """Whether the API server asks an istiod that is there about Istio's objects."""
    webhook = find(manifests, "ValidatingWebhookConfiguration", "istiod-default-validator")
    entries: Sequence[Json] = at(webhook, "webhooks") or []
    asked = {str(name) for entry in entries if (name := at(entry, "clientConfig", "service", "name"))}
    if asked <= {expected.istiod}:
        return None
    return (
        f"has the API server ask {', '.join(sorted(asked))} about Istio's objects, and nothing makes that; "
        f"expected {expected.istiod}"
    )


# The chart `istiod`.


def _istiod(manifests: Manifests, expected: Expected) -> Json:
    return template(find(manifests, "Deployment", expected.istiod, NAMESPACE))


def _istiod_runs(manifests: Manifests, expected: Expected) -> str | None:
    deployment = find(manifests, "Deployment", expected.istiod, NAMESPACE)
    if deployment is None:
        return (
            f"leaves {NAMESPACE} without the Deployment {expected.istiod}: by this name the gateway, "
            "the proxies and this program know the control plane"
        )
    return "leaves istiod without a pod" if at(deployment, "spec", "replicas") == 0 else None


def _istiod_service(manifests: Manifests, expected: Expected) -> str | None:
    service = find(manifests, "Service", expected.istiod, NAMESPACE)
    ports: Sequence[Json] = at(service, "spec", "ports") or []
    open_ports = {port.get("port") for port in ports}
    if not selects(at(service, "spec", "selector"), _istiod(manifests, expected)):
        return (
            f"leaves istiod's pods without the Service {expected.istiod}, by which every proxy reaches them"
        )
    if missing := [port for port in _ISTIOD_PORTS if port not in open_ports]:
        return f"closes port {missing[0]} of the Service {expected.istiod}"
    return None


def _istiod_identity(manifests: Manifests, expected: Expected) -> str | None:
    if not (pod := _istiod(manifests, expected)):
        return None
    variables = environment(container(pod, ISTIOD_CONTAINER))
    if variables.get("CLUSTER_ID") != expected.cluster:
        return (
            f"gives istiod the cluster ID {variables.get('CLUSTER_ID')!r}; expected {expected.cluster!r}, by "
            "which the others know the cluster"
        )
    if (given := variables.get("REVISION")) != revision_label(expected.revision):
        return (
            f"gives istiod the revision {given!r}; expected {revision_label(expected.revision)!r}, which the "
            "gateway and the webhooks have"
        )
    if not isinstance(variables.get("POD_NAMESPACE"), Mapping):
        return f"tells istiod that it runs in {variables.get('POD_NAMESPACE')!r}, and it runs in {NAMESPACE}"
    return None


def _remote_clusters(manifests: Manifests, expected: Expected) -> str | None:
    """Whether istiod looks for other clusters where the mesh has them."""
    if not (pod := _istiod(manifests, expected)):
        return None
    discovery = container(pod, ISTIOD_CONTAINER)
    folder = environment(discovery).get(VARIABLE)
    if not expected.kubeconfig_folder:
        return f"lets istiod read {folder}, and no remote secrets" if folder else None
    mounts: Sequence[Json] = discovery.get("volumeMounts") or []
    volumes: Sequence[Json] = at(pod, "spec", "volumes") or []
    mounted = [m.get("name") for m in mounts if m.get("mountPath") == folder]
    projected = [at(v, "projected", "sources") for v in volumes if v.get("name") in mounted]
    sources = cast(Sequence[Json], [source for listed in projected for source in listed or ()])
    items = cast(Sequence[Json], [i for s in sources for i in at(s, "secret", "items") or ()])
    files = {item.get("path") for item in items}
    missing = sorted(c for c in expected.kubeconfig_folder if f"{c}.yaml" not in files)
    return f"keeps the kubeconfigs of {', '.join(missing)} from istiod" if missing else None


def _signs(manifests: Manifests, expected: Expected) -> str | None:
    """Whether workloads get certificates from the cluster's intermediate CA."""
    if not (pod := _istiod(manifests, expected)):
        return None
    discovery = container(pod, ISTIOD_CONTAINER)
    if str(environment(discovery).get("ENABLE_CA_SERVER", "true")).lower() in ("false", "0", "f"):
        return "turns istiod's CA off: no workload would get a certificate of the cluster's intermediate"
    if authority := _injected(manifests, expected, "global", "caAddress"):
        return f"sends workloads to {authority} for certificates, which has not the mesh's root"
    mounts: Sequence[Json] = discovery.get("volumeMounts") or []
    volumes: Sequence[Json] = at(pod, "spec", "volumes") or []
    names = {v.get("name") for v in volumes if at(v, "secret", "secretName") == CACERTS}
    if not any(m.get("name") in names and m.get("mountPath") == "/etc/cacerts" for m in mounts):
        return f"keeps the Secret {CACERTS} from istiod, which would make a root of its own"
    return None


def _mesh_config(manifests: Manifests, expected: Expected) -> str | None:
    config_map = find(manifests, "ConfigMap", revisioned(MESH_CONFIG, expected.revision), NAMESPACE)
    if config_map is None:
        return f"leaves istiod without the ConfigMap {MESH_CONFIG}: it would run with defaults"
    try:
        document = as_map(yaml.safe_load(str(at(config_map, "data", "mesh") or ""))) or {}
    except yaml.YAMLError:
        return f"makes a mesh configuration in the ConfigMap {MESH_CONFIG} that is not valid YAML"
    if mistake := next(mistakes(document), None):
        return f"makes a mesh configuration in which {mistake.path}: {mistake.message}"
    proxies = as_map(document.get("defaultConfig")) or {}
    for name, values, required in (
        ("trustDomain", _both(document, "trustDomain", "trust_domain"), expected.trust_domain),
        ("defaultConfig.meshId", _both(proxies, "meshId", "mesh_id"), expected.mesh_id),
        (
            "defaultConfig.discoveryAddress",
            _both(proxies, "discoveryAddress", "discovery_address"),
            f"{expected.istiod}.{NAMESPACE}.svc:{ISTIOD_PORT}",
        ),
    ):
        if values != [required]:
            shown = " and ".join(map(repr, values)) or "nothing"
            return f"makes {name} of the mesh configuration {shown}; expected {required!r}"
    return _discovered(document, expected)


def _mesh_networks(manifests: Manifests, expected: Expected) -> str | None:
    """Whether istiod is told the addresses of gateways that it cannot find by their Services."""
    there = told(find(manifests, "ConfigMap", revisioned(MESH_CONFIG, expected.revision), NAMESPACE))
    for network, required in expected.ways.items():
        if there.get(network) != tuple(required):
            addresses = ", ".join(map(str, required))
            return f"keeps the gateways of the network {network} from istiod; expected {addresses}"
    return None


def _both(document: Json, *names: str) -> list[object]:
    """The values of a setting under both of the names that it has in protobuf's JSON."""
    return [document[name] for name in names if name in document]


def _discovered(document: Json, expected: Expected) -> str | None:
    """Whether istiod sees its own namespace, where the gateway is; it makes no exception for it."""
    selectors = document.get("discoverySelectors")
    if not isinstance(selectors, list) or not selectors:
        return None
    own = {"kubernetes.io/metadata.name": NAMESPACE, NETWORK_LABEL: expected.network}
    if any(_matches(cast(Json, selector), own) for selector in cast(list[object], selectors)):
        return None
    return (
        f"keeps the namespace {NAMESPACE} from istiod, and the gateway in it; add the selector "
        f"{{matchLabels: {{kubernetes.io/metadata.name: {NAMESPACE}}}}} to meshConfig.discoverySelectors"
    )


def _matches(selector: Json, own: Mapping[str, str]) -> bool:
    """As a label selector of Kubernetes does."""
    expressions: Sequence[Json] = selector.get("matchExpressions") or []
    return (as_map(selector.get("matchLabels")) or {}).items() <= own.items() and all(
        {
            "In": own.get(str(e.get("key"))) in (e.get("values") or []),
            "NotIn": own.get(str(e.get("key"))) not in (e.get("values") or []),
            "Exists": e.get("key") in own,
            "DoesNotExist": e.get("key") not in own,
        }.get(str(e.get("operator")), False)
        for e in expressions
    )


def _injection(manifests: Manifests, expected: Expected) -> str | None:
    """Whether pods get a proxy that knows where it is; the gateway's pods are made by it, too."""
    injector, istiod = revisioned(INJECTOR, expected.revision), expected.istiod
    webhook = find(manifests, "MutatingWebhookConfiguration", injector)
    entries: Sequence[Json] = at(webhook, "webhooks") or []
    services = [at(entry, "clientConfig", "service") for entry in entries]
    if expected.led and webhook is not None:
        return (
            f"makes the webhook {injector} beside that of the tag default, which gives the same pods a proxy"
        )
    if not (services or expected.led) or any(
        (at(service, "name"), at(service, "namespace")) != (istiod, NAMESPACE) for service in services
    ):
        return f"leaves the cluster without the webhook {injector} to {istiod}: no pod would get a proxy"
    for path, required in (
        (("global", "meshID"), expected.mesh_id),
        (("global", "network"), expected.network),
        (("global", "multiCluster", "clusterName"), expected.cluster),
        (("global", "istioNamespace"), NAMESPACE),
    ):
        if (given := _injected(manifests, expected, *path)) != required:
            return f"gives proxies {'.'.join(path)} {given!r}; expected {required!r}"
    return None


def _apart(manifests: Manifests, expected: Expected) -> str | None:
    """Whether it makes nothing that something else makes too, and Helm would refuse it."""
    for name in object_names(manifests):
        if (maker := expected.taken.get(name)) is not None:
            return f"makes the {name[0]} {name[2]}, which {maker} makes, too"
    return None


def _injected(manifests: Manifests, expected: Expected, *path: str) -> Any:
    """What the injector's values have at a path."""
    injector = find(manifests, "ConfigMap", revisioned(INJECTOR, expected.revision), NAMESPACE)
    text = at(injector, "data", "values")
    try:
        return at(as_map(json.loads(str(text or "{}"))), *path)
    except ValueError:
        return None


def _serves(manifests: Manifests, expected: Expected) -> str | None:
    """Whether istiod writes into the remotes that it serves what their pods need."""
    if not expected.serves or not (pod := _istiod(manifests, expected)):
        return None
    value = environment(container(pod, ISTIOD_CONTAINER)).get("EXTERNAL_ISTIOD")
    if str(value).lower() in _TRUE:
        return None
    return f"gives istiod EXTERNAL_ISTIOD {value!r}; expected 'true', without which it serves no remote"


def _remote_service(manifests: Manifests, _: Expected) -> str | None:
    """Whether proxies and the API server get from istiod's name to the primary's istiod."""
    service = find(manifests, "Service", ISTIOD, NAMESPACE)
    slice_ = find(manifests, "EndpointSlice", ISTIOD, NAMESPACE)
    ports: Sequence[Json] = at(service, "spec", "ports") or []
    if slice_ is None or not {port.get("port") for port in ports} >= {*_ISTIOD_PORTS}:
        return (
            f"leaves the remote without the Service {ISTIOD}, which leads to the control plane of its primary"
        )
    return None


def _remote_injection(manifests: Manifests, expected: Expected) -> str | None:
    """Whether pods get a proxy that knows where it is, from an istiod elsewhere."""
    webhook = find(manifests, "MutatingWebhookConfiguration", INJECTOR)
    entries: Sequence[Json] = at(webhook, "webhooks") or []
    services = [at(entry, "clientConfig", "service") for entry in entries]
    path = f"/inject/cluster/{expected.cluster}/net/{expected.network}"
    if not services or any(
        (at(service, "name"), at(service, "namespace"), at(service, "path")) != (ISTIOD, NAMESPACE, path)
        for service in services
    ):
        return f"leaves the cluster without the webhook {INJECTOR} to {path}: no pod would get a proxy"
    return None


def _remote_reader(manifests: Manifests, expected: Expected) -> str | None:
    """Whether the primary may write the roots and the CA of the webhooks."""
    if not (expected.reader and expected.reader_role):
        return None
    roles = [m for m in manifests if m.get("kind") == "ClusterRole"]
    lists: list[Sequence[Json]] = [role.get("rules") or [] for role in roles]
    rules = [rule for inner in lists for rule in inner]
    for resource, verb in (("configmaps", "create"), ("mutatingwebhookconfigurations", "update")):
        if not any(resource in r.get("resources", ()) and verb in r.get("verbs", ()) for r in rules):
            return f"keeps the primary from the right to {verb} {resource} in the remote"
    return None


def _reader_role(manifests: Manifests, expected: Expected) -> str | None:
    account = {"name": READER_ACCOUNT, "namespace": NAMESPACE}
    bindings = [m for m in manifests if m.get("kind") == "ClusterRoleBinding"]
    bound: list[Sequence[Json]] = [b.get("subjects") or [] for b in bindings]
    subjects = [subject for subjects in bound for subject in subjects]
    if not (expected.reader and expected.reader_role) or any(account.items() <= s.items() for s in subjects):
        return None
    return f"leaves {READER_ACCOUNT} without a role: the other clusters could not read this one's services"


def _ambient(manifests: Manifests, expected: Expected) -> str | None:
    """Whether istiod leads the ambient workloads of several networks."""
    if not expected.ambient or not (pod := _istiod(manifests, expected)):
        return None
    variables = environment(container(pod, ISTIOD_CONTAINER))
    for name in ("PILOT_ENABLE_AMBIENT", "AMBIENT_ENABLE_MULTI_NETWORK"):
        if str(variables.get(name)).lower() not in _TRUE:
            return f"gives istiod {name} {variables.get(name)!r}; expected 'true' in an ambient cluster"
    config_map = find(manifests, "ConfigMap", revisioned(MESH_CONFIG, expected.revision), NAMESPACE)
    try:
        document = as_map(yaml.safe_load(str(at(config_map, "data", "mesh") or "")))
    except yaml.YAMLError:
        return None  # another check says so
    metadata = as_map(at(document, "defaultConfig", "proxyMetadata")) or {}
    if metadata.get(_HBONE) != "true":
        return f"gives proxies {_HBONE} {metadata.get(_HBONE)!r}; expected 'true' in an ambient cluster"
    return None


# The charts `cni` and `ztunnel`.


def _agent_runs(manifests: Manifests, _: Expected) -> str | None:
    if find(manifests, "DaemonSet", CNI_DAEMON_SET, NAMESPACE) is None:
        return f"leaves {NAMESPACE} without the DaemonSet {CNI_DAEMON_SET}, which leads pods to ztunnel"
    return None


def _agent_enrols(manifests: Manifests, _: Expected) -> str | None:
    """Whether the agent enrols what is labelled, and lets pods that are not wait for nothing."""
    agents = find(manifests, "DaemonSet", CNI_DAEMON_SET, NAMESPACE)
    of_pods = environment(container(template(agents), "install-cni"))
    data = as_map(at(find(manifests, "ConfigMap", f"{CNI}-config", NAMESPACE), "data")) or {}
    enabled = of_pods.get("AMBIENT_ENABLED", data.get("AMBIENT_ENABLED"))
    if str(enabled).lower() not in _TRUE:
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
    """Whether istiod takes ztunnel for one of its own, and shows it the other networks."""
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
    """Whether its pods are found, and do not go through themselves."""
    pod = template(find(manifests, "DaemonSet", ZTUNNEL, NAMESPACE))
    if not pod:
        return None
    key, value = ZTUNNEL_PODS.split("=")
    if labels(pod).get(key) != value:
        return f"takes the label {ZTUNNEL_PODS} from ztunnel's pods, by which they are known"
    if labels(pod).get(DATA_PLANE_LABEL) != "none":
        return f"makes ztunnel's pods ambient themselves: their label {DATA_PLANE_LABEL} must be none"
    return None


# The chart `gateway`.


def _gateway(manifests: Manifests) -> Json | None:
    return next((c for kind in CONTROLLERS if (c := find(manifests, kind, GATEWAY, NAMESPACE))), None)


def _gateway_runs(manifests: Manifests, _: Expected) -> str | None:
    controller = _gateway(manifests)
    if controller is None:
        return f"leaves {NAMESPACE} without the gateway {GATEWAY}"
    return "leaves the gateway without a pod" if at(controller, "spec", "replicas") == 0 else None


def _gateway_label(manifests: Manifests, _: Expected) -> str | None:
    """Whether the Gateway that exposes services finds the pods."""
    if labels(template(_gateway(manifests))).get("istio") == GATEWAY_LABEL:
        return None
    return (
        f"takes the label istio={GATEWAY_LABEL} from the gateway's pods, by which the Gateway "
        f"{CROSS_NETWORK_GATEWAY} finds them"
    )


def _gateway_network(manifests: Manifests, expected: Expected) -> str | None:
    pod = template(_gateway(manifests))
    variables = environment(container(pod, PROXY_CONTAINER))
    service = find(manifests, "Service", GATEWAY, NAMESPACE)
    # Pods without the label have their network from the namespace.
    of_pods = labels(pod).get(NETWORK_LABEL, expected.network if expected.given else None)
    of_service = expected.network if expected.given or service is None else labels(service).get(NETWORK_LABEL)
    for what, given in (
        (f"label {NETWORK_LABEL} of the gateway's Service", of_service),
        (f"label {NETWORK_LABEL} of the gateway's pods", of_pods),
        (NETWORK_VIEW, variables.get(NETWORK_VIEW)),
        ("ISTIO_META_NETWORK", variables.get("ISTIO_META_NETWORK", expected.network)),
    ):
        if given != expected.network:
            return f"makes {what} {given!r}; expected the cluster's network, {expected.network!r}"
    return None


def _gateway_service(manifests: Manifests, expected: Expected) -> str | None:
    """Whether peers get an address, and reach the pods by it."""
    service = find(manifests, "Service", GATEWAY, NAMESPACE)
    if service is None:
        return f"leaves the gateway without the Service {GATEWAY}: peers would get no address"
    if message := _labelled(service) if expected.given else _without_address(service):
        return message
    if not selects(at(service, "spec", "selector"), template(_gateway(manifests))):
        return "makes the gateway's Service select other pods than the gateway's"
    return None


def _labelled(service: Json) -> str | None:
    if NETWORK_LABEL not in labels(service):
        return None
    return (
        f"gives the gateway's Service the label {NETWORK_LABEL}, by which peers would use its addresses and "
        "not those in gateway.addresses"
    )


def _without_address(service: Json) -> str | None:
    kind = at(service, "spec", "type")
    if kind == ServiceType.LOAD_BALANCER or at(service, "spec", "externalIPs"):
        return None
    if kind != ServiceType.NODE_PORT:
        return f"makes the gateway's Service a {kind}, which gives peers no address; expected LoadBalancer"
    if NODE_SELECTOR_ANNOTATION in annotations(service):
        return None
    return (
        f"makes the gateway's Service a NodePort without the annotation {NODE_SELECTOR_ANNOTATION}, which "
        "gives peers no address; expected LoadBalancer, or gateway.service.type: NodePort instead"
    )


def _gateway_port(manifests: Manifests, expected: Expected) -> str | None:
    """Whether the port that peers call leads to the one that the Gateway opens."""
    service = find(manifests, "Service", GATEWAY, NAMESPACE)
    if service is None:
        return None
    called = str(expected.port if expected.given else labels(service).get(GATEWAY_PORT_LABEL, GATEWAY_PORT))
    ports: Sequence[Json] = at(service, "spec", "ports") or []
    for port in ports:
        if str(port.get("port")) == called and port.get("protocol", "TCP") == "TCP":
            target = str(port.get("targetPort", port.get("port")))
            if target == str(GATEWAY_PORT):
                return None
            return f"leads port {called} of the gateway to {target}; expected {GATEWAY_PORT}"
    return f"closes port {called} of the gateway's Service, which peers call"


def _gateway_policy(manifests: Manifests, expected: Expected) -> str | None:
    """Whether network policies let the other clusters in."""
    pod = template(_gateway(manifests))
    policies = [m for m in manifests if m.get("kind") == "NetworkPolicy"]
    if expected.network_policy and not policies:
        return "makes no NetworkPolicy for the gateway, and gateway.networkPolicy asks for one"
    for policy in policies:
        if not selects(at(policy, "spec", "podSelector", "matchLabels"), pod):
            continue
        rules: Sequence[Json] = at(policy, "spec", "ingress") or []
        ports: list[Json | None] = [port for rule in rules for port in rule.get("ports") or [None]]
        if not any(port is None or str(port.get("port")) == str(GATEWAY_PORT) for port in ports):
            return (
                f"makes the gateway's NetworkPolicy close port {GATEWAY_PORT}; expected it in service.ports"
            )
    return None


def _gateway_injected(manifests: Manifests, expected: Expected) -> str | None:
    """Whether istiod's injector makes a gateway of the pods, and takes them for its own."""
    pod = template(_gateway(manifests))
    if not pod:
        return None
    image = container(pod, PROXY_CONTAINER).get("image")
    if image != "auto":
        return (
            f"makes the image of the gateway {image!r}; expected 'auto', for which istiod puts its own proxy"
        )
    if labels(pod).get("sidecar.istio.io/inject") != "true":
        return "takes the label sidecar.istio.io/inject=true from the gateway's pods: they would not start"
    templates = str(annotations(pod).get("inject.istio.io/templates", "sidecar"))
    if "gateway" not in [name.strip() for name in templates.split(",")]:
        return f"makes the gateway's pods get the templates {templates!r}; expected 'gateway'"
    required = revision_label(expected.revision)
    if (revision := labels(pod).get(REVISION_LABEL, NO_REVISION)) != required:
        return f"gives the gateway the revision {revision!r}; expected {required!r}, that of its istiod"
    return None


_CHECKS: Mapping[str, tuple[Check, ...]] = {
    "base": (_reader_account, _definitions, _validator),
    "istiod": (
        _istiod_runs,
        _istiod_service,
        _istiod_identity,
        _remote_clusters,
        _signs,
        _mesh_config,
        _mesh_networks,
        _injection,
        _apart,
        _serves,
        _reader_role,
        _ambient,
    ),
    "cni": (_agent_runs, _agent_enrols, _agent_socket),
    "ztunnel": (_ztunnel_runs, _ztunnel_identity, _ztunnel_socket, _ztunnel_pods),
    "gateway": (
        _gateway_runs,
        _gateway_label,
        _gateway_network,
        _gateway_service,
        _gateway_port,
        _gateway_policy,
        _gateway_injected,
    ),
}
_REMOTE_CHECKS: tuple[Check, ...] = (
    _remote_service,
    _mesh_config,
    _remote_injection,
    _remote_reader,
    _reader_role,
)
