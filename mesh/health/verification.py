"""The result of a verification: which pairs of clusters answer each other, and what is wrong. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, computed_field
from pydantic.alias_generators import to_camel

from mesh.config.resolved import StackConfig
from mesh.health.diagnosis import diagnose
from mesh.health.finding import Finding, Severity, without
from mesh.live.facts import Answers, Pair, PairFacts
from mesh.plan import links

_Seconds = Annotated[float, PlainSerializer(lambda seconds: round(seconds, 1))]


class PairResult(BaseModel):
    """How many of the caller's calls the target answered, and what was found, the most likely cause first."""

    model_config = ConfigDict(frozen=True)

    caller: str = Field(serialization_alias="from")
    target: str = Field(serialization_alias="to")
    answers: int
    calls: int
    findings: tuple[Finding, ...] = ()

    @computed_field
    @property
    def passed(self) -> bool:
        """Whether calls were answered, and no error was found that will stop that."""
        return self.answers > 0 and all(f.severity is not Severity.ERROR for f in self.findings)


class VerificationReport(BaseModel):
    """A whole verification.

    `not_verified` are the clusters without the sample, `offline` those that are away.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    stack: str
    seconds: _Seconds
    pairs: tuple[PairResult, ...]
    not_verified: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()

    @computed_field
    @property
    def passed(self) -> bool:
        """Whether all pairs passed."""
        return all(pair.passed for pair in self.pairs)


def with_sample(config: StackConfig) -> tuple[str, ...]:
    """The clusters that have HelloWorld, and are not offline."""
    return tuple(name for name, cluster in config.online.items() if cluster.hello_world.enabled)


def expected_pairs(config: StackConfig) -> tuple[Pair, ...]:
    """Which cluster should be answered by which: each by itself, and by every cluster that it sees."""
    sampled = with_sample(config)
    itself = (Pair(caller=name, target=name) for name in sampled)
    seen = (Pair(caller=link.cluster, target=link.remote) for link in links(config))
    pairs = [pair for pair in (*itself, *seen) if {pair.caller, pair.target} <= {*sampled}]
    return tuple(sorted(pairs, key=lambda pair: (sampled.index(pair.caller), sampled.index(pair.target))))


def add(before: Answers, now: Answers) -> Answers:
    """The answers of two attempts together, with the problem of the later one."""
    return Answers(
        calls=before.calls + now.calls,
        by=Counter(before.by) + Counter(now.by),
        failures=Counter(before.failures) + Counter(now.failures),
        problem=now.problem,
    )


def unanswered(pairs: tuple[Pair, ...], answers: Mapping[str, Answers]) -> tuple[Pair, ...]:
    """The pairs without an answer."""
    return tuple(pair for pair in pairs if not answers[pair.caller].by.get(pair.target))


def result(pair: Pair, facts: PairFacts, offline: Sequence[str] = ()) -> PairResult:
    """The result of a pair, with hints that leave clusters that are away alone."""
    count = facts.answers.by.get(pair.target, 0)
    return PairResult(
        caller=pair.caller,
        target=pair.target,
        answers=count,
        calls=facts.answers.calls,
        findings=tuple(
            finding.model_copy(update={"hint": without(finding.hint, offline)})
            for finding in diagnose(facts, answered=count > 0)
        ),
    )
