"""The waves of a rollout: each has clusters of this stack, and no cluster is in two of them."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each name that is no cluster of the stack, or that is in a wave already."""
    first: dict[str, int] = {}
    for index, wave in enumerate(config.waves):
        for name in wave:
            path = f"rollout.waves.{index}"
            if name in config.peers:
                yield Problem(
                    path=path,
                    message=f"{name} is a cluster of {config.peers[name]}; expected it in the waves there",
                )
            elif not config.sets(f"clusters.{name}"):
                yield Problem(
                    path=path,
                    message=f"there is no cluster {name!r}; expected some of: {', '.join(config.clusters)}",
                )
            elif first.setdefault(name, index) != index or wave.count(name) > 1:
                yield Problem(
                    path=path,
                    message=f"{name} is in rollout.waves.{first[name]} already; expected each cluster once",
                )
