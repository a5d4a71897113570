"""Changes Istio's releases in waves of clusters. Pure.

If an update would change an existing release, that change waits for the wave of its cluster. So does what
moves to another revision with it: the tag `default`, Gateways of the Gateway API, and HelloWorld. Everything
else goes with the first wave: new and removed resources, and those that are not part of a release.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from mesh.config.resolved import StackConfig
from mesh.digest.dangers import Releases
from mesh.digest.releases import restarts
from mesh.digest.steps import Change, Preview
from mesh.digest.steps import Step as ResourceStep
from mesh.health.finding import Finding, Reason, Severity
from mesh.istio.names import GATEWAY_API, REVISION_ANNOTATION, REVISION_LABEL
from mesh.mappings import at
from mesh.stacks.state import MUTATING_WEBHOOK, RELEASE

_GATEWAY = f"kubernetes:{GATEWAY_API}:Gateway"
_DEPLOYMENT = "kubernetes:apps/v1:Deployment"
_SAMPLE = "mesh:index:HelloWorld"
_OF_THE_STACK = (
    Reason.INJECTION_NOT_MOVED,
    Reason.MESH_CONFIG_NOT_LOADED,
    Reason.NEXT_ISTIOD_DOWN,
    Reason.NEXT_ISTIOD_NOT_SYNCED,
    Reason.UNSEEN_CLUSTER_ANSWERS,
)
"""What a cluster is found to lack until its wave: it is compared with the configuration of the stack."""


@dataclass(frozen=True, kw_only=True)
class Wave:
    """Clusters that are updated together; `number` is the place in `rollout.waves`, from 1."""

    number: int
    clusters: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WaitingRelease:
    """A changed release, or what moves with one.

    `restarts` are the workloads whose pods the change restarts, or None if unknown.
    """

    urn: str
    cluster: str
    name: str
    restarts: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One update of a rollout: the releases of a wave, and those that it leaves out for later ones."""

    wave: Wave
    releases: tuple[WaitingRelease, ...]
    later: tuple[WaitingRelease, ...] = ()

    @property
    def clusters(self) -> tuple[str, ...]:
        """The clusters of the wave that something changes in."""
        return _clusters(self.releases)

    @property
    def waiting(self) -> tuple[str, ...]:
        """The clusters whose wave comes later."""
        return _clusters(self.later)

    def __str__(self) -> str:
        return f"wave {self.wave.number} ({', '.join(self.clusters)})"


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What an update would change.

    `releases` are those that wait for a wave, `others` counts all other resources that change, and `new` has
    the clusters that cannot be called yet.
    """

    releases: tuple[WaitingRelease, ...]
    others: int
    new: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.releases or self.others)


def changes(preview: Preview, rendered: Releases) -> Changes:
    """What an update would change, and which releases wait for a wave.

    Args:
        preview: of the update.
        rendered: the releases that the update changes, in the order of the preview, with their manifests.
    """
    releases = tuple(_waiting(preview, rendered))
    samples = (s for s in preview.steps if s.type == _SAMPLE and s.change is Change.ADDED)
    return Changes(
        releases=releases,
        others=len(preview.changes) - len(releases),
        new=frozenset((*preview.added, *(step.cluster for step in samples if step.cluster))),
    )


def _waiting(preview: Preview, rendered: Releases) -> Iterator[WaitingRelease]:
    steps = (step for step in preview.changes if step.type == RELEASE)
    for step, (change, found) in zip(steps, rendered, strict=True):
        if change.old is None or change.new is None:
            continue
        same = not found.problem and found.old == found.new
        if same and not step.old.get("initErrors"):  # else it is tried again after a failure
            continue
        yield WaitingRelease(
            urn=step.urn,
            cluster=change.cluster,
            name=change.name,
            restarts=None if found.problem or same else restarts(found.old, found.new),
        )

    for step in preview.changes:
        if step.cluster and step.old_inputs and step.new_inputs and _moves(step):
            known = step.type != _GATEWAY
            yield WaitingRelease(
                urn=step.urn,
                cluster=step.cluster,
                name=step.name.removeprefix(f"{step.cluster}-"),
                restarts=restarts([step.old_inputs], [step.new_inputs]) if known else None,
            )


def _moves(step: ResourceStep) -> bool:
    """Whether an object gets another revision. For a Gateway, istiod then makes new pods."""
    if step.type == MUTATING_WEBHOOK:
        return True
    place = {
        _GATEWAY: ("metadata", "labels", REVISION_LABEL),
        _DEPLOYMENT: ("spec", "template", "metadata", "annotations", REVISION_ANNOTATION),
    }.get(step.type)
    return place is not None and at(step.old_inputs, *place) != at(step.new_inputs, *place)


def waves(config: StackConfig) -> tuple[Wave, ...]:
    """The waves of the clusters that are not offline; one where none are configured."""
    configured = config.waves or ((),)
    named = {name for wave in configured for name in wave}
    *first, last = configured
    everybody = (*first, (*last, *(name for name in config.clusters if name not in named)))
    return tuple(
        Wave(number=number, clusters=tuple(name for name in wave if name in config.online))
        for number, wave in enumerate(everybody, start=1)
    )


def steps(order: Sequence[Wave], releases: Sequence[WaitingRelease]) -> tuple[Step, ...]:
    """The updates by which releases change wave after wave; waves without a change are left out."""
    found: list[Step] = []
    for wave in reversed(order):
        own = tuple(change for change in releases if change.cluster in wave.clusters)
        if own:
            later = (*found[0].releases, *found[0].later) if found else ()
            found.insert(0, Step(wave=wave, releases=own, later=later))
    return tuple(found)


def unexpected(findings: Iterable[Finding], waiting: Set[str], *, answered: bool) -> Iterator[Finding]:
    """The errors among findings, without those that a cluster has until its wave comes.

    Where a call is not `answered`, every finding counts.
    """
    for finding in findings:
        until_its_wave = finding.reason in _OF_THE_STACK and finding.cluster in waiting
        if not answered or (finding.severity is Severity.ERROR and not until_its_wave):
            yield finding


def described(order: Sequence[Wave], found: Changes) -> Iterator[str]:
    """What a rollout will do, a line each."""
    for step in steps(order, found.releases):
        yield f"wave {step.wave.number} of {len(order)}:"
        for release in step.releases:
            yield f"  {release.cluster}: {release.name}, {_effect(release)}"
    if found.others:
        when = "with the first wave" if found.releases else "at once"
        yield f"{when}: {found.others} other change{'s' if found.others > 1 else ''}"


def _effect(release: WaitingRelease) -> str:
    if release.restarts is None:
        return "which may restart its pods"
    return f"restarts the pods of {' and '.join(release.restarts)}" if release.restarts else "restarts no pod"


def _clusters(releases: Iterable[WaitingRelease]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(release.cluster for release in releases))
