"""The control planes of a cluster: one, or two while it moves from one to the other. Pure."""

from dataclasses import dataclass

from mesh.config.resolved import ClusterConfig
from mesh.config.types import UpgradePhase, version_tuple
from mesh.istio.names import REVISION_LABEL


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A control plane: `name` is its revision, empty for one without, and `version` that of Istio."""

    name: str
    version: str


def running(cluster: ClusterConfig) -> Revision:
    """The control plane that a cluster has, or moves away from."""
    return Revision(name=cluster.istio.revision, version=cluster.istio.version)


def following(cluster: ClusterConfig) -> Revision | None:
    """The one that it moves to; None if it does not move."""
    section = cluster.istio.next
    return Revision(name=section.name, version=section.version) if section else None


def revisions(cluster: ClusterConfig) -> tuple[Revision, ...]:
    """All control planes of a cluster, the running one first."""
    return tuple(found for found in (running(cluster), following(cluster)) if found)


def serving(cluster: ClusterConfig) -> Revision:
    """The one that serves gateways and new pods that name no revision."""
    moved = cluster.istio.next is not None and cluster.istio.next.phase is UpgradePhase.MOVED
    return revisions(cluster)[-1] if moved else running(cluster)


def newest(cluster: ClusterConfig) -> Revision:
    """The one with the highest version. The others use its definitions, too."""
    return max(revisions(cluster), key=lambda revision: version_tuple(revision.version))


def oldest(cluster: ClusterConfig) -> Revision:
    """The one with the lowest version. It, too, must support what the configuration asks for."""
    return min(revisions(cluster), key=lambda revision: version_tuple(revision.version))


def version_setting(cluster: ClusterConfig, revision: Revision) -> str:
    """The path of a revision's version in the stack file."""
    return cluster.path("istio.version" if revision == running(cluster) else "istio.next.version")


def revision_labels(cluster: ClusterConfig) -> dict[str, str]:
    """Labels of a Gateway for the serving control plane; none if it has no revision."""
    revision = serving(cluster).name
    return {REVISION_LABEL: revision} if revision else {}


def has_tag(cluster: ClusterConfig) -> bool:
    """Whether the tag `default` is an object of its own, and not part of the control plane."""
    return any(revision.name for revision in revisions(cluster))
