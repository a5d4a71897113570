"""What can be wrong with the API server and the control plane of a cluster. Pure."""

from mesh.health.finding import Finding, Reason, Severity, put_back_release
from mesh.istio.names import ISTIOD, ISTIOD_PODS, NAMESPACE, REVISION_LABEL, revisioned
from mesh.live.facts import ClusterFacts
from mesh.live.inspected import ClusterInspection

_LONGEST_LINE = 300


def api_server_unreachable(cluster: ClusterFacts) -> Finding | None:
    """An API server that gives no answer, or no way in: nothing else is known of its cluster."""
    look = f"`kubectl get nodes` with the kubeconfig and context that the stack has for {cluster.name}"
    if cluster.refused:
        reason, hint = Reason.API_SERVER_REFUSES, f"correct it, until it lets you run {look}"
    elif cluster.unreachable:
        reason, hint = Reason.API_SERVER_UNREACHABLE, f"run {look}"
    else:
        return None
    return Finding(
        reason=reason,
        cluster=cluster.name,
        message=f"cannot read the API server of {cluster.name}: {cluster.refused or cluster.unreachable}",
        hint=hint,
    )


def not_checked(cluster: ClusterFacts) -> Finding | None:
    """A remote of whose control plane nothing is known: its primary is offline, or does not answer."""
    if cluster.control_plane_unknown is None:
        return None
    return Finding(
        reason=Reason.CONTROL_PLANE_NOT_CHECKED,
        severity=Severity.WARNING,
        cluster=cluster.name,
        peer=cluster.control_plane,
        message=f"{cluster.name} has the control plane of {cluster.control_plane}, of which nothing is "
        f"known: {cluster.control_plane_unknown}",
        hint=f"once {cluster.control_plane} can be read from here, run the same command again",
    )


def istiod_down(cluster: ClusterFacts) -> Finding | None:
    """The control plane that a cluster has without a ready pod."""
    if cluster.declared[cluster.revision].workload.ready:
        return None
    return Finding(
        reason=Reason.ISTIOD_DOWN,
        cluster=cluster.control_plane,
        message=f"{_without_pod(cluster, cluster.revision)}: proxies get no changes, and no new certificates "
        "when theirs expire",
        hint=_start(cluster, cluster.revision),
    )


def next_istiod_down(cluster: ClusterFacts) -> Finding | None:
    """The next control plane of a cluster, without a ready pod."""
    if cluster.next is None or cluster.declared[cluster.next.revision].workload.ready:
        return None
    effect = (
        "new pods get no proxy, and the proxies that it serves get no changes"
        if cluster.next.moved
        else "nothing can be moved to it"
    )
    return Finding(
        reason=Reason.NEXT_ISTIOD_DOWN,
        cluster=cluster.control_plane,
        message=f"{_without_pod(cluster, cluster.next.revision)}: {effect}",
        hint=_start(cluster, cluster.next.revision),
    )


def _without_pod(cluster: ClusterFacts, revision: str) -> str:
    pods = cluster.declared[revision].workload.pods
    return f"{revisioned(ISTIOD, revision)} has no ready pod in {cluster.control_plane} (of {pods})"


def _start(cluster: ClusterFacts, revision: str) -> str:
    """The hint for a control plane that does not run."""
    pods = cluster.declared[revision].workload.pods
    selector = ISTIOD_PODS if len(cluster.revisions) == 1 else f"{ISTIOD_PODS},{REVISION_LABEL}={revision}"
    return (
        f"{put_back_release(cluster.control_plane, revisioned(ISTIOD, revision), pods=pods)}; if pods do not "
        f"start, run `kubectl -n {NAMESPACE} describe pods -l {selector}`"
    )


def errors_logged(cluster: ClusterInspection) -> Finding | None:
    """Errors of the last minutes in the logs of istiod or of the gateway."""
    if not cluster.errors:
        return None
    pod, lines = next(iter(cluster.errors.items()))
    count = sum(map(len, cluster.errors.values()))
    return Finding(
        reason=Reason.ERRORS_LOGGED,
        severity=Severity.WARNING,
        cluster=cluster.facts.name,
        message=f"{count} errors in the logs of {', '.join(cluster.errors)} in {cluster.facts.name} within "
        f"five minutes, the last of {pod}: {' '.join(lines[-1].split())[:_LONGEST_LINE]}",
        hint=f"in {cluster.facts.name}, run `kubectl -n {NAMESPACE} logs {pod} --since=5m`",
    )
