"""The control planes of a cluster, and which of them serves."""

from typing import Any

import pytest

from mesh.config.resolved import ClusterConfig
from mesh.istio.names import revision_label, revisioned
from mesh.istio.revisions import (
    Revision,
    following,
    has_tag,
    newest,
    oldest,
    revisions,
    running,
    serving,
    version_setting,
)
from tests.builders.stacks import stack_config

_OLD = Revision(name="", version="1.30.3")
_NEW = Revision(name="1-31-0", version="1.31.0")


def _cluster(own: dict[str, Any] | None = None, **istio: Any) -> ClusterConfig:
    entry = {"istio": own} if own is not None else {}
    return stack_config({"east": entry}, istio={"version": "1.30.3", **istio}).clusters["east"]


def test_a_cluster_has_one_control_plane_without_a_revision() -> None:
    """What every state made before has."""
    cluster = _cluster()
    assert (revisions(cluster), following(cluster), has_tag(cluster)) == ((_OLD,), None, False)


def test_the_next_control_plane_is_beside_the_running_one() -> None:
    """Its revision is its version with dashes, and it serves nothing yet."""
    cluster = _cluster(next={"version": "1.31.0"})
    assert (revisions(cluster), serving(cluster), has_tag(cluster)) == ((_OLD, _NEW), _OLD, True)


def test_the_next_control_plane_serves_in_the_phase_moved() -> None:
    """The running one is still there, for what has not restarted."""
    cluster = _cluster(next={"version": "1.31.0", "phase": "moved"})
    assert (running(cluster), serving(cluster)) == (_OLD, _NEW)


def test_after_the_upgrade_the_revision_runs_alone() -> None:
    """The tag stays: `istio-injection=enabled` is nobody's without it."""
    cluster = _cluster(version="1.31.0", revision="1-31-0")
    assert (revisions(cluster), serving(cluster), has_tag(cluster)) == ((_NEW,), _NEW, True)


def test_a_cluster_moves_before_the_others() -> None:
    """A canary has the next one in its own entry, and one that stays behind has none in it."""
    moved = {"next": {"version": "1.31.0", "phase": "moved"}}
    assert serving(_cluster(moved, next={"version": "1.31.0"})) == _NEW
    assert revisions(_cluster({"next": None}, next={"version": "1.31.0"})) == (_OLD,)


@pytest.mark.parametrize("version", ["1.31.0", "1.29.5"])
def test_definitions_are_those_of_the_newest(version: str) -> None:
    """On the way up, and on the way down."""
    cluster = _cluster(next={"version": version})
    assert (newest(cluster).version, oldest(cluster).version) == (
        max(version, "1.30.3"),
        min(version, "1.30.3"),
    )


def test_each_version_is_said_of_its_own_setting() -> None:
    """In the entry of a cluster that moves before the others."""
    cluster = _cluster({"next": {"version": "1.31.0"}})
    assert [version_setting(cluster, r) for r in revisions(cluster)] == [
        "istio.version",
        "clusters.east.istio.next.version",
    ]


def test_names_have_the_revision_at_their_end() -> None:
    """As the chart has them, which calls no revision `default`."""
    assert [revisioned("istiod", r) for r in ("", "1-31-0")] == ["istiod", "istiod-1-31-0"]
    assert [revision_label(r) for r in ("", "1-31-0")] == ["default", "1-31-0"]


def test_a_version_of_a_candidate_is_a_revision_too() -> None:
    """All of it is what a label may have."""
    next_ = following(_cluster(next={"version": "1.31.0-rc.1"}))
    assert next_ is not None
    assert next_.name == "1-31-0-rc-1"
