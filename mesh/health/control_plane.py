"""What can be wrong with the API server and the control plane of a cluster. Pure."""

from mesh.health.finding import Finding, Reason, Severity, put_back_release
from mesh.istio.names import ISTIOD, ISTIOD_PODS, NAMESPACE
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
    """A control plane without a ready pod."""
    if cluster.istiod.ready:
        return None
    name = cluster.control_plane
    return Finding(
        reason=Reason.ISTIOD_DOWN,
        cluster=name,
        message=f"istiod has no ready pod in {name} (of {cluster.istiod.pods}): proxies get no changes, and "
        "no new certificates when theirs expire",
        hint=f"{put_back_release(name, ISTIOD, pods=cluster.istiod.pods)}; if pods do not start, run "
        f"`kubectl -n {NAMESPACE} describe pods -l {ISTIOD_PODS}`",
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
