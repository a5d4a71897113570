"""What a verification asks for, and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Calls from the client in `caller` that the service in `target` should answer."""

    caller: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What became of the calls of one cluster's client.

    `by` counts the answers by the cluster that gave them, `failures` the failed calls by their reason.
    `problem` says why no calls could be made.
    """

    calls: int = 0
    by: Mapping[str, int] = field(default_factory=dict[str, int])
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    `reason` is a stable word for programs, such as `token-refused`; `cluster` is where to look; `message`
    says what was seen and `hint` what to do.
    """

    reason: str
    cluster: str
    message: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class PairResult:
    """A pair's answers out of the caller's calls, and what was found, the most likely reason first."""

    pair: Pair
    answers: int
    calls: int
    findings: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether calls were answered, and nothing was seen that will stop that."""
        return self.answers > 0 and not self.findings


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole verification; `without_sample` are the clusters that nobody could call from or to."""

    stack: str
    seconds: float
    results: tuple[PairResult, ...]
    without_sample: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether all pairs passed."""
        return all(result.passed for result in self.results)
