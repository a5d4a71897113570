"""Warnings about meshes with ambient clusters. Refusals are in tests/unit/test_refused_configurations.py."""

from collections.abc import Mapping
from typing import Any

import pytest

from mesh.rules import versions
from mesh.rules.data_plane import warnings
from tests.builders.stacks import stack_config

_AMBIENT = {"dataPlane": "ambient"}


def _warnings(clusters: Mapping[str, Mapping[str, Any]], **sections: Any) -> list[tuple[str, str]]:
    return [(w.path, w.message) for w in warnings(stack_config(clusters, **sections))]


@pytest.mark.parametrize("plane", ["sidecar", "ambient"])
def test_a_mesh_of_one_kind_has_nothing_to_be_told(plane: str) -> None:
    """All call all."""
    assert _warnings({"east": {}, "west": {}}, dataPlane=plane) == []


def test_clusters_of_two_kinds_are_told_that_no_call_crosses() -> None:
    """With the names of each kind, and what keeps calls from hanging."""
    ((path, message),) = _warnings({"a": {}, "b": _AMBIENT, "c": _AMBIENT})
    assert path == "dataPlane"
    assert message.startswith("no call crosses between a, with sidecars, and b, c, ambient")
    assert "without which these calls would hang" in message


def test_pods_of_two_kinds_in_a_cluster_are_told_which_calls_fail() -> None:
    """And how to keep calls inside meanwhile."""
    ((path, message),) = _warnings({"a": {"dataPlane": "both"}, "b": {}})
    assert path == "dataPlane"
    assert message.startswith("a may have pods of both kinds: where an ambient client calls")
    assert "networking.istio.io/traffic-distribution: PreferClose" in message


def test_clusters_that_expose_different_services_are_told_once() -> None:
    """Where the later one says so."""
    ((path, message),) = _warnings(
        {"a": {}, "b": {"exposure": {"namespaces": ["shop"]}}, "c": {}}, dataPlane="ambient"
    )
    assert path == "exposure"
    assert message.startswith("a and b expose different services: ambient clients of a cluster call")
    assert "its gateway resets these calls" in message


def test_on_the_way_to_ambient_what_is_exposed_by_default_differs() -> None:
    """Between the clusters that are there, and those that are not yet; a setting makes it one."""
    planes = {"a": {"dataPlane": "both"}, "b": _AMBIENT}
    assert [path for path, _ in _warnings(planes)] == ["dataPlane", "exposure"]
    assert [path for path, _ in _warnings(planes, exposure={"hosts": ["*"]})] == ["dataPlane"]


def test_clusters_that_do_not_see_each_other_may_expose_what_they_like() -> None:
    """Nobody calls."""
    apart = {"a": {"sees": []}, "b": {"sees": [], "exposure": {"namespaces": ["shop"]}}}
    assert _warnings(apart, dataPlane="ambient") == []


def test_waypoints_are_told_whose_policies_count() -> None:
    """Where there is another cluster to be called."""
    ((path, message),) = _warnings({"a": {}, "b": {}}, dataPlane="ambient", waypoints=["shop"])
    assert path == "waypoints"
    assert message.startswith("the waypoint of the cluster that calls enforces policies for HTTP")
    assert _warnings({"a": {}}, dataPlane="ambient", waypoints=["shop"]) == []


def test_a_cluster_that_is_away_is_no_ambient_one() -> None:
    """No update changes it."""
    assert _warnings({"a": {}, "b": {**_AMBIENT, "offline": True}}) == []


def test_defects_of_ambient_are_told_to_ambient_clusters() -> None:
    """Others do not have them."""
    config = stack_config({"a": {}, "b": _AMBIENT}, istio={"version": "1.30.5"})
    found = [w.message for w in versions.warnings(config)]
    assert len(found) == 2
    assert all("istiod 1.30.5 in b may" in message for message in found)
