"""Which Services istiod tells to clients in other networks. Pure.

Source: `matchServiceScope` in `pilot/pkg/serviceregistry/ambient/services.go` of istio/istio.
"""

from collections.abc import Mapping, Sequence

from mesh.health.selectors import selects
from mesh.live.facts import ClusterFacts
from mesh.mappings import Json, as_map, at


def is_global(cluster: ClusterFacts, labels: Mapping[str, str], namespace: Mapping[str, str]) -> bool:
    """Whether a Service counts in other networks, by the mesh configuration that istiod has loaded.

    Args:
        cluster: of the Service.
        labels: of the Service.
        namespace: the labels of its namespace.
    """
    loaded = [*cluster.declared[cluster.serving_revision].mesh_configs.values()][-1:]
    scopes: Sequence[Json] = at(loaded[0], "serviceScopeConfigs") or () if loaded else ()
    return any(
        scope.get("scope") == "GLOBAL"
        and selects(as_map(scope.get("namespaceSelector")), namespace)
        and selects(as_map(scope.get("servicesSelector")), labels)
        for scope in scopes
    )
