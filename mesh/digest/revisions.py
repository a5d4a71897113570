"""What an upgrade by revision does to a cluster's pods. Pure."""

from collections.abc import Iterator, Sequence

from mesh.digest.report import Danger, DangerKind
from mesh.digest.steps import Change, Step
from mesh.digest.words import listed
from mesh.istio.names import (
    INJECTOR,
    ISTIOD,
    NO_REVISION,
    REVISION_LABEL,
    TAG_WEBHOOK,
    istiod_revision,
    revisioned,
)
from mesh.mappings import Json, at
from mesh.stacks.state import MUTATING_WEBHOOK, RELEASE

_SEE = "docs/runbooks/upgrade-by-revision.md"


def moved(staying: Sequence[Step]) -> Iterator[Danger]:
    """New pods that get another control plane, and control planes that are deleted."""
    found: dict[tuple[DangerKind, str, str], list[str]] = {}
    for step in staying:
        if step.cluster is None:
            continue
        if _is_tag(step) and step.change is Change.CHANGED:
            before, after = (_leads_to(inputs) for inputs in (step.old_inputs, step.new_inputs))
            if before != after:
                found.setdefault((DangerKind.RESTART, after, before), []).append(step.cluster)
        elif (gone := leaving(step)) is not None:
            name = revisioned(ISTIOD, gone)
            found.setdefault((DangerKind.DELETE, name, ""), []).append(step.cluster)
    for (kind, name, before), clusters in found.items():
        message = (
            f"new pods in {listed(clusters)} get their proxy from {name}, so far from {before}: "
            f"gateways and the sample restart for it, and your workloads move when you restart them ({_SEE})"
            if kind is DangerKind.RESTART
            else f"the control plane {name} is deleted in {listed(clusters)}; an update is refused while it "
            f"serves a proxy ({_SEE})"
        )
        yield Danger(kind=kind, clusters=tuple(clusters), message=message)


def leaving(step: Step) -> str | None:
    """The revision of the control plane that this step deletes; None if it deletes none."""
    if step.type != RELEASE or step.change is not Change.DELETED or step.cluster is None:
        return None
    return istiod_revision(step.name.removeprefix(f"{step.cluster}-"))


def in_place_of(kind: str, name: str, cluster: str, staying: Sequence[Step]) -> str:
    """What replaces an object of a deleted release, to follow its name; empty if nothing does."""
    tag = any(_is_tag(s) and s.cluster == cluster and s.change is Change.ADDED for s in staying)
    is_injector = (kind, name) == ("MutatingWebhookConfiguration", INJECTOR)
    return f": {TAG_WEBHOOK} takes its place" if tag and is_injector else ""


def _is_tag(step: Step) -> bool:
    return step.type == MUTATING_WEBHOOK and step.name == f"{step.cluster}-{TAG_WEBHOOK}"


def _leads_to(inputs: Json) -> str:
    return revisioned(ISTIOD, str(at(inputs, "metadata", "labels", REVISION_LABEL) or NO_REVISION))
