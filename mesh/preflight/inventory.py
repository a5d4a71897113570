"""What the program will make in a cluster under fixed names, and where the cluster would have it. Pure.

`tests/program/test_inventory.py` compares it with what the components register. What the charts make is
listed as far as installations of Istio have it by default (istio/istio, `manifests/charts/`). What the
program patches is not listed, nor the Gateway API, of which `mesh.preflight.gateway_api` knows whose it is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import ReaderRole
from mesh.istio.addresses import hbone_ways
from mesh.istio.hbone_values import patches
from mesh.istio.names import (
    BASE,
    CACERTS,
    CNI,
    CNI_DAEMON_SET,
    CROSS_NETWORK_GATEWAY,
    GATEWAY,
    GATEWAY_API,
    HBONE_GATEWAY,
    INJECTOR,
    ISTIOD,
    ISTIOD_GATEWAY,
    MESH_CONFIG,
    NAMESPACE,
    READER_ACCOUNT,
    READER_ROLE,
    TAG_WEBHOOK,
    WAYPOINT,
    ZTUNNEL,
    failover_name,
    remote_gateway_name,
    remote_secret_name,
    revisioned,
    stub_name,
    token_name,
)
from mesh.istio.revisions import has_tag, revisions
from mesh.live.facts import ObjectAddress
from mesh.observability import names as observability
from mesh.observability.scrape import MONITORS_API, monitors
from mesh.plan import ClusterPlan, cluster_plan, remote_secrets
from mesh.samples import names as sample
from mesh.stacks import state
from mesh.stacks.state import RecordedState

_SYSTEM = f"/api/v1/namespaces/{NAMESPACE}"
_RBAC = "rbac.authorization.k8s.io/v1"
_ADMISSION = "admissionregistration.k8s.io/v1"
_AUTOSCALING = "autoscaling/v2"
# Only with some values. Helm does not look at objects that it does not make.
_WITH_SOME_VALUES = (
    (_AUTOSCALING, "horizontalpodautoscalers", ISTIOD),
    ("policy/v1", "poddisruptionbudgets", ISTIOD),
)
_DEFINITIONS: Mapping[str, Iterable[str]] = {
    "extensions.istio.io": ("trafficextensions", "wasmplugins"),
    "networking.istio.io": (
        "destinationrules",
        "envoyfilters",
        "gateways",
        "proxyconfigs",
        "serviceentries",
        "sidecars",
        "virtualservices",
        "workloadentries",
        "workloadgroups",
    ),
    "security.istio.io": ("authorizationpolicies", "peerauthentications", "requestauthentications"),
    "telemetry.istio.io": ("telemetries",),
}
_GATEWAY_GROUP = GATEWAY_API.partition("/")[0]
_HBONE_GATEWAY = f"kubernetes:{GATEWAY_API}:Gateway"
SAMPLE_PODS = ObjectAddress(path=f"/api/v1/namespaces/{sample.NAMESPACE}/pods", selector="")


@dataclass(frozen=True, kw_only=True)
class KubernetesObject:
    """Where an object is, and kubectl's words for it, such as `secret/cacerts`."""

    address: ObjectAddress
    words: str


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A resource of the program, and the object that it is in the cluster.

    A Helm release is found by a Secret of Helm's; `parts` are what its chart makes.
    """

    type: str
    name: str
    object: KubernetesObject
    parts: tuple[KubernetesObject, ...] = ()


def inventory(config: StackConfig) -> dict[str, tuple[Declared, ...]]:
    """For each cluster, by name, all that the program declares in it."""
    remotes: dict[str, list[Declared]] = {name: [] for name in config.clusters}
    for link in remote_secrets(config):
        secret = _object("v1", "secrets", remote_secret_name(link.remote), NAMESPACE)
        remotes[link.cluster].append(_declared(state.SECRET, link.secret, secret))
    return {
        name: (
            *_own(cluster, cluster_plan(config, name)),
            *_hbone_gateways(config, cluster),
            *remotes[name],
            *_kiali(config, name),
        )
        for name, cluster in config.clusters.items()
    }


def missing(config: StackConfig, recorded: RecordedState) -> dict[str, tuple[Declared, ...]]:
    """What the state does not have of the inventory: none of it is this stack's where a cluster has it."""
    return {
        name: tuple(d for d in declared if not _is_recorded(d, recorded))
        for name, declared in inventory(config).items()
    }


def addresses(declared: Iterable[Declared]) -> set[ObjectAddress]:
    """All that there is to look for."""
    found: set[ObjectAddress] = set()
    for resource in declared:
        found |= {resource.object.address, *(part.address for part in resource.parts)}
        if resource.object.address.path == SAMPLE_PODS.path.removesuffix("/pods"):
            found.add(SAMPLE_PODS)
    return found


def _is_recorded(declared: Declared, recorded: RecordedState) -> bool:
    if declared.type == state.NAMESPACE:
        return declared.name in recorded.namespaces
    return (declared.type, declared.name) in recorded.urns


def release_selector(release: str) -> str:
    """The labels of the Secrets in which Helm keeps a release."""
    return f"owner=helm,name={release}"


def _own(cluster: ClusterConfig, plan: ClusterPlan) -> Iterator[Declared]:
    name = cluster.name
    yield _declared(state.NAMESPACE, f"{name}-{NAMESPACE}", _object("v1", "namespaces", NAMESPACE))
    remote = cluster.control_plane is not None
    if not remote and not cluster.intermediate.existing:
        yield _declared(state.SECRET, f"{name}-cacerts", _object("v1", "secrets", CACERTS, NAMESPACE))
    minimal = cluster.reader.role == ReaderRole.MINIMAL
    for release, parts in (
        (BASE, _base_parts(remote=remote)),
        *(
            (revisioned(ISTIOD, r.name), _istiod_parts(cluster, r.name, reader=not minimal, remote=remote))
            for r in revisions(cluster)
        ),
        *([(GATEWAY, _gateway_parts())] if plan.gateway else ()),
        *(_data_plane() if cluster.data_plane.has_ztunnel else ()),
    ):
        address = ObjectAddress(path=f"{_SYSTEM}/secrets", selector=release_selector(release))
        kept = KubernetesObject(address=address, words=release)
        yield Declared(type=state.RELEASE, name=f"{name}-{release}", object=kept, parts=tuple(parts))
    if has_tag(cluster):
        tag = _object(_ADMISSION, "mutatingwebhookconfigurations", TAG_WEBHOOK)
        yield _declared(state.MUTATING_WEBHOOK, f"{name}-{TAG_WEBHOOK}", tag)
    yield from _exposure(name, plan)
    yield from _failover(name, plan)
    yield from _reader(cluster)
    if cluster.hello_world.enabled:
        yield from _hello_world(name, remote=remote, shared_ways=plan.shared_ways)
    for stub in cluster.stubs:
        service = _object("v1", "services", stub.name, stub.namespace)
        yield _declared("kubernetes:core/v1:Service", stub_name(name, stub.namespace, stub.name), service)
    if cluster.observability.enabled:
        yield from _monitoring(name)


def _data_plane() -> Iterator[tuple[str, Iterator[KubernetesObject]]]:
    """The releases on the nodes of an ambient cluster, and what their charts make."""
    for release, daemon_set in ((CNI, CNI_DAEMON_SET), (ZTUNNEL, ZTUNNEL)):
        parts = (("apps/v1", "daemonsets", daemon_set), ("v1", "serviceaccounts", release))
        yield release, (_object(api, plural, name, NAMESPACE) for api, plural, name in parts)


def _hbone_gateways(config: StackConfig, cluster: ClusterConfig) -> Iterator[Declared]:
    """The Gateways for ambient workloads: the cluster's own, waypoints, and those of other networks."""
    if cluster_plan(config, cluster.name).hbone_gateway:
        own = _object(GATEWAY_API, "gateways", HBONE_GATEWAY, NAMESPACE)
        yield _declared(_HBONE_GATEWAY, f"{cluster.name}-{HBONE_GATEWAY}", own)
        if patches(cluster):
            settings = _object("v1", "configmaps", HBONE_GATEWAY, NAMESPACE)
            yield _declared(
                "kubernetes:core/v1:ConfigMap", f"{cluster.name}-hbone-gateway-settings", settings
            )
    for namespace in cluster_plan(config, cluster.name).waypoints:
        waypoint = _object(GATEWAY_API, "gateways", WAYPOINT, namespace)
        yield _declared(_HBONE_GATEWAY, f"{cluster.name}-{namespace}-{WAYPOINT}", waypoint)
    for network in hbone_ways(config, cluster.name):
        name = remote_gateway_name(network)
        found = _object(GATEWAY_API, "gateways", name, NAMESPACE)
        yield _declared(_HBONE_GATEWAY, f"{cluster.name}-{name}", found)


def _exposure(name: str, plan: ClusterPlan) -> Iterator[Declared]:
    if plan.exposure:
        yield _declared(
            state.ISTIO_GATEWAY,
            f"{name}-{CROSS_NETWORK_GATEWAY}",
            _object("networking.istio.io/v1", "gateways", CROSS_NETWORK_GATEWAY, NAMESPACE),
        )
    if plan.serves:
        for kind, suffix in (("Gateway", ""), ("VirtualService", "-route")):
            found = _object("networking.istio.io/v1", f"{kind.lower()}s", ISTIOD_GATEWAY, NAMESPACE)
            yield _declared(
                f"kubernetes:networking.istio.io/v1:{kind}", f"{name}-{ISTIOD_GATEWAY}{suffix}", found
            )


def _failover(name: str, plan: ClusterPlan) -> Iterator[Declared]:
    for host in (host for failover in plan.failover for host in failover.hosts):
        for kind, suffix in (("DestinationRule", "destination-rule"), ("VirtualService", "virtual-service")):
            found = _object("networking.istio.io/v1", f"{kind.lower()}s", failover_name(host), NAMESPACE)
            yield _declared(
                f"kubernetes:networking.istio.io/v1:{kind}", f"{name}-failover-{host}-{suffix}", found
            )


def _reader(cluster: ClusterConfig) -> Iterator[Declared]:
    name = cluster.name
    if cluster.reader.role == ReaderRole.MINIMAL:
        kinds = {"ClusterRole": "minimal-role", "ClusterRoleBinding": "minimal-role-binding"}
        for kind, suffix in kinds.items():
            role = _object(_RBAC, f"{kind.lower()}s", READER_ROLE)
            yield _declared(f"kubernetes:{_RBAC}:{kind}", f"{name}-reader-{suffix}", role)
    if cluster.kubeconfig is None:
        for generation in cluster.reader.token_generations:
            token = _object("v1", "secrets", token_name(generation), NAMESPACE)
            yield _declared(state.SECRET, f"{name}-reader-token-g{generation}", token)


def _monitoring(cluster: str) -> Iterator[Declared]:
    prefix = f"{cluster}-monitoring"
    for suffix, kind, name in (
        ("rules", "PrometheusRule", observability.RULES),
        *((monitor.name, monitor.kind, monitor.name) for monitor in monitors(cluster)),
    ):
        found = _object(MONITORS_API, f"{kind.lower()}s", name, NAMESPACE)
        yield _declared(f"kubernetes:{MONITORS_API}:{kind}", f"{prefix}-{suffix}", found)
    found = _object("v1", "configmaps", observability.DASHBOARD, NAMESPACE)
    yield _declared("kubernetes:core/v1:ConfigMap", f"{prefix}-dashboard", found)


def _kiali(config: StackConfig, cluster: str) -> Iterator[Declared]:
    if config.kiali.cluster is None:
        return
    if config.kiali.cluster == cluster:
        found = _object("v1", "secrets", observability.KIALI_SECRET, config.kiali.namespace)
        yield _declared(state.SECRET, f"{cluster}-kiali-secret", found)
        return
    prefix = f"{cluster}-{observability.KIALI_READER}"
    for type_, suffix, found in (
        (
            "core/v1:ServiceAccount",
            "account",
            _object("v1", "serviceaccounts", observability.KIALI_ACCOUNT, NAMESPACE),
        ),
        ("core/v1:Secret", "token", _object("v1", "secrets", observability.KIALI_TOKEN, NAMESPACE)),
        (f"{_RBAC}:ClusterRole", "cluster-role", _object(_RBAC, "clusterroles", observability.KIALI_ACCOUNT)),
        (
            f"{_RBAC}:ClusterRoleBinding",
            "cluster-role-binding",
            _object(_RBAC, "clusterrolebindings", observability.KIALI_ACCOUNT),
        ),
        (f"{_RBAC}:Role", "role", _object(_RBAC, "roles", observability.KIALI_ACCOUNT, NAMESPACE)),
        (
            f"{_RBAC}:RoleBinding",
            "role-binding",
            _object(_RBAC, "rolebindings", observability.KIALI_ACCOUNT, NAMESPACE),
        ),
    ):
        yield _declared(f"kubernetes:{type_}", f"{prefix}-{suffix}", found)


def _hello_world(cluster: str, *, remote: bool, shared_ways: bool) -> Iterator[Declared]:
    prefix = f"{cluster}-hello-world"
    yield _declared(state.NAMESPACE, f"{prefix}-namespace", _object("v1", "namespaces", sample.NAMESPACE))
    for type_, suffix, api, plural, name in (
        ("security.istio.io/v1:PeerAuthentication", "strict-mtls", "security.istio.io/v1", None, "default"),
        ("core/v1:Service", "service", "v1", "services", sample.SERVICE),
        ("core/v1:ServiceAccount", "server-account", "v1", "serviceaccounts", sample.SERVICE),
        ("core/v1:ServiceAccount", "client-account", "v1", "serviceaccounts", sample.CLIENT),
        ("apps/v1:Deployment", "server-deployment", "apps/v1", "deployments", f"{sample.SERVICE}-{cluster}"),
        ("apps/v1:Deployment", "client-deployment", "apps/v1", "deployments", sample.CLIENT),
    ):
        if remote and plural is None:
            continue  # nothing reads it there
        found = _object(api, plural or "peerauthentications", name, sample.NAMESPACE)
        yield _declared(f"kubernetes:{type_}", f"{prefix}-{suffix}", found)
    if shared_ways and not remote:
        found = _object("networking.istio.io/v1", "destinationrules", sample.SERVICE, sample.NAMESPACE)
        yield _declared("kubernetes:networking.istio.io/v1:DestinationRule", f"{prefix}-connections", found)


def _base_parts(*, remote: bool) -> Iterator[KubernetesObject]:
    for group, plurals in _DEFINITIONS.items():
        for plural in plurals:
            yield _object("apiextensions.k8s.io/v1", "customresourcedefinitions", f"{plural}.{group}")
    yield _object("v1", "serviceaccounts", READER_ACCOUNT, NAMESPACE)
    if not remote:
        yield _object(_ADMISSION, "validatingwebhookconfigurations", "istiod-default-validator")


def _istiod_parts(
    cluster: ClusterConfig, revision: str, *, reader: bool, remote: bool
) -> Iterator[KubernetesObject]:
    def named(name: str) -> str:
        return revisioned(name, revision)

    roles = [] if remote else ["istiod-clusterrole", "istiod-gateway-controller"]
    if reader:
        roles.append("istio-reader-clusterrole")
    for role in roles:
        yield _object(_RBAC, "clusterroles", f"{named(role)}-{NAMESPACE}")
        yield _object(_RBAC, "clusterrolebindings", f"{named(role)}-{NAMESPACE}")
    if revision or not has_tag(cluster):
        yield _object(_ADMISSION, "mutatingwebhookconfigurations", named(INJECTOR))
    if remote:
        yield _object("v1", "services", ISTIOD, NAMESPACE)
        for name in (MESH_CONFIG, "values"):
            yield _object("v1", "configmaps", name, NAMESPACE)
        return
    yield _object(_ADMISSION, "validatingwebhookconfigurations", f"{named('istio-validator')}-{NAMESPACE}")
    for api, plural, name in (
        ("apps/v1", "deployments", ISTIOD),
        ("v1", "services", ISTIOD),
        ("v1", "serviceaccounts", ISTIOD),
        ("v1", "configmaps", MESH_CONFIG),
        ("v1", "configmaps", INJECTOR),
        ("v1", "configmaps", "values"),
        (_RBAC, "roles", ISTIOD),
        (_RBAC, "rolebindings", ISTIOD),
        *_WITH_SOME_VALUES,
    ):
        yield _object(api, plural, named(name), NAMESPACE)


def _gateway_parts() -> Iterator[KubernetesObject]:
    for api, plural in (
        ("apps/v1", "deployments"),
        ("v1", "services"),
        ("v1", "serviceaccounts"),
        (_RBAC, "roles"),
        (_RBAC, "rolebindings"),
        (_AUTOSCALING, "horizontalpodautoscalers"),
    ):
        yield _object(api, plural, GATEWAY, NAMESPACE)


def _object(api: str, plural: str, name: str, namespace: str | None = None) -> KubernetesObject:
    group = api.partition("/")[0] if "/" in api else ""
    root = f"/apis/{api}" if group else f"/api/{api}"
    where = f"/namespaces/{namespace}" if namespace else ""
    # Other projects have kinds of the same name as Istio's, so kubectl needs the group.
    word = f"{plural}.{group}" if group.endswith(("istio.io", _GATEWAY_GROUP)) else plural.removesuffix("s")
    return KubernetesObject(
        address=ObjectAddress(path=f"{root}{where}/{plural}/{name}"),
        words=f"{word}/{name}",
    )


def _declared(type_: str, name: str, found: KubernetesObject) -> Declared:
    return Declared(type=type_, name=name, object=found)
