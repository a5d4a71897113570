"""What must be right before a rollout goes on to its next wave."""

import time
from collections.abc import Iterator, Set

from mesh.cli.verify import verification
from mesh.config.resolved import StackConfig
from mesh.health.diagnosis import diagnose
from mesh.health.finding import Finding, Reason
from mesh.health.verification import with_sample
from mesh.live.concurrent import for_each
from mesh.live.facts import Answers, Pair
from mesh.live.pairs import connect, read_pairs
from mesh.live.settled import settled
from mesh.rollout import unexpected

_PAUSE_SECONDS = 1.0
_OF_THE_SAMPLE = (Reason.SIDECAR_MISSING, Reason.SAMPLE_NOT_RUNNING)


def gate(stack: str, config: StackConfig, waiting: Set[str], timeout: float) -> tuple[Finding, ...]:
    """What keeps a rollout from going on; tried again for `timeout` seconds, and nothing where it may go on.

    Args:
        stack: its name.
        config: of the stack, with the clusters to look at.
        waiting: those of them whose wave comes later, so that they are still as before.
        timeout: in seconds.
    """
    end = time.monotonic() + timeout
    while not all(for_each(config.online, lambda name: settled(config.online[name].connection)).values()):
        if time.monotonic() > end:
            break
        time.sleep(_PAUSE_SECONDS)
    while found := tuple(
        dict.fromkeys((*_with_calls(stack, config, waiting), *_without_calls(config, waiting)))
    ):
        if time.monotonic() > end:
            break
        time.sleep(_PAUSE_SECONDS)
    return found


def _with_calls(stack: str, config: StackConfig, waiting: Set[str]) -> Iterator[Finding]:
    """What is wrong between the clusters with HelloWorld, called once."""
    if with_sample(config):
        for pair in verification(stack, config, timeout=0).pairs:
            yield from unexpected(pair.findings, waiting, answered=pair.answers > 0)


def _without_calls(config: StackConfig, waiting: Set[str]) -> Iterator[Finding]:
    """What is wrong in the clusters without HelloWorld."""
    names = [name for name in config.online if name not in with_sample(config)]
    pairs = [Pair(caller=name, target=name) for name in names]
    facts = read_pairs(config, pairs, {name: Answers() for name in names}, connect(config, names))
    for pair in pairs:
        found = (f for f in diagnose(facts[pair], answered=True) if f.reason not in _OF_THE_SAMPLE)
        yield from unexpected(found, waiting, answered=True)
