"""From what was counted and seen to a verdict for each pair. Pure."""

from collections import Counter
from collections.abc import Mapping

from mesh import topology
from mesh.cli.verify.model import Answers, Pair, PairResult
from mesh.config.resolved import StackConfig
from mesh.health.diagnosis import diagnose
from mesh.live.facts import PairFacts


def with_sample(config: StackConfig) -> tuple[str, ...]:
    """The clusters that can call and be called."""
    return tuple(name for name, cluster in config.clusters.items() if cluster.hello_world.enabled)


def expected_pairs(config: StackConfig) -> tuple[Pair, ...]:
    """Who should be answered by whom: each cluster by itself, and by every cluster that it sees."""
    sampled = with_sample(config)
    itself = (Pair(caller=name, target=name) for name in sampled)
    seen = (Pair(caller=link.reader, target=link.target) for link in topology.links(config.clusters))
    pairs = [pair for pair in (*itself, *seen) if {pair.caller, pair.target} <= {*sampled}]
    return tuple(sorted(pairs, key=lambda pair: (sampled.index(pair.caller), sampled.index(pair.target))))


def callers(pairs: tuple[Pair, ...]) -> tuple[str, ...]:
    """The clusters that calls are made from."""
    return tuple(dict.fromkeys(pair.caller for pair in pairs))


def together(before: Answers, now: Answers) -> Answers:
    """All answers of a client, with the problem that it has now."""
    return Answers(
        calls=before.calls + now.calls,
        by=Counter(before.by) + Counter(now.by),
        failures=Counter(before.failures) + Counter(now.failures),
        problem=now.problem,
    )


def judge(pair: Pair, answers: Answers, facts: PairFacts) -> PairResult:
    """The verdict for a pair."""
    count = answers.by.get(pair.target, 0)
    return PairResult(
        pair=pair, answers=count, calls=answers.calls, findings=diagnose(facts, answered=count > 0)
    )


def unanswered(pairs: tuple[Pair, ...], answers: Mapping[str, Answers]) -> tuple[Pair, ...]:
    """The pairs without an answer."""
    return tuple(pair for pair in pairs if not answers[pair.caller].by.get(pair.target))
