"""Whether the clusters belong to this mesh. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.live.facts import ObservedCluster


def problems(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    """A problem for each cluster that is a member of another mesh."""
    for name, observed in clusters.items():
        if mesh_id := _other_mesh(config, observed):
            yield Problem(
                path=f"clusters.{name}",
                message=f"is a member of the mesh {mesh_id!r}, and this stack has mesh.id "
                f"{config.mesh.id!r}; expected a context that leads to a cluster of this mesh or to one "
                f"without Istio. If you have changed mesh.id, set it back to {mesh_id!r}: a running mesh "
                "keeps its ID",
            )


def members(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> dict[str, ObservedCluster]:
    """The clusters without those of other meshes, of whose trust nothing follows for this one."""
    return {name: found for name, found in clusters.items() if not _other_mesh(config, found)}


def _other_mesh(config: StackConfig, observed: ObservedCluster) -> str | None:
    mesh_id = observed.control_plane.mesh_id if observed.control_plane else None
    return mesh_id if mesh_id and mesh_id != config.mesh.id else None
