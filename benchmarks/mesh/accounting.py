"""Whose CPU time and memory it was: processes told apart by what they are. Pure.

The engine starts the language host and the plugins, and the language host starts the program. What is
looked at now and then misses the last moments of processes, so those that the language host has started and
outlived are taken from its own account, which the kernel keeps to the end.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

ENGINE = "engine"
HOST = "language host"
PROGRAM = "program"
UNSEEN = "unseen"
"""Of processes that began and ended between two looks."""

_MARKS = {
    "standins.language.host": HOST,
    "pulumi-language-python": HOST,
    "pulumi-resource-kubernetes": "plugin kubernetes",
    "standins.tls.provider": "plugin tls",
    "pulumi-resource-tls": "plugin tls",
    "standins.random.provider": "plugin random",
    "pulumi-resource-random": "plugin random",
}
_CHILDREN = {HOST: PROGRAM}
_NAMES = {"pulumi": ENGINE, "sh": "bash"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A process at one moment; `reaped` is the CPU time of children that it has outlived, `pss` in bytes."""

    pid: int
    parent: int
    argv: Sequence[str]
    cpu: float
    reaped: float
    pss: int | None = None


def kinds(processes: Mapping[int, Seen]) -> dict[int, str]:
    """What each process is, by its ID."""
    return {pid: _kind(seen, processes) for pid, seen in processes.items()}


def _kind(seen: Seen, processes: Mapping[int, Seen]) -> str:
    if (parent := processes.get(seen.parent)) is not None:
        above = _kind(parent, processes)
        below = _CHILDREN.get(above)
        if below is not None and list(parent.argv) != list(seen.argv):  # else it is on its way to be another
            return below
        if above in _CHILDREN.values():
            return above
    words = " ".join(seen.argv)
    marked = next((kind for mark, kind in _MARKS.items() if mark in words), None)
    name = PurePath(seen.argv[0]).name if seen.argv else UNSEEN
    return marked or _NAMES.get(name, name)


class Account:
    """Adds up looks at the processes of one command."""

    def __init__(self) -> None:
        self._last: dict[int, Seen] = {}
        self._kinds: dict[int, str] = {}
        self._looked: dict[int, int] = {}
        self._looks = 0
        self.memory = 0
        self.memory_by_kind: dict[str, int] = {}

    def look(self, processes: Iterable[Seen]) -> None:
        """Take down all processes that there are at one moment."""
        here = {seen.pid: seen for seen in processes}
        self._looks += 1
        for pid, kind in kinds(here).items():
            self._last[pid], self._kinds[pid], self._looked[pid] = here[pid], kind, self._looks
        sizes: Counter[str] = Counter()
        for pid, seen in here.items():
            sizes[self._kinds[pid]] += seen.pss or 0
        self.memory = max(self.memory, sum(sizes.values()))
        for kind, size in sizes.items():
            self.memory_by_kind[kind] = max(size, self.memory_by_kind.get(kind, 0))

    def cpu_by_kind(self, exact: float) -> dict[str, float]:
        """Seconds by kind, most first; `exact` is the sum by the kernel's account, the rest is unseen."""
        seconds: defaultdict[str, float] = defaultdict(float)
        for pid, seen in self._last.items():
            kind = self._kinds[pid]
            if not self._is_on_parents_account(seen):
                seconds[kind] += seen.cpu
                if kind in _CHILDREN.values():
                    seconds[kind] += seen.reaped
            if (below := _CHILDREN.get(kind)) is not None:
                seconds[below] += seen.reaped
        seconds[UNSEEN] = max(0.0, exact - sum(seconds.values()))
        most_first = sorted(seconds.items(), key=lambda item: -item[1])
        return {kind: round(value, 2) for kind, value in most_first if value >= 0.01}

    def _is_on_parents_account(self, seen: Seen) -> bool:
        """Whether its time is in what its parent has reaped: it was gone when the parent was last seen."""
        parent = self._kinds.get(seen.parent)
        reaps = parent in _CHILDREN or parent in _CHILDREN.values()
        return reaps and self._looked[seen.pid] < self._looked[seen.parent]
