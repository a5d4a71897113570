"""Warnings about the versions of Istio in a mesh."""

from collections.abc import Mapping
from typing import Any

import pytest

from mesh.rules.versions import warnings
from tests.builders.stacks import stack_config


def _warnings(clusters: Mapping[str, str], **sections: Any) -> list[str]:
    entries = {name: {"istio": {"version": version}} for name, version in clusters.items()}
    return [str(problem) for problem in warnings(stack_config(entries, **sections))]


@pytest.mark.parametrize("versions", [("1.31.0", "1.31.0"), ("1.31.0", "1.30.5"), ("1.28.3", "1.28.9")])
def test_versions_that_go_together_are_not_worth_a_word(versions: tuple[str, str]) -> None:
    """One minor version apart is where each upgrade of a mesh passes."""
    assert _warnings(dict(zip(("east", "west"), versions, strict=True))) == []


def test_a_cluster_that_is_far_behind_is_named_with_the_version_to_upgrade_to() -> None:
    """Where its own version is set."""
    (found,) = _warnings({"east": "1.31.0", "west": "1.28.9"})
    assert found == (
        "clusters.west.istio.version: Istio 1.28.9 in west is 3 minor versions behind 1.31.0 in east, and "
        "Istio does not say that such a mesh works; expected at most 1: upgrade to 1.30 or later"
    )


def test_clusters_with_one_version_have_one_warning() -> None:
    """Where the version of all is set, with the names of all."""
    config = stack_config(
        {"a": {}, "b": {}, "c": {"istio": {"version": "1.31.0"}}}, istio={"version": "1.28.9"}
    )
    (found,) = warnings(config)
    assert found.path == "istio.version"
    assert "in a, b is" in found.message


def test_a_known_defect_is_told_with_what_happens_and_where_it_is_fixed() -> None:
    """With the issue, and the clusters that have it."""
    found = _warnings({"east": "1.30.3", "west": "1.31.0"})
    assert found[0] == (
        "clusters.east.istio.version: istiod 1.30.3 in east may lose the gateways of other clusters after a "
        "remote secret has changed or gone, and send calls to addresses that cannot be reached, until it "
        "restarts; expected 1.30.4 or later (https://github.com/istio/istio/issues/60920)"
    )
    assert len(found) == 2


def test_a_defect_that_needs_another_cluster_is_none_of_a_mesh_of_one() -> None:
    """Unless other stacks have more of them."""
    peers = {"west": {"stack": "organization/istio-mesh/west"}}
    assert _warnings({"east": "1.30.3"}) == []
    assert len(_warnings({"east": "1.30.3"}, peers=peers)) == 2


def test_a_cluster_that_is_away_gets_no_warning() -> None:
    """Nor do others because of it: when it is back, an update brings it to its version."""
    clusters = {"east": {}, "west": {"offline": True, "istio": {"version": "1.27.0"}}}
    assert list(warnings(stack_config(clusters))) == []


def test_the_other_stacks_of_a_mesh_count() -> None:
    """Each stack's own clusters get the warnings."""
    peers = {"west": {"stack": "organization/istio-mesh/west"}}
    east = stack_config({"east": {"istio": {"version": "1.29.1"}}}, peers=peers)
    newer = stack_config({"west": {"istio": {"version": "1.31.0"}}})
    older = stack_config({"west": {"istio": {"version": "1.28.0"}}})
    assert any("2 minor versions behind 1.31.0 in west" in w.message for w in warnings(east, newer.clusters))
    assert any("issues/59474" in w.message for w in warnings(east, older.clusters))
    assert not any("behind" in w.message for w in warnings(newer, east.clusters))


def test_both_control_planes_of_a_cluster_count() -> None:
    """The next one has defects of its own, and may be far ahead of other clusters."""
    istio = {"version": "1.31.0", "next": {"version": "1.30.3"}}
    found = [str(w) for w in warnings(stack_config({"east": {}, "west": {}}, istio=istio))]
    assert found
    assert all(line.startswith("istio.next.version: istiod 1.30.3 in east, west") for line in found)
    ahead = {"east": {"istio": {"next": {"version": "1.31.0"}}}, "west": {}}
    found = [str(w) for w in warnings(stack_config(ahead, istio={"version": "1.29.6"}))]
    assert any("is 2 minor versions behind 1.31.0 in east" in line for line in found)
