"""What keeps a cluster from becoming a member of a mesh. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from mesh.config.problems import Problem
from mesh.health import supported
from mesh.health.chains import Chain, Check, judged
from mesh.health.finding import Finding, Reason, Severity
from mesh.health.report import CheckResult
from mesh.live.inspected import Readiness

MOST_SECONDS_APART = 30
"""Istio's certificates begin two minutes before they are made: a quarter of that is left for the way here."""

_API = "API servers"
_ROOM = "What the mesh needs"
_UPDATE = "What an update would refuse"
_MESH = "mesh"


def _answers(found: Readiness) -> Finding | None:
    why = found.refused or found.unreachable
    if why is None:
        return None
    return Finding(
        reason=Reason.API_SERVER_REFUSES if found.refused else Reason.API_SERVER_UNREACHABLE,
        cluster=found.name,
        message=f"cannot read the API server of {found.name}: {why}",
        hint=f"run `kubectl get nodes` with the kubeconfig and context that the stack has for {found.name}",
    )


def _supported(found: Readiness) -> Finding | None:
    return supported.kubernetes(found.name, found.istio, found.kubernetes)


def _clock(found: Readiness) -> Finding | None:
    if found.clock is None or abs(found.clock) <= MOST_SECONDS_APART:
        return None
    where = "ahead of" if found.clock > 0 else "behind"
    return Finding(
        reason=Reason.CLOCKS_DIFFER,
        cluster=found.name,
        message=f"the clock of the API server of {found.name} is {abs(found.clock):.0f} s {where} this "
        "machine's: certificates that are made here may not be valid there yet",
        hint="set the clocks by NTP; `date -u` on both shows which is wrong",
    )


def _rights(found: Readiness) -> Finding | None:
    if not found.denied:
        return None
    return Finding(
        reason=Reason.RIGHTS_MISSING,
        cluster=found.name,
        message=f"the user of the kubeconfig may not create in {found.name}: {', '.join(found.denied)}",
        hint="use a user with the ClusterRole cluster-admin, or one that may create these; compare `kubectl "
        "auth can-i --list`",
    )


def _nodes(found: Readiness) -> Finding | None:
    if found.nodes:
        return None
    return Finding(
        reason=Reason.NO_NODE,
        cluster=found.name,
        message=f"no node of {found.name} is ready and takes pods",
        hint="run `kubectl get nodes`; `kubectl uncordon` lets a node take pods again",
    )


def _webhooks(found: Readiness) -> Finding | None:
    if found.pods_unreachable is None:
        return None
    return Finding(
        reason=Reason.PODS_UNREACHABLE,
        cluster=found.name,
        message=f"the API server of {found.name} cannot connect to pods: {found.pods_unreachable}; it must "
        "connect to port 15017 of istiod's",
        hint="open the way from the control plane to the nodes: in private GKE clusters, a firewall rule for "
        "TCP 15017; elsewhere, check security groups and the network plugin",
    )


def _addresses(found: Readiness) -> Finding | None:
    if not found.waiting or found.load_balancer or not found.balanced:
        return None
    return Finding(
        reason=Reason.NO_LOAD_BALANCER,
        cluster=found.name,
        message=f"Services of type LoadBalancer get no address in {found.name}: {', '.join(found.waiting)} "
        "waits for one, and the east-west gateway would",
        hint=f"install a load balancer in {found.name}, or repair it: `kubectl describe service` says what "
        "it reports",
    )


def _unknown_addresses(found: Readiness) -> Finding | None:
    if found.load_balancer is not None or found.waiting or not found.balanced:
        return None
    return Finding(
        reason=Reason.LOAD_BALANCER_NOT_KNOWN,
        severity=Severity.WARNING,
        cluster=found.name,
        message=f"no Service of {found.name} shows that a load balancer gives addresses, which the east-west "
        "gateway needs",
        hint="if there is one, ignore this; else install one",
    )


_CHAINS: tuple[Chain[Readiness], ...] = (
    (Check(subject=_API, name="Istio supports the version of Kubernetes", judge=_supported),),
    (Check(subject=_API, name="the clock agrees with this machine's", judge=_clock),),
    (Check(subject=_API, name="the user may create what an update makes", judge=_rights),),
    (Check(subject=_ROOM, name="a node takes pods", judge=_nodes),),
    (Check(subject=_ROOM, name="the API server reaches pods", judge=_webhooks),),
    (
        Check(subject=_ROOM, name="Services get addresses of a load balancer", judge=_addresses),
        Check(subject=_ROOM, name="a load balancer shows", judge=_unknown_addresses),
    ),
)


def results(
    clusters: Mapping[str, Readiness], problems: Iterable[Problem], unchecked: Mapping[str, str]
) -> Iterator[CheckResult]:
    """What came of every check before a first update.

    Args:
        clusters: what was read of them.
        problems: for which an update would refuse clusters.
        unchecked: why it is not known whether peers get into a cluster, by its name.
    """
    answers = Check(subject=_API, name="the API server answers", judge=_answers)
    refusals = [_refusal(problem, clusters) for problem in dict.fromkeys(problems)]
    for name, found in clusters.items():
        yield from judged((answers,), found, name)
        chains = (*_CHAINS, *_taken([r for r in refusals if r.cluster == name]), _peers(unchecked.get(name)))
        closed = bool(found.refused or found.unreachable)
        for chain in chains:
            yield from judged(chain, found, name, skipped=closed)
    for chain in _taken([r for r in refusals if r.cluster not in clusters], only_refused=True):
        yield from judged(chain, Readiness(name=_MESH), _MESH)


def _taken(refusals: Iterable[Finding], *, only_refused: bool = False) -> Iterator[Chain[Readiness]]:
    """A check for each refusal, and one that passes where there is none."""
    findings: list[Finding | None] = [*refusals]
    for finding in findings or ([] if only_refused else [None]):
        yield (Check(subject=_UPDATE, name="an update takes it", judge=lambda _, found=finding: found),)


def _peers(why: str | None) -> Chain[Readiness]:
    def judge(found: Readiness) -> Finding | None:
        if why is None:
            return None
        return Finding(
            reason=Reason.PEER_API_SERVER_NOT_CHECKED,
            severity=Severity.WARNING,
            cluster=found.name,
            message=why,
            hint="if only peers can reach it, ignore this",
        )

    name = "peers get into its API server, as far as can be tried from here"
    return (Check(subject=_UPDATE, name=name, judge=judge),)


def _refusal(problem: Problem, clusters: Iterable[str]) -> Finding:
    section, _, rest = problem.path.partition(".")
    name = rest.partition(".")[0]
    return Finding(
        reason=Reason.UPDATE_REFUSED,
        cluster=name if section == "clusters" and name in clusters else _MESH,
        message=f"`pulumi up` would refuse it: {problem}",
        hint="do what the message says",
    )
