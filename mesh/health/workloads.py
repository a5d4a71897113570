"""What can be wrong within one cluster of a pair. Pure."""

from collections.abc import Iterator

from mesh.cli.verify.model import Finding
from mesh.live.facts import ClusterFacts, PairFacts, Workload
from mesh.samples.names import CLIENT, NAMESPACE, SERVICE


def api_server_unreachable(facts: PairFacts) -> Finding | None:
    """An API server that cannot be asked: nothing else is known of its cluster."""
    for cluster in _clusters(facts):
        if cluster.unreachable:
            return Finding(
                reason="api-server-unreachable",
                cluster=cluster.name,
                message=f"the API server of {cluster.name} cannot be asked: {cluster.unreachable}",
                hint=f"try `kubectl get nodes` with the kubeconfig and context that the stack names for "
                f"{cluster.name}",
            )
    return None


def istiod_down(facts: PairFacts) -> Finding | None:
    """A control plane that is not there, in one of the two."""
    for cluster in _clusters(facts):
        if cluster.istiod.ready == 0:
            return Finding(
                reason="istiod-down",
                cluster=cluster.name,
                message=f"no istiod is ready in {cluster.name} ({cluster.istiod.pods} pods): its proxies get "
                "no more changes and, within a day, no more certificates",
                hint=f"in {cluster.name}: kubectl -n istio-system describe pods -l app=istiod",
            )
    return None


def sidecar_missing(facts: PairFacts) -> Finding | None:
    """Client or server pods without a proxy."""
    for cluster, role, workload in _workloads(facts):
        if workload.injected < workload.pods:
            return Finding(
                reason="sidecar-missing",
                cluster=cluster.name,
                message=f"{workload.pods - workload.injected} of {workload.pods} {role} pods in "
                f"{cluster.name}/{NAMESPACE} have no proxy beside them",
                hint=f"look for the label istio-injection=enabled on the namespace, then in {cluster.name}: "
                f"kubectl -n {NAMESPACE} rollout restart deployment",
            )
    return None


def sample_not_running(facts: PairFacts) -> Finding | None:
    """Nobody to call from, or nobody to answer."""
    for cluster, role, workload in _workloads(facts):
        if workload.ready == 0:
            return Finding(
                reason="sample-not-running",
                cluster=cluster.name,
                message=f"no {role} pod is ready in {cluster.name}/{NAMESPACE} ({workload.pods} pods)",
                hint=f"in {cluster.name}: kubectl -n {NAMESPACE} describe pods",
            )
    return None


def _clusters(facts: PairFacts) -> tuple[ClusterFacts, ...]:
    return (facts.caller,) if facts.link is None else (facts.caller, facts.target)


def _workloads(facts: PairFacts) -> Iterator[tuple[ClusterFacts, str, Workload]]:
    yield facts.caller, CLIENT, facts.caller.sample.client
    yield facts.target, SERVICE, facts.target.sample.server
