"""What the mesh needs in the chart `istiod`. Pure."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import yaml

from mesh.istio.addresses import told
from mesh.istio.kubeconfig_folder import VARIABLE
from mesh.istio.mesh_config import mistakes
from mesh.istio.names import (
    CACERTS,
    INJECTOR,
    ISTIOD,
    ISTIOD_CONTAINER,
    ISTIOD_PORT,
    MESH_CONFIG,
    NAMESPACE,
    NETWORK_LABEL,
    READER_ACCOUNT,
    revision_label,
    revisioned,
)
from mesh.mappings import Json, as_map, at
from mesh.preflight.manifests import container, environment, find, selects, template
from mesh.preflight.rendered.expected import TRUE, Check, Expected, Manifests, object_names

ISTIOD_PORTS = (15012, 443)
"""Ports at which proxies and API servers call its Service."""
_HBONE = "ISTIO_META_ENABLE_HBONE"


def cluster_domain(manifests: Manifests, revision: str = "") -> str | None:
    """The DNS domain of the cluster's services, as istiod gets it; None without istiod."""
    pod = template(find(manifests, "Deployment", revisioned(ISTIOD, revision), NAMESPACE))
    arguments: list[object] = container(pod, ISTIOD_CONTAINER).get("args") or []
    after = (value for option, value in itertools.pairwise(arguments) if option == "--domain")
    return next((str(value) for value in after), None)


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
    if missing := [port for port in ISTIOD_PORTS if port not in open_ports]:
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
    """Whether istiod looks for other clusters in the right place."""
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
        return f"sends workloads to {authority} for certificates, which does not have the mesh's root"
    mounts: Sequence[Json] = discovery.get("volumeMounts") or []
    volumes: Sequence[Json] = at(pod, "spec", "volumes") or []
    names = {v.get("name") for v in volumes if at(v, "secret", "secretName") == CACERTS}
    if not any(m.get("name") in names and m.get("mountPath") == "/etc/cacerts" for m in mounts):
        return f"keeps the Secret {CACERTS} from istiod, which would make a root of its own"
    return None


def mesh_config(manifests: Manifests, expected: Expected) -> str | None:
    """Whether istiod accepts its mesh configuration, and that is this mesh's."""
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
    """Whether istiod gets the addresses of gateways that it cannot find by their Services."""
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
    """Whether istiod sees its own namespace, where the gateway is: it makes no exception for it."""
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
    """Whether it makes nothing that something else makes, too: Helm would refuse that."""
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
    if str(value).lower() in TRUE:
        return None
    return f"gives istiod EXTERNAL_ISTIOD {value!r}; expected 'true', without which it serves no remote"


def reader_role(manifests: Manifests, expected: Expected) -> str | None:
    """Whether the reader's account has rights, where the chart gives them."""
    account = {"name": READER_ACCOUNT, "namespace": NAMESPACE}
    bindings = [m for m in manifests if m.get("kind") == "ClusterRoleBinding"]
    bound: list[Sequence[Json]] = [b.get("subjects") or [] for b in bindings]
    subjects = [subject for subjects in bound for subject in subjects]
    if not (expected.reader and expected.reader_role) or any(account.items() <= s.items() for s in subjects):
        return None
    return f"leaves {READER_ACCOUNT} without a role: the other clusters could not read this one's services"


def _ambient(manifests: Manifests, expected: Expected) -> str | None:
    """Whether istiod supports ambient workloads in several networks."""
    if not expected.ambient or not (pod := _istiod(manifests, expected)):
        return None
    variables = environment(container(pod, ISTIOD_CONTAINER))
    for name in ("PILOT_ENABLE_AMBIENT", "AMBIENT_ENABLE_MULTI_NETWORK"):
        if str(variables.get(name)).lower() not in TRUE:
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


CHECKS: tuple[Check, ...] = (
    _istiod_runs,
    _istiod_service,
    _istiod_identity,
    _remote_clusters,
    _signs,
    mesh_config,
    _mesh_networks,
    _injection,
    _apart,
    _serves,
    reader_role,
    _ambient,
)
