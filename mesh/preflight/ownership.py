"""Whether the clusters are the members of this mesh that the configuration takes them for. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.live.facts import ObservedCluster


def problems(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    """A problem for each cluster that is a member of another mesh, or a member under another name."""
    for name, observed in clusters.items():
        path = f"clusters.{name}"
        if mesh_id := _other_mesh(config, observed):
            yield Problem(
                path=path,
                message=f"is a member of the mesh {mesh_id!r}, and this stack has mesh.id "
                f"{config.mesh.id!r}; expected a context that leads to a cluster of this mesh or to one "
                f"without Istio. If you have changed mesh.id, set it back to {mesh_id!r}: a running mesh "
                "keeps its ID",
            )
        elif other := _other_name(name, observed):
            yield Problem(
                path=path,
                message=f"its context leads to the cluster that is {other!r} in this mesh; expected the "
                f"context of another cluster. To rename {other}, follow docs/renaming.md: with two names, "
                "one installation would delete the other",
            )


def members(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> dict[str, ObservedCluster]:
    """The clusters without those of other meshes or names, of whose trust nothing follows for this mesh."""
    return {
        name: observed
        for name, observed in clusters.items()
        if not _other_mesh(config, observed) and not _other_name(name, observed)
    }


def _other_mesh(config: StackConfig, observed: ObservedCluster) -> str | None:
    mesh_id = observed.control_plane.mesh_id if observed.control_plane else None
    return mesh_id if mesh_id and mesh_id != config.mesh.id else None


def _other_name(name: str, observed: ObservedCluster) -> str | None:
    cluster_id = observed.control_plane.cluster_id if observed.control_plane else None
    return cluster_id if cluster_id and cluster_id != name else None
