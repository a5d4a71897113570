"""Run a command to its end and say what it took and cost.

It runs in a cgroup of its own, whose account of CPU time has every process, however short it lived. Four
times a second the processes in it are looked at, which tells them apart; their memory every other time.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.mesh.accounting import Account, Seen
from sandbox.cluster import cgroups, memory
from sandbox.errors import SandboxError

_LOOK_SECONDS = 0.25
_TIMEOUT_SECONDS = 1200
_SETTLE_SECONDS = 10
"""A gateway's pod is made at least 5 s after the start of a measurement: 15 s after the last cluster's."""

_CALM_SECONDS = 20
_ENTER = 'while [ "$1" != -- ]; do echo 0 >"$1" || exit 1; shift; done; shift; exec "$@"'


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a command took and cost; fields as in `benchmarks.mesh.records.Record`."""

    wall: float
    cpu: float
    machine_cpu: float
    clusters_cpu: float
    memory: int
    cpu_by_kind: Mapping[str, float]
    memory_by_kind: Mapping[str, int]


def measure(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    clusters: Iterable[str],
) -> Measured:
    """Run a command in `folder`, with its output in `log`.

    Args:
        command: what to run, found on the path of `environment`.
        environment: all variables that it gets.
        folder: its working directory.
        log: a file; what it says is added.
        clusters: cgroups of the clusters that work for it.

    Raises:
        SandboxError: it failed or took too long; with the last lines of what it said.
    """
    cgroup = f"{memory.sandbox().cgroup}/_bench"
    cgroups.create(cgroup)
    clusters = list(clusters)
    account, over = Account(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(cgroup, account, over), daemon=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        before = _Clocks.now(cgroup, clusters)
        process = subprocess.Popen(
            ["/bin/sh", "-c", _ENTER, "enter", *cgroups.entrances(cgroup), "--", *command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watcher.start()
        try:
            code = process.wait(_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            after = _Clocks.now(cgroup, clusters)
            over.set()
            _end(cgroup)
            process.wait()
            watcher.join()
    if code != 0:
        what = "took too long" if code is None else f"ended with exit code {code}"
        raise SandboxError(f"{' '.join(command)} {what}; see {log}:\n{_last_lines(log)}")
    cpu = after.command - before.command
    return Measured(
        wall=round(after.wall - before.wall, 3),
        cpu=round(cpu, 3),
        machine_cpu=round(after.machine - before.machine, 2),
        clusters_cpu=round(after.clusters - before.clusters, 3),
        memory=account.memory,
        cpu_by_kind=account.cpu_by_kind(cpu),
        memory_by_kind=account.memory_by_kind,
    )


@dataclass(frozen=True, kw_only=True)
class _Clocks:
    """Readings in seconds at one moment."""

    wall: float
    command: float
    clusters: float
    machine: float

    @classmethod
    def now(cls, cgroup: str, clusters: Iterable[str]) -> "_Clocks":
        return cls(
            wall=time.monotonic(),
            command=_cgroup_cpu(cgroup),
            clusters=sum(map(_cgroup_cpu, clusters)),
            machine=_machine_cpu(),
        )


def memory_of(cgroup: str) -> int:
    """What the processes in a cgroup have, in bytes."""
    total = 0
    for pid in cgroups.members(cgroup):
        with contextlib.suppress(psutil.Error):  # it is gone
            total += psutil.Process(pid).memory_full_info().pss
    return total


def wait_for_calm(seconds: float = _CALM_SECONDS) -> None:
    """Wait until clusters that have just started behave like older ones, and the cores are idle.

    Many clusters keep the cores busier than that without work: then it waits for so many seconds.
    A kubelet that has started less than a probe's period ago waits for up to that period before it probes a
    new pod (`pkg/kubelet/prober/worker.go` in kubernetes/kubernetes), which for a gateway's pod is 15 s.
    """
    begin = time.monotonic()
    time.sleep(_SETTLE_SECONDS)
    while psutil.cpu_percent(interval=1) > 20 and time.monotonic() < begin + seconds:
        pass


def _machine_cpu() -> float:
    """Seconds that the machine's cores were busy since boot (proc(5), `stat`)."""
    times = psutil.cpu_times()
    # Guests' time is in `user` and `nice`, too.
    return times.user + times.nice + times.system + times.irq + times.softirq + times.steal


def _cgroup_cpu(cgroup: str) -> float:
    """Seconds of CPU that a cgroup has used, with all below it; both of Linux's layouts are known."""
    for hierarchy in cgroups.hierarchies():
        first, second = hierarchy / cgroup / "cpuacct.usage", hierarchy / cgroup / "cpu.stat"
        if first.exists():
            return int(first.read_text()) / 1e9
        if second.exists() and "usage_usec" in (text := second.read_text()):
            return int(text.split("usage_usec", 1)[1].split()[0]) / 1e6
    return 0.0


def _watch(cgroup: str, account: Account, over: threading.Event) -> None:
    entrance = Path(cgroups.entrances(cgroup)[0])
    with_memory = True
    while not over.wait(_LOOK_SECONDS):
        account.look(_seen(map(int, entrance.read_text().split()), with_memory=with_memory))
        with_memory = not with_memory


def _seen(pids: Iterable[int], *, with_memory: bool) -> Iterator[Seen]:
    for pid in pids:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                yield Seen(
                    pid=pid,
                    parent=process.ppid(),
                    argv=process.cmdline(),
                    cpu=times.user + times.system,
                    reaped=times.children_user + times.children_system,
                    pss=process.memory_full_info().pss if with_memory else None,
                )
        except psutil.Error:  # it is gone
            continue


def _end(cgroup: str) -> None:
    """End what a command has left behind."""
    for pid in cgroups.members(cgroup):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _last_lines(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])
