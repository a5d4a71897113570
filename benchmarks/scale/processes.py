"""What a command and the processes that it starts take: time, CPU and memory, by kind of process."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

_PERIOD_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Seconds on the clock, CPU seconds and peak memory (resident, in MiB) by kind, and the peak of all."""

    seconds: float
    cpu: Mapping[str, float]
    memory: Mapping[str, float]
    peak: float


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A command that has come to its end."""

    code: int
    output: str
    usage: Usage


@dataclass(kw_only=True)
class _Meter:
    cpu: dict[tuple[int, str], float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    peak: float = 0

    def take(self, root: psutil.Process) -> None:
        """Look at the processes as they are now."""
        now: dict[str, float] = {}
        for process in _family(root):
            try:
                kind = _kind(process, root)
                times, memory = process.cpu_times(), process.memory_info().rss / 2**20
            except psutil.Error:
                continue  # it has just ended
            self.cpu[process.pid, kind] = times.user + times.system
            now[kind] = now.get(kind, 0) + memory
        for kind, memory in now.items():
            self.memory[kind] = max(self.memory.get(kind, 0), memory)
        self.peak = max(self.peak, sum(now.values()))


def measured(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path, timeout: float
) -> Finished:
    """Run a command to its end and look at its processes all the time.

    The output, errors included, goes through `log`. A command that takes longer than `timeout` seconds is
    ended, and its code is not 0.
    """
    meter = _Meter()
    begin = time.monotonic()
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        root = psutil.Process(process.pid)
        while process.poll() is None:
            meter.take(root)
            if time.monotonic() - begin > timeout:
                _end(root)
            time.sleep(_PERIOD_SECONDS)
    seconds = time.monotonic() - begin
    cpu: dict[str, float] = {}
    for (_, kind), spent in meter.cpu.items():
        cpu[kind] = cpu.get(kind, 0) + spent
    usage = Usage(seconds=seconds, cpu=cpu, memory=meter.memory, peak=meter.peak)
    return Finished(code=process.returncode, output=log.read_text(encoding="utf-8"), usage=usage)


def with_cpu(usage: Usage, kind: str, seconds: float) -> Usage:
    """The same with the CPU time of one more kind of process."""
    return replace(usage, cpu={**usage.cpu, kind: seconds})


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has taken since its start."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _family(root: psutil.Process) -> list[psutil.Process]:
    try:
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _kind(process: psutil.Process, root: psutil.Process) -> str:
    if process.pid == root.pid:
        return "engine"
    line = " ".join(process.cmdline())
    return "program" if "--monitor" in line else "language host"


def _end(root: psutil.Process) -> None:
    for process in reversed(_family(root)):
        try:
            process.kill()
        except psutil.Error:
            continue
