"""The Helm values of a mesh that another tool built, without what the program sets. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mesh.importing.member import Member
from mesh.istio.names import BASE, GATEWAY, ISTIOD, NAMESPACE
from mesh.live.facts import HelmRelease
from mesh.mappings import as_map, deep_merge

_FULL_NAMES: Mapping[str, str] = {"base": BASE, "istiod": ISTIOD, "gateway": GATEWAY}
# Other sections, or the program itself, set these: `istiod_identity` and `gateway_identity`.
_SAID_ELSEWHERE: Mapping[str, frozenset[tuple[str, ...]]] = {
    "base": frozenset({("defaultRevision",)}),
    "istiod": frozenset(
        {
            ("global", "meshID"),
            ("global", "multiCluster", "clusterName"),
            ("global", "network"),
            ("meshConfig", "trustDomain"),
        }
    ),
    "gateway": frozenset({("name",), ("networkGateway",)}),
}
# What the default profile of istioctl has beyond the chart's own defaults, or instead of leaving them out.
_OF_ISTIOCTL: Mapping[tuple[str, ...], Sequence[object]] = {
    ("defaultRevision",): ("",),
    ("global", "configValidation"): (True,),
    ("global", "hub"): ("docker.io/istio", "registry.istio.io/release"),
    ("global", "istioNamespace"): (NAMESPACE,),
    ("cni", "enabled"): (False,),
    ("enabled",): (True,),
    ("ztunnel", "resourceName"): ("ztunnel",),
    ("gateways", "istio-egressgateway"): ({},),
    ("gateways", "istio-ingressgateway"): ({}, {"injectionTemplate": "gateway"}),
}
# In the template of the chart's Deployment (`templates/deployment.yaml` of the chart `istiod`).
_VARIABLES_OF_THE_CHART = frozenset(
    {
        "CA_TRUSTED_NODE_ACCOUNTS",
        "CLUSTER_ID",
        "EXTERNAL_ISTIOD",
        "GODEBUG",
        "GOMAXPROCS",
        "GOMEMLIMIT",
        "KUBECONFIG",
        "PILOT_CA_CERT_CONFIGMAP",
        "PILOT_CERT_PROVIDER",
        "PILOT_CRL_CONFIGMAP",
        "PILOT_ENABLE_ANALYSIS",
        "PILOT_ENABLE_NODE_UNTAINT_CONTROLLERS",
        "PILOT_NODE_UNTAINT_CONTROLLERS_TAINT_NAME",
        "PILOT_TRACE_SAMPLING",
        "PLATFORM",
        "POD_NAME",
        "POD_NAMESPACE",
        "REVISION",
        "SERVICE_ACCOUNT",
    }
)


def users_values(member: Member) -> dict[str, Any]:
    """The values that the user gave, by chart; those of the gateway only if Helm has them."""
    given: dict[str, Mapping[str, Any]] = {
        chart: release.values for chart in _FULL_NAMES if (release := _release(member, chart))
    }
    if "istiod" not in given:
        given["istiod"] = member.found.values or {}
    found: dict[str, Any] = {}
    for chart, values in given.items():
        kept = _pruned(_flat(values), lambda path, value, chart=chart: _is_users(member, chart, path, value))
        if chart == "istiod":
            kept = deep_merge(_variables(member, values), kept)
        if kept:
            found[chart] = kept
    return found


def common(maps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all have alike."""
    first, *rest = maps
    found: dict[str, Any] = {}
    for key, value in first.items():
        if any(key not in other for other in rest):
            continue
        inners = [as_map(other[key]) for other in maps]
        if all(inners):
            value = common([inner for inner in inners if inner])
            if not value:
                continue
        elif any(other[key] != value for other in rest):
            continue
        found[key] = value
    return found


def without(values: Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """What is not among `shared`."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        inner, below = as_map(value), as_map(shared.get(key))
        if inner and below:
            value = without(inner, below)
            if not value:
                continue
        elif key in shared:
            continue
        found[key] = value
    return found


def _release(member: Member, chart: str) -> HelmRelease | None:
    wanted = _FULL_NAMES[chart]
    return next((r for r in member.found.releases if r.name == wanted), None) or next(
        (r for r in member.found.releases if r.chart == chart and chart != "gateway"), None
    )


def _flat(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the values below `pilot` moved up, as `templates/zzy_descope_legacy.yaml` of the chart has it."""
    pilot = as_map(values.get("pilot"))
    return (
        deep_merge({key: value for key, value in values.items() if key != "pilot"}, pilot)
        if pilot
        else values
    )


def _is_users(member: Member, chart: str, path: tuple[str, ...], value: object) -> bool:
    if path in _SAID_ELSEWHERE[chart] or value in _OF_ISTIOCTL.get(path, ()):
        return False
    return not (path == ("global", "tag") and value == member.found.version)


def _variables(member: Member, values: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of istiod that are not in its values, as istioctl's `k8s.env` sets them."""
    given = as_map(_flat(values).get("env")) or {}
    own = {
        key: value
        for key, value in member.found.environment.items()
        if value and key not in _VARIABLES_OF_THE_CHART and key not in given
    }
    return {"env": own} if own else {}


def _pruned(
    values: Mapping[str, Any], keep: Callable[[tuple[str, ...], object], bool], path: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The values to keep; maps that end up empty are left out."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        here = (*path, key)
        if not keep(here, value):
            continue
        inner = as_map(value)
        if inner:
            value = _pruned(inner, keep, here)
            if not value:
                continue
        found[key] = value
    return found
