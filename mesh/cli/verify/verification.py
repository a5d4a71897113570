"""A whole verification: calls in all clusters at once, then a look at everything, then the verdict."""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from mesh.cli.verify.model import Answers, Pair, PairResult, Report
from mesh.config.resolved import StackConfig
from mesh.health import verdict as judge
from mesh.live import look
from mesh.live.calls import ask
from mesh.live.facts import ClusterFacts, LinkFacts, PairFacts, PathFacts, TokenCheck
from mesh.live.kubernetes_api import Api, ApiError, UnreachableError
from mesh.live.look import Secrets

_AT_ONCE = 16
_PAUSE_SECONDS = 1.0
# With n clusters a call misses a given one with probability 1 - 1/n: at this many calls for each cluster, all
# of them miss it once in three million times.
_CALLS_PER_CLUSTER = 15

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """All facts, by cluster and by pair; `tokens` by the kubeconfig that they are in."""

    clusters: Mapping[str, ClusterFacts]
    secrets: Mapping[str, Secrets] = field(repr=False)
    tokens: Mapping[str, TokenCheck] = field(repr=False)
    paths: Mapping[Pair, PathFacts]


def verify(stack: str, config: StackConfig, *, calls: int | None, timeout: float) -> Report:
    """Prove every pair of clusters that have the sample.

    Args:
        stack: its name, for the report.
        config: of the stack.
        calls: at a time, from each cluster; by default as many as the number of clusters asks for.
        timeout: seconds; what is missing or wrong is tried again that long.
    """
    begin = time.monotonic()
    pairs = judge.expected_pairs(config)
    callers = judge.callers(pairs)
    answers = {name: Answers() for name in callers}
    while True:
        answers, results = _attempt(config, pairs, answers, calls or _CALLS_PER_CLUSTER * len(callers))
        report = Report(
            stack=stack,
            seconds=time.monotonic() - begin,
            results=results,
            without_sample=tuple(name for name in config.clusters if name not in callers),
        )
        if report.passed or report.seconds + _PAUSE_SECONDS > timeout:
            return report
        time.sleep(_PAUSE_SECONDS)


def _attempt(
    config: StackConfig, pairs: tuple[Pair, ...], before: Mapping[str, Answers], calls: int
) -> tuple[dict[str, Answers], tuple[PairResult, ...]]:
    """Call from those clusters that still miss an answer, look at all, and give every pair's verdict."""
    apis, unreachable = _connect(config, before)
    missing = {pair.caller for pair in judge.unanswered(pairs, before)}

    def call(name: str) -> Answers:
        if name in unreachable:
            return Answers(problem=unreachable[name])
        return judge.together(before[name], ask(apis[name], calls)) if name in missing else before[name]

    answers = _each(before, call)
    seen = _look(config, pairs, judge.unanswered(pairs, answers), apis, unreachable)
    return answers, tuple(
        judge.judge(pair, answers[pair.caller], _facts(pair, answers, seen)) for pair in pairs
    )


def _connect(config: StackConfig, names: Iterable[str]) -> tuple[dict[str, Api], dict[str, str]]:
    """The API servers that answer, and for the others the reason why not."""
    unreachable: dict[str, str] = {}

    def connect(name: str) -> Api | None:
        try:
            api = Api.connect(config.clusters[name].connection)
            api.get("/version")
        except (UnreachableError, ApiError) as error:
            unreachable[name] = str(error)
            return None
        return api

    connected = _each(names, connect)
    return {name: api for name, api in connected.items() if api is not None}, unreachable


def _look(
    config: StackConfig,
    pairs: tuple[Pair, ...],
    unanswered: tuple[Pair, ...],
    apis: Mapping[str, Api],
    unreachable: Mapping[str, str],
) -> _Seen:
    """All facts that the pairs ask for; the way of a call is looked at where there was no answer only."""

    def cluster(name: str) -> tuple[ClusterFacts, Secrets]:
        if name in unreachable:
            network = config.clusters[name].network
            return ClusterFacts(name=name, network=network, unreachable=unreachable[name]), {}
        return look.cluster_facts(apis[name], config.clusters[name])

    looked = _each({pair.caller for pair in pairs}, cluster)
    clusters = {name: facts for name, (facts, _) in looked.items()}
    secrets = {name: found for name, (_, found) in looked.items()}
    kubeconfigs = {text for found in secrets.values() for data in found.values() for text in data.values()}
    ways = [pair for pair in unanswered if pair.caller != pair.target and pair.caller in apis]
    return _Seen(
        clusters=clusters,
        secrets=secrets,
        tokens=_each(kubeconfigs, look.try_token),
        paths=_each(
            ways,
            lambda pair: look.path_facts(
                apis[pair.caller], clusters[pair.caller].sample.client_pod, clusters[pair.target]
            ),
        ),
    )


def _facts(pair: Pair, answers: Mapping[str, Answers], seen: _Seen) -> PairFacts:
    asked = answers[pair.caller]
    return PairFacts(
        caller=seen.clusters[pair.caller],
        target=seen.clusters[pair.target],
        link=_link(pair, seen) if pair.caller != pair.target else None,
        path=seen.paths.get(pair),
        failures=asked.failures,
        call_problem=asked.problem,
    )


def _link(pair: Pair, seen: _Seen) -> LinkFacts:
    found = {
        secret: data for secret, data in seen.secrets[pair.caller].items() if look.is_for(secret, pair.target)
    }
    kubeconfig = next((data[pair.target] for data in found.values() if pair.target in data), None)
    return LinkFacts(secrets=tuple(found), token=seen.tokens.get(kubeconfig) if kubeconfig else None)


def _each(keys: Iterable[K], work: Callable[[K], V]) -> dict[K, V]:
    """Work on all at once, as far as there are threads; the first error ends it."""
    ordered = list(keys)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return dict(zip(ordered, pool.map(work, ordered), strict=True))
