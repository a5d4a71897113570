"""What can be wrong with a cluster's control planes, and with how proxies find them. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from mesh.health.finding import (
    PUT_BACK,
    Finding,
    Reason,
    Severity,
    put_back_release,
    restart_istiod,
    some,
)
from mesh.health.restarting import restart
from mesh.health.selectors import selects
from mesh.istio.names import (
    CACERTS,
    DEFAULT_TAG,
    INJECT_LABEL,
    INJECTION_LABEL,
    INJECTOR,
    ISTIOD,
    NO_REVISION,
    REVISION_LABEL,
    TAG_LABEL,
    TAG_WEBHOOK,
    revisioned,
)
from mesh.istio.skew import image_tag, skew
from mesh.live.facts import ClusterFacts
from mesh.live.inspected import ClusterInspection, InjectedPod, Injector
from mesh.pki.certificates import parse_readable

_PODS: tuple[Mapping[str, str], ...] = ({}, {INJECT_LABEL: "true"})
"""Labels of a pod: one that says nothing of itself, and one that wants a proxy."""


def injection_not_moved(cluster: ClusterInspection) -> Finding | None:
    """Pods that name no revision, and get their proxy from another control plane than the stack says."""
    given, facts, wanted = cluster.injection, cluster.facts, cluster.facts.serving_revision
    if given.image is None or given.revision == wanted:
        return None
    own = (
        f"{PUT_BACK}, which restores {TAG_WEBHOOK}"
        if has_tag(facts)
        else put_back_release(facts.name, ISTIOD)
    )
    return Finding(
        reason=Reason.INJECTION_NOT_MOVED,
        cluster=facts.name,
        message=f"pods in {facts.name} that name no revision get a proxy of {istiod(given.revision)}; "
        f"expected {istiod(wanted)}",
        hint=f"{own}; if that changes nothing, a webhook that is not of the stack injects them, too: in "
        f"{facts.name}, run `kubectl get mutatingwebhookconfigurations --label-columns "
        f"{REVISION_LABEL},{TAG_LABEL}`",
    )


def injectors_overlap(cluster: ClusterInspection) -> Finding | None:
    """Pods that two control planes inject: the names of their webhooks decide whose proxy a pod gets."""
    found = {
        namespace: injectors
        for namespace, labels in cluster.namespaces.items()
        if (injectors := _competing(cluster.injectors, labels))
    }
    if not found:
        return None
    name, injectors = cluster.facts.name, next(iter(found.values()))
    foreign = " ".join(one.name for one in injectors if one.name not in _own_webhooks(cluster.facts))
    webhooks = [f"{one.name} (of {istiod(one.revision)})" for one in injectors]
    return Finding(
        reason=Reason.INJECTORS_OVERLAP,
        cluster=name,
        message=f"pods in {some(found)} of {name} get a proxy from several control planes at once: "
        f"{' and '.join(webhooks)}",
        hint=f"if nothing else needs {foreign}, which is not of the stack, in {name}, run `kubectl delete "
        f"mutatingwebhookconfigurations {foreign}`; else give these namespaces a label that only one of them "
        "takes"
        if foreign
        else f"{PUT_BACK}, which restores {TAG_WEBHOOK}",
    )


def has_tag(cluster: ClusterFacts) -> bool:
    """Whether the tag `default` is an object of the stack, and not part of the control plane."""
    return cluster.revisions != (NO_REVISION,)


def _own_webhooks(cluster: ClusterFacts) -> frozenset[str]:
    """Names of the stack's webhook configurations that inject pods."""
    if not has_tag(cluster):
        return frozenset((INJECTOR,))
    named = (revisioned(INJECTOR, revision) for revision in cluster.revisions if revision != NO_REVISION)
    return frozenset((TAG_WEBHOOK, *named))


def _competing(injectors: Iterable[Injector], namespace: Mapping[str, str]) -> Sequence[Injector]:
    """The injectors of different control planes that select the same pods of a namespace."""
    for pod in _PODS:
        taking = _taking(injectors, namespace, pod)
        if len({injector.revision for injector in taking}) > 1:
            return taking
    return ()


def _taking(
    injectors: Iterable[Injector], namespace: Mapping[str, str], pod: Mapping[str, str]
) -> list[Injector]:
    """The injectors that the API server asks for a pod in a namespace, by their labels."""
    return [
        injector
        for injector in injectors
        if any(
            selects(of_namespace, namespace) and selects(of_pod, pod)
            for of_namespace, of_pod in injector.hooks
        )
    ]


def namespace_revision_unknown(cluster: ClusterInspection) -> Finding | None:
    """A namespace that names a revision or a tag that does not exist."""
    if not cluster.injectors:
        return None  # that there is no injector at all is said elsewhere
    unknown = {
        namespace: labels[REVISION_LABEL]
        for namespace, labels in cluster.namespaces.items()
        if REVISION_LABEL in labels
        and INJECTION_LABEL not in labels
        and not _taking(cluster.injectors, labels, {})
    }
    if not unknown:
        return None
    name, (namespace, label) = cluster.facts.name, next(iter(unknown.items()))
    known = sorted({one.tag or one.revision for one in cluster.injectors})
    value = DEFAULT_TAG if DEFAULT_TAG in known else known[0]
    return Finding(
        reason=Reason.NAMESPACE_REVISION_UNKNOWN,
        cluster=name,
        message=f"namespaces of {name} name a revision or a tag that does not exist, so that their pods "
        f"start without a proxy: {some(unknown)}; {namespace} has the label {REVISION_LABEL}={label}, and "
        f"there are: {', '.join(known)}",
        hint=f"in {name}, run `kubectl label --overwrite namespace {namespace} {REVISION_LABEL}={value}`, "
        "and restart the pods there that have no proxy",
    )


def unserved(cluster: ClusterInspection) -> Finding | None:
    """Proxies whose control plane no longer exists."""
    facts = cluster.facts
    lost = {revision: n for revision, n in cluster.served.items() if revision not in facts.istiods}
    if not lost:
        return None
    revision, counted = next(iter(lost.items()))
    pods = [pod for pod in cluster.pods if pod.revision == revision]
    return Finding(
        reason=Reason.PROXY_UNSERVED,
        cluster=facts.name,
        message=f"{facts.name} has {_counted(counted)} of {istiod(revision)}, which does not exist: they get "
        "no changes, and no new certificates when theirs expire",
        hint=_move(cluster, pods, counted),
    )


def not_moved(cluster: ClusterInspection) -> Finding | None:
    """Proxies that the old control plane still serves in the phase `moved`."""
    facts = cluster.facts
    if facts.next is None or not facts.next.moved or (left := left_behind(cluster)) is None:
        return None
    counted = cluster.served.get(facts.revision, {})
    pods = [pod for pod in cluster.pods if pod.revision == facts.revision]
    return Finding(
        reason=Reason.PROXY_NOT_MOVED,
        severity=Severity.WARNING,
        cluster=facts.name,
        message=f"{left}; expected {istiod(facts.next.revision)}",
        hint=_move(cluster, pods, counted or _naming_it(cluster)),
    )


def left_behind(cluster: ClusterInspection) -> str | None:
    """What still needs the old control plane; None if nothing does."""
    facts = cluster.facts
    if counted := cluster.served.get(facts.revision):
        return f"{istiod(facts.revision)} in {facts.name} still serves {_counted(counted)}"
    if namespaces := _naming_it(cluster):
        return f"new pods in {some(namespaces)} of {facts.name} still get {istiod(facts.revision)}"
    return None


def _naming_it(cluster: ClusterInspection) -> list[str]:
    """The namespaces in which new pods get the old control plane."""
    injectors = {name: _taking(cluster.injectors, labels, {}) for name, labels in cluster.namespaces.items()}
    old = cluster.facts.revision
    return [name for name, found in injectors.items() if found and all(one.revision == old for one in found)]


def _move(cluster: ClusterInspection, pods: Sequence[InjectedPod], namespaces: Iterable[str]) -> str:
    """How to move proxies to the control plane that serves new pods."""
    wanted = cluster.facts.serving_revision
    tags = (one.tag for one in cluster.injectors if one.revision == wanted and one.tag)
    labels = f"{REVISION_LABEL}={next(tags, wanted)} {INJECTION_LABEL}-"
    commands = [
        f"`kubectl label --overwrite namespace {namespace} {labels}`"
        for namespace in _leading_elsewhere(cluster, namespaces)
    ]
    first = f"in {cluster.facts.name}, run {', '.join(commands)}; then " if commands else ""
    if not pods:
        return f"{first}run `pulumi up`, which moves what belongs to the stack"
    return f"{first}{restart(cluster.facts.name, pods)}"


def _leading_elsewhere(cluster: ClusterInspection, namespaces: Iterable[str]) -> Iterator[str]:
    """The namespaces in which new pods get a wrong control plane, or none."""
    for namespace in namespaces:
        labels = cluster.namespaces.get(namespace, {})
        taking = _taking(cluster.injectors, labels, {})
        names_one = REVISION_LABEL in labels and not taking
        if names_one or (taking and all(one.revision != cluster.facts.serving_revision for one in taking)):
            yield namespace


def cacerts_not_loaded(cluster: ClusterInspection) -> Finding | None:
    """A control plane that signs with another intermediate CA than the Secret `cacerts` has.

    With two control planes, what one publishes for workloads says nothing about the other.
    """
    cacerts, name = cluster.facts.trust.cacerts, cluster.facts.name
    wanted = parse_readable(cacerts.certificate)[:1] if cacerts else ()
    for revision, pods in cluster.signing.items():
        for pod, expires in pods.items():
            if wanted and expires != wanted[0].not_valid_after_utc:
                return Finding(
                    reason=Reason.CACERTS_NOT_LOADED,
                    cluster=name,
                    message=f"{istiod(revision)} in {name} (pod {pod}) signs with an intermediate CA that "
                    f"expires at {expires:%Y-%m-%d %H:%M:%S} UTC, but the one in {CACERTS} expires at "
                    f"{wanted[0].not_valid_after_utc:%Y-%m-%d %H:%M:%S}: it has not loaded it",
                    hint=f"wait two minutes; then, in {name}, run {restart_istiod([revision])}",
                )
    return None


def skewed(cluster: ClusterInspection) -> Finding | None:
    """Proxies whose version is too far from that of their control plane."""
    found = [(pod, why) for pod in cluster.pods if (why := skew_of(cluster, pod))]
    if not found:
        return None
    first, why = found[0]
    own = cluster.facts.istiods[first.revision].versions[0]
    return Finding(
        reason=Reason.PROXY_VERSION_SKEW,
        severity=Severity.WARNING,
        cluster=cluster.facts.name,
        message=f"{len(found)} pods in {cluster.facts.name} have a proxy that Istio does not support with "
        f"its control plane: {istiod(first.revision)} is {own}, and {image_tag(first.image)} in "
        f"{first.namespace}/{first.name} {why}",
        hint=restart(cluster.facts.name, [pod for pod, _ in found]),
    )


def skew_of(cluster: ClusterInspection, pod: InjectedPod) -> str | None:
    """Why Istio does not support a proxy's version with its control plane.

    While a control plane is being replaced, its pods have two versions: then this is None.
    """
    own = cluster.facts.istiods.get(pod.revision)
    return skew(own.versions[0], image_tag(pod.image)) if own and len(own.versions) == 1 else None


def istiod(revision: str) -> str:
    """What a control plane is called: the name of its Deployment."""
    return revisioned(ISTIOD, revision)


def _counted(by_namespace: Mapping[str, int]) -> str:
    """Such as `12 proxies (8 in shop, 4 in web)`."""
    total = sum(by_namespace.values())
    most = sorted(by_namespace.items(), key=lambda one: (-one[1], one[0]))
    where = some(f"{count} in {namespace}" for namespace, count in most)
    return f"{total} {'proxy' if total == 1 else 'proxies'} ({where})"
