"""What must be right before a rollout goes on to its next wave."""

import time
from collections.abc import Iterator, Set

from mesh.cli.check import checked
from mesh.cli.verify import verification
from mesh.config.resolved import StackConfig
from mesh.health.finding import Finding
from mesh.health.verification import with_sample
from mesh.live.concurrent import for_each
from mesh.live.settled import settled
from mesh.rollout import unexpected

_PAUSE_SECONDS = 1.0


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
        dict.fromkeys((*_with_calls(stack, config, waiting), *_without_calls(stack, config, waiting)))
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


def _without_calls(stack: str, config: StackConfig, waiting: Set[str]) -> Iterator[Finding]:
    """What is wrong in the clusters and on the ways between them."""
    yield from unexpected(checked(config, stack).findings, waiting, answered=True)
