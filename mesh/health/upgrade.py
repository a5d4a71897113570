"""Whether clusters may go on to the next phase of an upgrade by revision. Pure."""

from collections.abc import Iterator, Sequence

from mesh.health.report import CheckResult, NextPhase, Outcome
from mesh.health.revisions import istiod, left_behind
from mesh.live.facts import ClusterFacts, NextRevision
from mesh.live.inspected import ClusterInspection, MeshInspection


def next_phases(mesh: MeshInspection, results: Sequence[CheckResult]) -> Iterator[NextPhase]:
    """The next step of each cluster in an upgrade.

    A cluster waits while a check of it, or of a link from or to it, fails. Before its old control plane goes,
    it also waits while anything still needs that.
    """
    for name, cluster in mesh.clusters.items():
        if (following := cluster.facts.next) is not None:
            yield NextPhase(
                cluster=name,
                step=_step(cluster.facts, following),
                why=_failure(name, results) or _needed(cluster, following),
            )


def _step(cluster: ClusterFacts, following: NextRevision) -> str:
    if not following.moved:
        return f"set istio.next.phase to moved: {istiod(following.revision)} serves new pods"
    return (
        f"set istio.version to {following.version} and istio.revision to {following.revision}, and remove "
        f"istio.next: {istiod(cluster.revision)} goes"
    )


def _failure(cluster: str, results: Sequence[CheckResult]) -> str | None:
    failed = (r for r in results if r.outcome is Outcome.FAILED and cluster in (r.cluster, r.peer))
    first = next((result.finding for result in failed if result.finding), None)
    return f"{first.reason} in {first.cluster}" if first else None


def _needed(cluster: ClusterInspection, following: NextRevision) -> str | None:
    return left_behind(cluster) if following.moved else None
