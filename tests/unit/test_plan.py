"""Which clusters see which."""

from typing import Any

import pytest

from mesh.plan import (
    callable_from,
    cluster_plan,
    exposes,
    has_gateway,
    links,
    read_by_others,
    remotes,
    sample_scope,
    ways_in,
)
from tests.builders.stacks import stack_config


def _links(clusters: dict[str, dict[str, Any]], **sections: Any) -> list[str]:
    return [link.name for link in links(stack_config(clusters, **sections))]


def test_each_cluster_sees_all_others() -> None:
    """Ordered pairs, none with itself."""
    assert _links({"a": {}, "b": {}, "c": {}}) == [
        "a-sees-b",
        "a-sees-c",
        "b-sees-a",
        "b-sees-c",
        "c-sees-a",
        "c-sees-b",
    ]


def test_each_cluster_sees_the_peers_in_other_stacks() -> None:
    """The stacks of the peers declare what these see."""
    peers = {"x": {"stack": "organization/istio-mesh/x"}}
    assert _links({"a": {}, "b": {}}, peers=peers) == ["a-sees-b", "a-sees-x", "b-sees-a", "b-sees-x"]


def test_a_cluster_alone_has_no_links() -> None:
    """A mesh may begin with one."""
    assert _links({"a": {}}) == []


@pytest.mark.parametrize("hub", ["hub", "tier=hub"])
def test_a_cluster_sees_what_it_selects(hub: str) -> None:
    """By name, or by label; the hub sees all."""
    clusters = {"hub": {"labels": {"tier": "hub"}, "sees": ["one", "two"]}, "one": {}, "two": {}}
    assert _links(clusters, sees=[hub]) == ["hub-sees-one", "hub-sees-two", "one-sees-hub", "two-sees-hub"]


def test_remotes_are_what_a_cluster_sees() -> None:
    """By name, in the order of the stack file."""
    config = stack_config({"a": {"sees": []}, "b": {}, "c": {}})
    assert (remotes(config, "a"), remotes(config, "b")) == ((), ("a", "c"))


def test_a_cluster_without_a_control_plane_calls_what_the_one_that_serves_it_sees() -> None:
    """And that one itself."""
    config = stack_config({"a": {"sees": ["b", "w"]}, "b": {}, "c": {}, "w": {"controlPlane": "a"}})
    assert callable_from(config, "a") == ("b", "w")
    assert callable_from(config, "w") == ("a", "b")


@pytest.mark.parametrize(
    ("sections", "read"),
    [
        ({}, {"hub", "one", "two"}),
        ({"sees": ["hub"]}, {"hub"}),
        ({"sees": ["hub"], "kiali": {"cluster": "one"}}, {"hub", "two"}),
        ({"sees": [], "trust": {"shared": True}}, {"hub", "one", "two"}),
        ({"sees": []}, set[str]()),
    ],
)
def test_an_api_server_is_read_by_who_sees_the_cluster(sections: dict[str, Any], read: set[str]) -> None:
    """And by Kiali; what other stacks see is not known here."""
    assert read_by_others(stack_config({"hub": {}, "one": {}, "two": {}}, **sections)) == read


def test_the_first_cluster_of_a_mesh_will_be_read() -> None:
    """By those that come."""
    assert read_by_others(stack_config({"a": {}})) == {"a"}


_EU: dict[str, dict[str, Any]] = {"a": {"network": "eu"}, "b": {"network": "eu"}}
_EU_AND_US: dict[str, dict[str, Any]] = {**_EU, "c": {"network": "us"}}


@pytest.mark.parametrize(
    ("clusters", "sections", "expected"),
    [
        ({"a": {}}, {}, {"a"}),
        ({"a": {}, "b": {}}, {}, {"a", "b"}),
        (_EU_AND_US, {}, {"a", "b", "c"}),
        (_EU, {}, set[str]()),
        (_EU, {"trust": {"shared": True}}, {"a", "b"}),
        (
            _EU,
            {"peers": {"x": {"stack": "organization/istio-mesh/x"}}},
            {"a", "b"},
        ),
        (
            {"a": {"network": "eu"}, "b": {"network": "eu", "gateway": {"enabled": True}}},
            {},
            {"b"},
        ),
        ({**_EU_AND_US, "a": {"network": "eu", "gateway": {"enabled": False}}}, {}, {"b", "c"}),
    ],
)
def test_a_cluster_has_a_gateway_where_calls_may_leave_its_network(
    clusters: dict[str, dict[str, Any]], sections: dict[str, Any], expected: set[str]
) -> None:
    """What another stack has is not known, and a cluster alone waits for others; a setting decides."""
    config = stack_config(clusters, **sections)
    assert {name for name in config.clusters if has_gateway(config, name)} == expected
    assert {name for name in config.clusters if exposes(config, name)} == expected


def test_calls_within_a_network_go_from_pod_to_pod_and_others_by_the_targets_gateway() -> None:
    """Or, where the target has none, by those of its network."""
    config = stack_config({**_EU_AND_US, "d": {"network": "eu", "gateway": {"enabled": False}}})
    assert ways_in(config, "a", "b") == ways_in(config, "d", "a") == ()
    assert ways_in(config, "c", "a") == ("a",)
    assert ways_in(config, "c", "d") == ("a", "b")


@pytest.mark.parametrize(
    ("planes", "scope"),
    [
        (("sidecar", "sidecar"), None),
        (("ambient", "ambient"), True),
        (("both", "sidecar"), True),
        (("both", "ambient"), False),
        (("sidecar", "ambient"), False),
    ],
)
def test_hello_world_is_global_where_it_is_of_one_kind(planes: tuple[str, str], scope: bool | None) -> None:
    """It has sidecars wherever a cluster has some; without ztunnels nothing reads what it says."""
    clusters = {name: {"dataPlane": plane} for name, plane in zip("ab", planes, strict=True)}
    assert sample_scope(stack_config(clusters, helloWorld={"enabled": True})) is scope


def test_waypoints_are_the_same_in_all_ambient_clusters() -> None:
    """And in no other."""
    config = stack_config(
        {"a": {"dataPlane": "ambient"}, "b": {"dataPlane": "both"}, "c": {}}, waypoints=["x"]
    )
    assert [cluster_plan(config, name).waypoints for name in "abc"] == [("x",), ("x",), ()]
