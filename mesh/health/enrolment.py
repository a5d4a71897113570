"""What can be wrong with ambient workloads: enrolment, global Services, waypoints, policies. Pure."""

from collections.abc import Sequence

from mesh.health.finding import PUT_BACK, Finding, Reason, Severity, some
from mesh.health.scope import is_global
from mesh.istio.names import CNI_DAEMON_SET, DATA_PLANE_LABEL, GLOBAL_LABEL, NAMESPACE
from mesh.live.facts import ClusterFacts, PairFacts, Workload
from mesh.live.inspected import AmbientService, ClusterInspection, LinkInspection
from mesh.samples import names as sample

_LOGS = f"`kubectl -n {NAMESPACE} logs daemonset/{CNI_DAEMON_SET}`"


def sample_not_enrolled(facts: PairFacts) -> Finding | None:
    """Pods of HelloWorld whose traffic does not go through ztunnel: calls to them are reset."""
    for cluster, role, workload in (
        (facts.caller, sample.CLIENT, facts.caller.sample.client),
        (facts.target, sample.SERVICE, facts.target.sample.server),
    ):
        if workload.enrolled < workload.pods:
            return _not_enrolled(cluster, role, workload)
    return None


def _not_enrolled(cluster: ClusterFacts, role: str, workload: Workload) -> Finding:
    name, unlabelled = cluster.name, workload.pods - workload.labelled
    counted = f"{workload.pods - workload.enrolled} of {workload.pods} {role} pods in {name}/"
    if unlabelled > 0:
        return Finding(
            reason=Reason.PODS_NOT_ENROLLED,
            cluster=name,
            message=f"{counted}{sample.NAMESPACE} are not enrolled: {unlabelled} lack the label "
            f"{DATA_PLANE_LABEL}=ambient",
            hint=PUT_BACK,
        )
    return Finding(
        reason=Reason.PODS_NOT_ENROLLED,
        cluster=name,
        message=f"{counted}{sample.NAMESPACE} have the label {DATA_PLANE_LABEL}=ambient, and their traffic "
        "does not go through ztunnel",
        hint=f"in {name}, run {_LOGS}; then `kubectl -n {sample.NAMESPACE} delete pods -l app={role}`",
    )


def sample_not_global(facts: PairFacts) -> Finding | None:
    """A Service that is global in one cluster only, or in none: every client stays inside."""
    if facts.caller.name == facts.target.name:
        return None
    local = [
        cluster.name
        for cluster in (facts.caller, facts.target)
        if cluster.sample.service
        and not is_global(cluster, cluster.sample.labels, cluster.sample.namespace_labels)
    ]
    if not local:
        return None
    return Finding(
        reason=Reason.SERVICE_NOT_GLOBAL,
        cluster=local[0],
        message=f"the Service {sample.NAMESPACE}/{sample.SERVICE} is not global in {' and '.join(local)}: "
        f"expected the label {GLOBAL_LABEL}=true in {facts.caller.name} and in {facts.target.name}; with it "
        "in one alone, all calls stay inside",
        hint=PUT_BACK,
    )


def sample_waypoints_differ(facts: PairFacts) -> Finding | None:
    """A waypoint of HelloWorld in one cluster only: calls from the other are refused."""
    if facts.caller.name == facts.target.name:
        return None
    here, there = facts.caller, facts.target
    if (here.sample.waypoint is None) == (there.sample.waypoint is None):
        return None
    sides = (here.name, there.name) if here.sample.waypoint else (there.name, here.name)
    return _one_sided(f"{sample.NAMESPACE}/{sample.SERVICE}", *sides)


def sample_waypoint_down(cluster: ClusterFacts) -> Finding | None:
    """A waypoint of HelloWorld without a ready pod."""
    waypoint, pods = cluster.sample.waypoint, cluster.sample.waypoint_pods
    return _down(cluster.name, [waypoint]) if waypoint and not pods.ready else None


def pods_missed(cluster: ClusterInspection) -> Finding | None:
    """Pods that should be ambient by their labels, and are not."""
    missed, name = cluster.ambient.missed, cluster.facts.name
    if not missed:
        return None
    namespace, _, pod = missed[0].partition("/")
    return Finding(
        reason=Reason.PODS_NOT_ENROLLED,
        cluster=name,
        message=f"{len(missed)} pods in {name} have the label {DATA_PLANE_LABEL}=ambient, or their namespace "
        f"has it, and their traffic does not go through ztunnel: {some(missed)}",
        hint=f"in {name}, run {_LOGS}; then `kubectl -n {namespace} delete pod {pod}`, and so on",
    )


def global_without_enrolment(cluster: ClusterInspection) -> Finding | None:
    """Global Services with pods outside the mesh: calls that other networks send there are reset."""
    facts = cluster.facts
    found = [
        name
        for name, service in cluster.ambient.services.items()
        if service.enrolled + service.injected < service.pods and _counts(facts, service)
    ]
    if not found:
        return None
    namespace, _, service = found[0].partition("/")
    return Finding(
        reason=Reason.PODS_NOT_ENROLLED,
        severity=Severity.WARNING,
        cluster=facts.name,
        message=f"Services that are global have pods in {facts.name} that are not in the mesh, so that calls "
        f"from other networks are reset there: {some(found)}",
        hint=f"enrol them: in {facts.name}, run `kubectl label namespace {namespace} "
        f"{DATA_PLANE_LABEL}=ambient`; or keep the Service inside: `kubectl -n {namespace} label service "
        f"{service} {GLOBAL_LABEL}-`",
    )


def _counts(facts: ClusterFacts, service: AmbientService) -> bool:
    """Where there are sidecars, too, all Services may be global: there only what the user has said counts."""
    if facts.data_plane.has_sidecars:
        return service.labels.get(GLOBAL_LABEL) == "true"
    return is_global(facts, service.labels, service.namespace_labels)


def waypoint_down(cluster: ClusterInspection) -> Finding | None:
    """A waypoint without a ready pod: what is called through it does not answer."""
    down = [name for name, ready in cluster.ambient.waypoints.items() if not ready]
    return _down(cluster.facts.name, down) if down else None


def _down(cluster: str, waypoints: Sequence[str]) -> Finding:
    namespace, _, name = waypoints[0].partition("/")
    return Finding(
        reason=Reason.WAYPOINT_DOWN,
        cluster=cluster,
        message=f"waypoints in {cluster} have no ready pod, and calls through them fail: {some(waypoints)}",
        hint=f"in {cluster}, run `kubectl -n {namespace} describe pods -l "
        f"gateway.networking.k8s.io/gateway-name={name}`; if there is none, `kubectl -n {namespace} scale "
        f"deployment {name} --replicas=1`",
    )


def policy_refused(cluster: ClusterInspection) -> Finding | None:
    """A policy that istiod does not take: it does not hold, or not as it is written."""
    refused = {name: p.refused for name, p in cluster.ambient.policies.items() if p.refused}
    if not refused:
        return None
    name, why = next(iter(refused.items()))
    return Finding(
        reason=Reason.POLICY_NOT_ACCEPTED,
        severity=Severity.WARNING,
        cluster=cluster.facts.name,
        message=f"{len(refused)} policies in {cluster.facts.name} do not hold as they are written; the "
        f"first: {name}: {why}",
        hint="bind what it is for to a waypoint, or change its targetRefs: docs/ambient.md#waypoints",
    )


def global_on_one_side(link: LinkInspection) -> Finding | None:
    """A Service that both clusters have, and that is global in one only: all clients stay inside."""
    both = _pairs_of_services(link)
    here, there = link.caller.facts, link.target.facts
    found = {
        name: there.name if by_here else here.name
        for name, (a, b) in both.items()
        if (by_here := is_global(here, a.labels, a.namespace_labels))
        != is_global(there, b.labels, b.namespace_labels)
    }
    if not found or _told_by_the_other(link):
        return None
    name, local = next(iter(found.items()))
    namespace, _, service = name.partition("/")
    return Finding(
        reason=Reason.SERVICE_NOT_GLOBAL,
        severity=Severity.WARNING,
        cluster=local,
        peer=here.name if local == there.name else there.name,
        message=f"Services are global in one of {here.name} and {there.name} only, so that all calls stay "
        f"inside: {some(found)}; {name} is not in {local}",
        hint=f"in {local}, run `kubectl -n {namespace} label --overwrite service {service} "
        f"{GLOBAL_LABEL}=true`, or take the label off in the other one",
    )


def waypoint_on_one_side(link: LinkInspection) -> Finding | None:
    """A global Service with a waypoint in one cluster only: calls from the other are refused."""
    here, there = link.caller.facts, link.target.facts
    for name, (a, b) in _pairs_of_services(link).items():
        both_global = is_global(here, a.labels, a.namespace_labels) and is_global(
            there, b.labels, b.namespace_labels
        )
        if both_global and (a.waypoint is None) != (b.waypoint is None) and not _told_by_the_other(link):
            return _one_sided(name, *((here.name, there.name) if a.waypoint else (there.name, here.name)))
    return None


def policies_differ(link: LinkInspection) -> Finding | None:
    """A policy for a waypoint that one cluster lacks, or has otherwise.

    What it forbids is enforced by the waypoint of the client's cluster, and so by that of each.
    """
    here, there = link.caller, link.target
    shared = {_namespace(w) for w in here.ambient.waypoints.keys() & there.ambient.waypoints.keys()}
    mine, theirs = (
        {n: p.spec for n, p in c.ambient.policies.items() if p.waypoint and _namespace(n) in shared}
        for c in (here, there)
    )
    found = sorted(n for n in mine.keys() | theirs.keys() if mine.get(n) != theirs.get(n))
    if not found or _told_by_the_other(link):
        return None
    first = found[0]
    lacking = [c.facts.name for c, of in ((here, mine), (there, theirs)) if first not in of]
    what = f"{lacking[0]} lacks the first" if lacking else "the first has other rules"
    kind, _, name = first.partition(" ")
    namespace, _, short = name.partition("/")
    return Finding(
        reason=Reason.POLICIES_DIFFER,
        cluster=here.facts.name,
        peer=there.facts.name,
        message=f"policies for waypoints differ between {here.facts.name} and {there.facts.name}, and the "
        f"waypoint of the client's cluster enforces its own: {some(found)}; {what}",
        hint=f"apply the same in both: compare `kubectl -n {namespace} get {kind.lower()} {short} -o yaml`",
    )


def _pairs_of_services(link: LinkInspection) -> dict[str, tuple[AmbientService, AmbientService]]:
    here, there = link.caller.ambient.services, link.target.ambient.services
    return {name: (here[name], there[name]) for name in sorted(here.keys() & there.keys())}


def _told_by_the_other(link: LinkInspection) -> bool:
    """Whether the same is found the other way round, too."""
    return link.mutual and link.caller.facts.name > link.target.facts.name


def _one_sided(service: str, having: str, lacking: str) -> Finding:
    namespace, _, name = service.partition("/")
    return Finding(
        reason=Reason.WAYPOINT_ON_ONE_SIDE,
        cluster=lacking,
        peer=having,
        message=f"{service} has a waypoint in {having} and none in {lacking}: ztunnel refuses calls from "
        f"{lacking} that the waypoint takes in {having}",
        hint=f"{PUT_BACK}, which gives every ambient cluster the same, if {namespace} is one of waypoints in "
        f"the stack file, or add it there first; else, in {having}, take the label istio.io/use-waypoint off "
        f"the namespace {namespace} and the Service {name}",
    )


def _namespace(name: str) -> str:
    """The namespace in `namespace/name`, with or without a kind in front."""
    return name.rpartition(" ")[2].partition("/")[0]
