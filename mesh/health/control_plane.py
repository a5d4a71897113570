"""What can be wrong with the API server and the control plane of a cluster. Pure."""

from mesh.health.finding import Finding, Reason, put_back_release
from mesh.istio.names import ISTIOD, ISTIOD_PODS, NAMESPACE
from mesh.live.facts import ClusterFacts, PairFacts


def api_server_unreachable(facts: PairFacts) -> Finding | None:
    """An API server that gives no answer, or no way in: nothing else is known of its cluster."""
    for cluster in _clusters(facts):
        look = f"`kubectl get nodes` with the kubeconfig and context that the stack has for {cluster.name}"
        if cluster.refused:
            reason, hint = Reason.API_SERVER_REFUSES, f"correct it, until it lets you run {look}"
        elif cluster.unreachable:
            reason, hint = Reason.API_SERVER_UNREACHABLE, f"run {look}"
        else:
            continue
        return Finding(
            reason=reason,
            cluster=cluster.name,
            message=f"cannot read the API server of {cluster.name}: {cluster.refused or cluster.unreachable}",
            hint=hint,
        )
    return None


def istiod_down(facts: PairFacts) -> Finding | None:
    """A control plane without a ready pod, in one of the two clusters."""
    for cluster in _clusters(facts):
        if cluster.istiod.ready == 0:
            return Finding(
                reason=Reason.ISTIOD_DOWN,
                cluster=cluster.name,
                message=f"istiod has no ready pod in {cluster.name} (of {cluster.istiod.pods}): proxies get "
                "no changes, and no new certificates when theirs expire",
                hint=f"{put_back_release(cluster.name, ISTIOD, pods=cluster.istiod.pods)}; if pods do not "
                f"start, run `kubectl -n {NAMESPACE} describe pods -l {ISTIOD_PODS}`",
            )
    return None


def _clusters(facts: PairFacts) -> tuple[ClusterFacts, ...]:
    return (facts.caller,) if facts.link is None else (facts.caller, facts.target)
