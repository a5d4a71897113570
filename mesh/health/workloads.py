"""What can be wrong with the proxies of workloads, and with what new pods get. Pure."""

from mesh.health.finding import PUT_BACK, Finding, Reason, Severity, put_back_release
from mesh.health.restarting import restart
from mesh.health.revisions import has_tag, skew_of
from mesh.istio.names import (
    BASE,
    INJECTOR,
    ISTIOD,
    NAMESPACE,
    TAG_WEBHOOK,
    WEBHOOK_PORT,
    revisioned,
)
from mesh.istio.skew import image_tag
from mesh.live.facts import ClusterFacts
from mesh.live.inspected import ClusterInspection, Injection


def injection_fails(cluster: ClusterInspection) -> Finding | None:
    """An injector that new pods get no proxy from, or one of another network or cluster."""
    facts = cluster.facts
    # If it does not run, another check says that it injects nothing.
    running = {
        name: one for name, one in cluster.named_injections.items() if facts.declared[name].workload.ready
    }
    for named, injection in ((None, cluster.injection), *running.items()):
        if wrong := _wrong(facts, injection):
            which = "" if named is None else f" that name the revision {named}"
            return Finding(
                reason=Reason.INJECTION_FAILS,
                cluster=facts.name,
                message=f"new pods in {facts.name}{which} get no proxy, or a wrong one: {wrong}",
                hint=_repair(cluster, named),
            )
    return None


def _wrong(facts: ClusterFacts, injection: Injection) -> str | None:
    given = injection.network, injection.cluster_id
    if injection.problem or injection.image is None or given == (facts.network, facts.name):
        return injection.problem
    return (
        f"they get the network {given[0]!r} and the cluster {given[1]!r}; expected {facts.network!r} and "
        f"{facts.name!r}"
    )


def _repair(cluster: ClusterInspection, named: str | None) -> str:
    """The hint for an injector; with revisions, pods that name none have their own webhook."""
    facts = cluster.facts
    revision = named or facts.serving_revision
    tagged = named is None and has_tag(facts)
    first = f"{PUT_BACK}, which restores {TAG_WEBHOOK}; then, " if tagged else ""
    webhook = TAG_WEBHOOK if tagged else revisioned(INJECTOR, revision)
    return (
        f"{first}{put_back_release(facts.name, revisioned(ISTIOD, revision))}; if the API server gets no "
        f"answer, let it connect to port {WEBHOOK_PORT} of {_asked(cluster)}: check firewalls and `kubectl "
        f"get mutatingwebhookconfiguration {webhook} -o yaml`"
    )


def _asked(cluster: ClusterInspection) -> str:
    """What the API server asks to have a proxy put into a pod."""
    primary = cluster.facts.primary
    return "istiod's pods" if primary is None else f"the gateway of {primary}, which leads to its istiod"


def injection_not_tried(cluster: ClusterInspection) -> Finding | None:
    """An injector that could not be tried from here."""
    if cluster.injection.unknown is None:
        return None
    return Finding(
        reason=Reason.INJECTION_NOT_CHECKED,
        severity=Severity.WARNING,
        cluster=cluster.facts.name,
        message=f"whether new pods in {cluster.facts.name} get a proxy is not checked: "
        f"{cluster.injection.unknown}",
        hint=f"to have it checked, give the user of the kubeconfig the right to create pods in {NAMESPACE}",
    )


def validation_fails(cluster: ClusterInspection) -> Finding | None:
    """An API server that takes Istio's objects without asking istiod, or cannot ask."""
    if cluster.validation is None:
        return None
    name = cluster.facts.name
    return Finding(
        reason=Reason.VALIDATION_FAILS,
        cluster=name,
        message=f"Istio's objects are not checked in {name}: {cluster.validation}",
        hint=f"{put_back_release(name, BASE)}; then, for what the chart istiod has made, "
        f"{put_back_release(name, revisioned(ISTIOD, cluster.facts.serving_revision))}; if the API server "
        f"gets no answer, let it connect to port {WEBHOOK_PORT} of istiod's pods",
    )


def stale(cluster: ClusterInspection) -> Finding | None:
    """Proxies that were given another network or cluster when their pods were made."""
    expected = cluster.facts.network, cluster.facts.name
    wrong = [pod for pod in cluster.pods if (pod.network, pod.cluster_id) != expected]
    if not wrong:
        return None
    first = wrong[0]
    return Finding(
        reason=Reason.PROXY_STALE,
        cluster=cluster.facts.name,
        message=f"{len(wrong)} pods in {cluster.facts.name} have a proxy of another network or cluster, "
        f"because they were made before it was changed: {first.namespace}/{first.name} has {first.network!r} "
        f"and {first.cluster_id!r}; expected {expected[0]!r} and {expected[1]!r}",
        hint=restart(cluster.facts.name, wrong),
    )


def old(cluster: ClusterInspection) -> Finding | None:
    """Proxies whose version the control plane supports, but which new pods no longer get."""
    given = (cluster.injection, *cluster.named_injections.values())
    images = {one.revision: image_tag(one.image) for one in given if one.image}
    wrong = [
        pod
        for pod in cluster.pods
        if image_tag(pod.image) != images.get(pod.revision, image_tag(pod.image))
        and not skew_of(cluster, pod)
    ]
    if not wrong:
        return None
    first = wrong[0]
    return Finding(
        reason=Reason.PROXY_OLD,
        severity=Severity.WARNING,
        cluster=cluster.facts.name,
        message=f"{len(wrong)} pods in {cluster.facts.name} have another version of the proxy than new ones "
        f"get: {first.namespace}/{first.name} has {image_tag(first.image)}, new ones get "
        f"{images[first.revision]}",
        hint=restart(cluster.facts.name, wrong),
    )
