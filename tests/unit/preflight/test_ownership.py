"""Clusters that are members of another mesh, or of this mesh under another name."""

from mesh.live.facts import ObservedCluster, ObservedControlPlane
from mesh.preflight.ownership import members, problems
from tests.builders.stacks import stack_config

_CONFIG = stack_config({"east": {}, "west": {}})
_OWN = ObservedCluster(control_plane=ObservedControlPlane(mesh_id="dev"))
_OTHER = ObservedCluster(control_plane=ObservedControlPlane(mesh_id="prod"))


def test_a_member_of_another_mesh_is_reported_as_such() -> None:
    """Not as a root that does not match: it is left out of every other check."""
    clusters = {"east": _OWN, "west": _OTHER}
    (problem,) = problems(_CONFIG, clusters)
    assert problem.path == "clusters.west"
    assert problem.message.startswith("is a member of the mesh 'prod', and this stack has mesh.id 'dev'")
    assert members(_CONFIG, clusters) == {"east": _OWN}


def test_members_of_this_mesh_and_empty_clusters_are_accepted() -> None:
    """So is an istiod that states no mesh ID, and a cluster that cannot be reached."""
    silent = ObservedCluster(control_plane=ObservedControlPlane())
    for observed in (_OWN, ObservedCluster(), silent, ObservedCluster(unreachable="timed out")):
        assert list(problems(_CONFIG, {"east": observed})) == []


def test_a_member_under_another_name_is_refused() -> None:
    """Both installations would own the same namespace, and the removal of one would delete the other."""
    east = ObservedCluster(control_plane=ObservedControlPlane(mesh_id="dev", cluster_id="east"))
    (problem,) = problems(_CONFIG, {"east": east, "west": east})
    assert problem.path == "clusters.west"
    assert "leads to the cluster that is 'east' in this mesh" in problem.message
    assert "docs/renaming.md" in problem.message
    assert members(_CONFIG, {"east": east, "west": east}) == {"east": east}
