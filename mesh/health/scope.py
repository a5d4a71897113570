"""Which Services istiod tells to clients in other networks. Pure.

Source: `matchServiceScope` in `pilot/pkg/serviceregistry/ambient/services.go` of istio/istio.
"""

from collections.abc import Mapping, Sequence

from mesh.live.facts import ClusterFacts
from mesh.mappings import Json, as_map, at


def is_global(cluster: ClusterFacts, labels: Mapping[str, str], namespace: Mapping[str, str]) -> bool:
    """Whether a Service counts in other networks, by the mesh configuration that istiod has loaded.

    Args:
        cluster: of the Service.
        labels: of the Service.
        namespace: the labels of its namespace.
    """
    loaded = [*cluster.serving.mesh_configs.values()][-1:]
    scopes: Sequence[Json] = at(loaded[0], "serviceScopeConfigs") or () if loaded else ()
    return any(
        scope.get("scope") == "GLOBAL"
        and _matches(as_map(scope.get("namespaceSelector")), namespace)
        and _matches(as_map(scope.get("servicesSelector")), labels)
        for scope in scopes
    )


def _matches(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector takes labels; one that is empty takes all."""
    expressions: Sequence[Json] = at(selector, "matchExpressions") or ()
    wanted = as_map(at(selector, "matchLabels")) or {}
    return wanted.items() <= labels.items() and all(_holds(e, labels) for e in expressions)


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(str(expression["key"])), expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None
