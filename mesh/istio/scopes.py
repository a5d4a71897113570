"""Which Services of an ambient cluster are global: called, and answered, over networks. Pure.

istiod goes by its own mesh configuration, for the Services of other clusters too: one that any entry makes
global is so, and all others are their cluster's own. An entry with the scope LOCAL takes nothing away
(`matchServiceScope` in `pilot/pkg/serviceregistry/ambient/services.go` in istio/istio). Calls leave a cluster
where its own Service and that of the other one are global for its istiod. The other's gateway takes them
where they are so for the istiod there.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from mesh.config.resolved import ClusterConfig
from mesh.config.types import DataPlane
from mesh.istio.hosts import cluster_domain, covers, service_host
from mesh.istio.names import GLOBAL_LABEL, NAMESPACE
from mesh.mappings import at

Entry: TypeAlias = dict[str, Any]

_NAME = "kubernetes.io/metadata.name"
_NEVER = (NAMESPACE, "kube-system")
# The Service of the API server: by sidecars it is called in its own cluster only, too
# (`pilot/pkg/model/cluster_local.go` in istio/istio).
_NO_API_SERVER: Mapping[str, Any] = {"key": "provider", "operator": "NotIn", "values": ["kubernetes"]}
_NOT_REFUSED: Mapping[str, Any] = {"key": GLOBAL_LABEL, "operator": "NotIn", "values": ["false"]}


def service_scopes(cluster: ClusterConfig) -> list[Entry]:
    """What istiod gets as `meshConfig.serviceScopeConfigs` for a cluster with ztunnel.

    The user's own come first: a secret in them is known by its place in the list. What `clusterLocal` keeps
    inside is left out of all others, and so is a Service with the label `istio.io/global: "false"`. Hosts of
    single services are not among them: no entry can name one.
    """
    own = own_scopes(cluster)
    kept = namespaces_of(cluster, cluster.exposure.cluster_local)
    if kept is None:
        return own
    exposure = cluster.exposure
    entries = [_entry(_without(kept), [{"key": GLOBAL_LABEL, "operator": "In", "values": ["true"]}])]
    if exposure.labels:
        labels = [{"key": key, "operator": "In", "values": [value]} for key, value in exposure.labels.items()]
        entries.append(_entry(_without(kept), [*labels, dict(_NOT_REFUSED)]))
    named = namespaces_of(cluster, selected(cluster))
    if named is None:
        entries.append(_entry(_without((*_NEVER, *kept)), [dict(_NO_API_SERVER), dict(_NOT_REFUSED)]))
    elif open_ := [name for name in dict.fromkeys((*named, *exposure.namespaces)) if name not in kept]:
        inside = {"key": _NAME, "operator": "In", "values": open_}
        entries.append(_entry([inside], [dict(_NO_API_SERVER), dict(_NOT_REFUSED)]))
    return [*own, *entries]


def own_scopes(cluster: ClusterConfig) -> list[Any]:
    """The user's own `meshConfig.serviceScopeConfigs`; empty where they are no list."""
    scopes: object = at(cluster.istio.values.istiod, "meshConfig", "serviceScopeConfigs")
    return list(cast(Sequence[Any], scopes)) if isinstance(scopes, list) else []


def selected(cluster: ClusterConfig) -> tuple[str, ...]:
    """The hosts that a cluster with ztunnel exposes.

    A global Service whose pods are not enrolled refuses what comes from elsewhere, so by default none is
    global where all pods must be; beside sidecars, which are called without, all are.
    """
    exposure = cluster.exposure
    chosen = exposure.model_fields_set & {"hosts", "namespaces", "labels"}
    return exposure.listed_hosts if chosen or cluster.data_plane == DataPlane.BOTH else ()


def namespaces_of(cluster: ClusterConfig, hosts: Iterable[str]) -> tuple[str, ...] | None:
    """The namespaces whose services some hosts cover as a whole; None where that is all namespaces."""
    domain, found = cluster_domain(cluster), list[str]()
    for host in hosts:
        if covers(host, f"*.svc.{domain}"):
            return None
        if (name := namespace_of(host, domain)) is not None:
            found.append(name)
    return tuple(dict.fromkeys(found))


def namespace_of(host: str, domain: str) -> str | None:
    """The namespace of which a host covers all services, such as `shop` of `*.shop.svc.cluster.local`."""
    name = host.removeprefix("*.").removesuffix(f".svc.{domain}")
    return name if host == service_host("*", name, domain) and "." not in name else None


def _without(namespaces: Sequence[str]) -> list[Entry]:
    return [{"key": _NAME, "operator": "NotIn", "values": list(namespaces)}] if namespaces else []


def _entry(namespaces: list[Entry], services: list[Entry]) -> Entry:
    return {
        **({"namespaceSelector": {"matchExpressions": namespaces}} if namespaces else {}),
        "servicesSelector": {"matchExpressions": services},
        "scope": "GLOBAL",
    }
