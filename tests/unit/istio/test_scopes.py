"""Which Services of an ambient cluster are global, as istiod reads the entries."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mesh.istio.mesh_config import mistakes
from mesh.istio.scopes import namespace_of, service_scopes
from tests.builders.stacks import stack_config

_GLOBAL = {"istio.io/global": "true"}
_API_SERVER = {"component": "apiserver", "provider": "kubernetes"}


def _entries(exposure: Mapping[str, Any] | None = None, **cluster: Any) -> list[dict[str, Any]]:
    sections: dict[str, Any] = {} if exposure is None else {"exposure": exposure}
    config = stack_config({"east": {"dataPlane": "ambient", **cluster}}, **sections)
    return service_scopes(config.clusters["east"])


def _matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """As Kubernetes does; istiod takes none, and an empty one, for all."""
    selector = selector or {}
    expressions: Sequence[Mapping[str, Any]] = selector.get("matchExpressions", ())
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        (labels.get(e["key"]) in e["values"]) is (e["operator"] == "In") for e in expressions
    )


def _is_global(
    entries: Sequence[Mapping[str, Any]], namespace: str, labels: Mapping[str, str] | None = None
) -> bool:
    """`matchServiceScope` in `pilot/pkg/serviceregistry/ambient/services.go` in istio/istio."""
    return any(
        entry["scope"] == "GLOBAL"
        and _matches(entry.get("namespaceSelector"), {"kubernetes.io/metadata.name": namespace})
        and _matches(entry.get("servicesSelector"), labels or {})
        for entry in entries
    )


def test_by_default_a_service_is_global_by_its_label_alone() -> None:
    """As with Istio's own profile: pods that are not enrolled refuse what comes from elsewhere."""
    entries = _entries()
    assert _is_global(entries, "shop", _GLOBAL)
    assert not _is_global(entries, "shop", {"istio.io/global": "false"})
    assert not _is_global(entries, "shop")


def test_beside_sidecars_all_are_global_by_default() -> None:
    """As they are without ambient: else sidecars would lose the services of other clusters."""
    assert _is_global(_entries(dataPlane="both"), "shop")


@pytest.mark.parametrize("hosts", [["*"], ["*.local"], ["*.cluster.local"], ["*.svc.cluster.local"]])
def test_hosts_that_cover_all_services_make_all_global(hosts: list[str]) -> None:
    """But for those of the system, and the API server: a call to it would reach that of another cluster."""
    entries = _entries({"hosts": hosts})
    assert _is_global(entries, "shop")
    assert not _is_global(entries, "kube-system")
    assert not _is_global(entries, "istio-system")
    assert _is_global(entries, "default")
    assert not _is_global(entries, "default", _API_SERVER)


@pytest.mark.parametrize(
    "exposure", [{"namespaces": ["default"]}, {"hosts": ["*.default.svc.cluster.local"]}]
)
def test_a_namespace_is_global_as_a_whole_without_the_api_server(exposure: dict[str, Any]) -> None:
    """By either name of it; others are not, but for labelled Services."""
    entries = _entries(exposure)
    assert _is_global(entries, "default")
    assert not _is_global(entries, "default", _API_SERVER)
    assert not _is_global(entries, "shop")
    assert _is_global(entries, "shop", _GLOBAL)


def test_labels_select_services_that_have_all_of_them() -> None:
    """In any namespace."""
    entries = _entries({"labels": {"a": "1", "b": "2"}})
    assert _is_global(entries, "shop", {"a": "1", "b": "2", "c": "3"})
    assert not _is_global(entries, "shop", {"a": "1"})


@pytest.mark.parametrize(
    "exposure",
    [{}, {"hosts": ["*"]}, {"namespaces": ["shop", "web"]}, {"labels": {"istio.io/global": "true"}}],
)
def test_what_is_kept_inside_is_global_by_nothing(exposure: dict[str, Any]) -> None:
    """Neither by its label nor by what else is exposed: LOCAL would take nothing away."""
    entries = _entries({**exposure, "clusterLocal": ["*.shop.svc.cluster.local"]})
    assert not _is_global(entries, "shop", _GLOBAL)
    assert _is_global(entries, "web", _GLOBAL)


@pytest.mark.parametrize("exposure", [{"hosts": ["*"]}, {"namespaces": ["shop"]}, {"labels": {"a": "b"}}])
def test_a_service_can_refuse_to_be_global(exposure: dict[str, Any]) -> None:
    """As HelloWorld does in a mesh in which its pods are of two kinds."""
    entries = _entries(exposure)
    assert _is_global(entries, "shop", {"a": "b"})
    assert not _is_global(entries, "shop", {"a": "b", "istio.io/global": "false"})


def test_a_cluster_can_keep_all_inside() -> None:
    """The empty list replaces that of Istio's profile."""
    assert _entries({"namespaces": ["shop"], "clusterLocal": ["*.local"]}) == []


def test_only_what_is_left_of_namespaces_is_named() -> None:
    """An entry without a namespace would be one for all of them."""
    entries = _entries({"namespaces": ["shop"], "clusterLocal": ["*.shop.svc.cluster.local"]})
    assert len(entries) == 1
    assert not _is_global(entries, "web")


def test_the_clusters_own_domain_counts() -> None:
    """Hosts are below it."""
    istiod = {"global": {"proxy": {"clusterDomain": "corp.local"}}}
    entries = _entries({"hosts": ["*.shop.svc.corp.local"]}, istio={"values": {"istiod": istiod}})
    assert _is_global(entries, "shop")
    assert not _is_global(entries, "web")


def test_the_users_own_entries_come_first_and_count() -> None:
    """A secret in them is known by its place."""
    mine = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "bank"}}, "scope": "GLOBAL"}
    values = {"values": {"istiod": {"meshConfig": {"serviceScopeConfigs": [mine]}}}}
    entries = _entries({"namespaces": ["shop"]}, istio=values)
    assert entries[0] == mine
    assert _is_global(entries, "bank")
    assert _is_global(entries, "shop")


@pytest.mark.parametrize(
    "exposure",
    [
        {},
        {"hosts": ["*"]},
        {"namespaces": ["a"], "labels": {"b": "c"}, "clusterLocal": ["*.d.svc.cluster.local"]},
    ],
)
def test_istiod_can_parse_all_entries(exposure: dict[str, Any]) -> None:
    """One that it cannot would cost the whole mesh configuration."""
    assert list(mistakes({"serviceScopeConfigs": _entries(exposure)})) == []


@pytest.mark.parametrize(
    ("host", "namespace"),
    [
        ("*.shop.svc.cluster.local", "shop"),
        ("cart.shop.svc.cluster.local", None),
        ("*.a.shop.svc.cluster.local", None),
        ("*.svc.cluster.local", None),
        ("*.shop.svc.other.local", None),
    ],
)
def test_a_host_is_a_namespace_or_none(host: str, namespace: str | None) -> None:
    """Only as a whole."""
    assert namespace_of(host, "cluster.local") == namespace
