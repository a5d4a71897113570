"""What can be wrong with the proxies of workloads, and with what new pods get. Pure."""

from mesh.health.finding import Finding, Reason, Severity, put_back_release
from mesh.istio.names import BASE, INJECTOR, ISTIOD, NAMESPACE, WEBHOOK_PORT
from mesh.live.inspected import ClusterInspection, InjectedPod

_SHOWN = 3


def injection_fails(cluster: ClusterInspection) -> Finding | None:
    """An injector that new pods get no proxy from, or one of another network or cluster."""
    injection, name = cluster.injection, cluster.facts.name
    wrong = injection.problem
    if wrong is None and injection.image is not None:
        given = injection.network, injection.cluster_id
        if given != (cluster.facts.network, name):
            wrong = (
                f"they get the network {given[0]!r} and the cluster {given[1]!r}; expected "
                f"{cluster.facts.network!r} and {name!r}"
            )
    if wrong is None:
        return None
    return Finding(
        reason=Reason.INJECTION_FAILS,
        cluster=name,
        message=f"new pods in {name} get no proxy, or a wrong one: {wrong}",
        hint=f"{put_back_release(name, ISTIOD)}; if the API server gets no answer, let it connect to port "
        f"{WEBHOOK_PORT} of {_asked(cluster)}: check firewalls and `kubectl get "
        f"mutatingwebhookconfiguration {INJECTOR} -o yaml`",
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
        f"{put_back_release(name, ISTIOD)}; if the API server gets no answer, let it connect to port 15017 "
        "of istiod's pods",
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
        hint=_restart(cluster, wrong),
    )


def old(cluster: ClusterInspection) -> Finding | None:
    """Proxies of another version than new pods get."""
    image = cluster.injection.image
    wrong = [pod for pod in cluster.pods if image and _tag(pod.image) != _tag(image)]
    if not image or not wrong:
        return None
    first = wrong[0]
    return Finding(
        reason=Reason.PROXY_OLD,
        severity=Severity.WARNING,
        cluster=cluster.facts.name,
        message=f"{len(wrong)} pods in {cluster.facts.name} have another version of the proxy than new ones "
        f"get: {first.namespace}/{first.name} has {_tag(first.image)}, new ones get {_tag(image)}",
        hint=_restart(cluster, wrong),
    )


def _tag(image: str) -> str:
    """The version in an image's reference, which may have a digest behind it."""
    return image.partition("@")[0].rpartition(":")[2]


def _restart(cluster: ClusterInspection, pods: list[InjectedPod]) -> str:
    owners = list(dict.fromkeys((pod.namespace, pod.owner) for pod in pods))
    commands = [
        f"`kubectl -n {namespace} delete {owner}`"
        if owner.startswith(("pod/", "job/"))
        else f"`kubectl -n {namespace} rollout restart {owner}`"
        for namespace, owner in owners
    ]
    more = f", and so on for {len(owners) - _SHOWN} more" if len(owners) > _SHOWN else ""
    return f"restart them: in {cluster.facts.name}, run {', '.join(commands[:_SHOWN])}{more}"
