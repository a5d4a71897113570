"""The result of a verification: which pairs of clusters answer each other, and what is wrong. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, computed_field
from pydantic.alias_generators import to_camel

from mesh.config.resolved import StackConfig
from mesh.health.calls import answered_unseen
from mesh.health.diagnosis import diagnose
from mesh.health.finding import Finding, Severity, without
from mesh.istio.hosts import cluster_domain, covers, service_host
from mesh.live.facts import Answers, Pair, PairFacts
from mesh.plan import callable_from, sample_scope
from mesh.samples.names import NAMESPACE, SERVICE

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


class SilentPair(BaseModel):
    """A cluster that should not be answered by another one, and was not."""

    model_config = ConfigDict(frozen=True)

    caller: str = Field(serialization_alias="from")
    target: str = Field(serialization_alias="to")


class VerificationReport(BaseModel):
    """A whole verification.

    `silent` are the pairs between which no call should go, and none went; `not_verified` are the clusters
    without the sample, `offline` those that are away.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    stack: str
    seconds: _Seconds
    pairs: tuple[PairResult, ...]
    silent: tuple[SilentPair, ...] = ()
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
    """Which cluster should be answered by which: each by itself, and by every cluster that it sees.

    By itself alone, where its calls to HelloWorld stay inside. Nothing is expected where data planes keep
    clusters apart.
    """
    sampled = with_sample(config)
    return tuple(
        Pair(caller=caller, target=target)
        for caller in sampled
        for target in sampled
        if target in _answering(config, caller) and not _apart(config, caller, target)
    )


def unwanted_pairs(config: StackConfig) -> tuple[Pair, ...]:
    """Which cluster should not be answered by which, among all clusters that are known."""
    known = dict.fromkeys((*config.clusters, *config.peers))
    return tuple(
        Pair(caller=caller, target=target)
        for caller in with_sample(config)
        for target in known
        if target not in _answering(config, caller) and not _apart(config, caller, target)
    )


def _apart(config: StackConfig, caller: str, target: str) -> bool:
    """Whether calls to HelloWorld cannot go from one cluster to another because of their data planes.

    It has sidecars in one and none in the other; or there are such clusters, so that its Services are not
    global, by which ambient control planes go.
    """
    if caller == target or target not in config.clusters:
        return False
    here, there = config.clusters[caller].data_plane, config.clusters[target].data_plane
    inside = here.has_ztunnel and sample_scope(config) is False
    return inside or here.has_sidecars != there.has_sidecars


def _answering(config: StackConfig, caller: str) -> frozenset[str]:
    if keeps_inside(config, caller):
        return frozenset((caller,))
    return frozenset((caller, *callable_from(config, caller)))


def keeps_inside(config: StackConfig, caller: str) -> bool:
    """Whether calls to HelloWorld stay inside the caller's cluster."""
    cluster = config.clusters[caller]
    host = service_host(SERVICE, NAMESPACE, cluster_domain(cluster))
    return any(covers(pattern, host) for pattern in cluster.exposure.cluster_local)


def wanted(answers: Answers, unwanted: Collection[Pair], caller: str) -> Answers:
    """The answers to a caller without those that should not have come."""
    return replace(
        answers,
        by={by: n for by, n in answers.by.items() if Pair(caller=caller, target=by) not in unwanted},
    )


def add(before: Answers, now: Answers) -> Answers:
    """The answers of two attempts together, with the problem of the later one."""
    return Answers(
        calls=before.calls + now.calls,
        by=Counter(before.by) + Counter(now.by),
        failures=Counter(before.failures) + Counter(now.failures),
        problem=now.problem,
    )


def came(pairs: Iterable[Pair], answers: Mapping[str, Answers]) -> tuple[Pair, ...]:
    """The pairs with an answer."""
    return tuple(pair for pair in pairs if answers[pair.caller].by.get(pair.target))


def unanswered(pairs: tuple[Pair, ...], answers: Mapping[str, Answers]) -> tuple[Pair, ...]:
    """The pairs without an answer."""
    with_answer = came(pairs, answers)
    return tuple(pair for pair in pairs if pair not in with_answer)


def unwanted_result(pair: Pair, answers: Answers, *, local: bool) -> PairResult:
    """The result of a pair whose answers should not have come."""
    return PairResult(
        caller=pair.caller,
        target=pair.target,
        answers=answers.by[pair.target],
        calls=answers.calls,
        findings=(answered_unseen(pair, local=local),),
    )


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
