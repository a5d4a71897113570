"""What is measured, in which order, and what of it is left after an interruption. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.mesh.records import Record

OURS, SERIAL, PARALLEL, LIMIT = "ours", "serial", "parallel", "limit"
WAYS = (OURS, SERIAL, PARALLEL, LIMIT)
AMBIENT = "ambient"
"""Ours with ambient clusters, measured where it is asked for: it needs a ztunnel."""

UP = "first up"
FIRST = "first preview"
"""API servers build their OpenAPI document again for it, because the first `up` installed definitions."""
AGAIN = "up, no change"
PREVIEW = "preview, no change"
CHANGE = "one value changed"
ADD = "one cluster added"
REMOVE = "one cluster removed"
DESTROY = "destroy"
OUR_STEPS = (UP, FIRST, AGAIN, PREVIEW, CHANGE, ADD, REMOVE, DESTROY)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One way on fresh clusters, from its first step to its last."""

    way: str
    size: int
    repetition: int

    @property
    def steps(self) -> tuple[str, ...]:
        """Its steps in order."""
        return OUR_STEPS if self.way == OURS else (UP,)

    def __str__(self) -> str:
        return f"{self.way}, N={self.size}, repetition {self.repetition}"


def runs(sizes: Iterable[int], repeat: int, ways: Sequence[str] = WAYS) -> Iterator[Run]:
    """All runs in order: ways take turns, and each repetition begins with another way.

    The limit is that of one cluster, so it is measured at the smallest size only, where that is 1.
    """
    for repetition in range(1, repeat + 1):
        for size in sorted(set(sizes)):
            here = [way for way in ways if way != LIMIT or size == 1]
            first = (repetition - 1) % len(here) if here else 0
            for way in here[first:] + here[:first]:
                yield Run(way=way, size=size, repetition=repetition)


def left(planned: Iterable[Run], records: Iterable[Record]) -> list[Run]:
    """The runs that are not complete yet."""
    there = {record.key for record in records}
    return [
        run
        for run in planned
        if any((run.way, run.size, run.repetition, step) not in there for step in run.steps)
    ]
