"""What is said of clusters that are away."""

from mesh.live.facts import ObservedCluster
from mesh.preflight.away import warnings
from tests.builders.stacks import stack_config

_SILENT = ObservedCluster(unreachable="timed out")


def test_all_clusters_that_are_marked_have_one_warning() -> None:
    """Not one each: it is what somebody has decided."""
    config = stack_config({"east": {}, "west": {"offline": True}, "north": {"offline": True}})
    clusters = {"east": ObservedCluster(), "west": _SILENT, "north": _SILENT}
    (warning,) = warnings(config, clusters)
    assert warning.startswith("offline in the stack file, so left as they are: west, north, and")


def test_remote_secrets_that_go_are_said() -> None:
    """Those by which ambient clusters would call one that is away."""
    config = stack_config(
        {"east": {}, "west": {"offline": True}, "far": {"dataPlane": "both"}}, dataPlane="ambient"
    )
    (warning,) = warnings(config, {"east": ObservedCluster(), "west": _SILENT, "far": ObservedCluster()})
    assert "the remote secrets for them, but for those in ambient clusters: east, far. Once" in warning


def test_a_cluster_without_an_answer_is_said_with_the_ways_on() -> None:
    """Unless the stack file has one already."""
    config = stack_config({"east": {}, "west": {}, "north": {"skipUnreachable": True}})
    clusters = {"east": ObservedCluster(), "west": _SILENT, "north": _SILENT}
    (warning,) = warnings(config, clusters)
    assert warning.startswith("west gives no answer: timed out")
    assert "clusters.west.offline" in warning
    assert "python -m mesh forget west" in warning


def test_clusters_that_are_made_in_the_same_update_have_one_warning() -> None:
    """They are neither offline nor silent."""
    config = stack_config({"east": {}, "west": {}, "north": {}}, awaited={"west", "north"})
    clusters = {"east": ObservedCluster(), "west": _SILENT, "north": _SILENT}
    (warning,) = warnings(config, clusters)
    assert warning.startswith(
        "not looked at before the update: west, north, because a kubeconfig is not known"
    )
