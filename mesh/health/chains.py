"""Checks in chains, causes before their effects: after an error, the rest of a chain is skipped. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mesh.health.finding import Finding, Severity, without
from mesh.health.report import CheckResult, Outcome

T = TypeVar("T")
_OUTCOMES = {Severity.ERROR: Outcome.FAILED, Severity.WARNING: Outcome.WARNING}


@dataclass(frozen=True, kw_only=True)
class Check(Generic[T]):
    """What a check is about, what holds where it passes, and what finds that it does not."""

    subject: str
    name: str
    judge: Callable[[T], Finding | None]


Chain = tuple[Check[T], ...]


def judged(
    chain: Chain[T],
    subject: T,
    cluster: str,
    peer: str | None = None,
    *,
    offline: Sequence[str] = (),
    skipped: bool = False,
) -> Iterator[CheckResult]:
    """What came of the checks of a chain.

    Args:
        chain: the checks.
        subject: what was read, of a cluster or of a link.
        cluster: where to look.
        peer: the other cluster of a link.
        offline: clusters that hints leave alone.
        skipped: whether nothing is known of the subject.
    """
    for check in chain:
        finding = None if skipped else check.judge(subject)
        if finding:
            finding = finding.model_copy(update={"hint": without(finding.hint, offline)})
        yield CheckResult(
            subject=check.subject,
            check=check.name,
            cluster=cluster,
            peer=peer,
            outcome=Outcome.SKIPPED
            if skipped
            else _OUTCOMES[finding.severity]
            if finding
            else Outcome.PASSED,
            finding=finding,
        )
        skipped = skipped or (finding is not None and finding.severity is Severity.ERROR)
