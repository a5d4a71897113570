"""Start processes that outlive this program, know them again later, and end them.

A process is ours only when its ID, its start time and its cgroup are the recorded ones: an ID alone
may have gone to a stranger by now, and names prove nothing.
"""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.cluster import cgroups
from sandbox.cluster.files import write_private
from sandbox.errors import SandboxError

_SPAWN = """
log=$1; shift
while [ "$1" != -- ]; do echo 0 >"$1" || exit 1; shift; done
shift
exec "$@" 2>>"$log"
"""
"""Enter the cgroups, open the log, become the command: arguments LOG ENTRANCE... -- COMMAND..."""

_DETACH = 'setsid "$@" </dev/null >&2 & echo $!'
"""Leave the command behind in a session of its own, and print its ID as this namespace counts it."""


_STATE, _THREADS, _STARTED = 0, 17, 19
"""Fields 3, 20 and 22 of /proc/PID/stat."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run: `watched` are the files whose change asks for a restart."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    watched: Sequence[Path] = ()

    @property
    def fingerprint(self) -> str:
        """A digest of all that the process read when it started."""
        digest = hashlib.sha256(json.dumps([*self.argv, dict(self.environment)]).encode())
        for file in self.watched:
            digest.update(file.read_bytes())
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where processes run: their cgroup, the folders of logs and records, and the way into namespaces."""

    cgroup: str
    logs: Path
    records: Path
    entry: tuple[str, ...] = ()


def ensure(command: Command, place: Place) -> bool:
    """Start a command unless it runs already as asked for; return whether it was started.

    Raises:
        SandboxError: it could not be started.
    """
    pid = running(command.name, place)
    record = _record(command.name, place)
    if pid and record.get("fingerprint") == command.fingerprint:
        return False
    end([*([pid] if pid else []), *_strays(command, place)])
    _await_end(record)
    _start(command, place)
    return True


def _await_end(record: dict) -> None:
    """Wait for the threads of a process that was killed just now: until then, they hold its ports."""
    if record:
        pid, started = record["pid"], record["started"]
        wait(lambda: start_time(pid) != started, 10, f"process {pid} does not end")


def _strays(command: Command, place: Place) -> list[int]:
    """Return processes of the same command in our cgroup: a start was killed before it recorded them."""
    return [pid for pid in cgroups.members(place.cgroup) if _argv(pid) == list(command.argv)]


def _argv(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def _start(command: Command, place: Place) -> None:
    log = place.logs / f"{command.name}.log"
    place.logs.mkdir(parents=True, exist_ok=True)
    place.records.mkdir(parents=True, exist_ok=True)
    log.touch(mode=0o600)
    entrances = cgroups.entrances(place.cgroup)
    shell = ["/bin/sh", "-c", _SPAWN, "spawn", str(log), *entrances, "--", *place.entry]
    done = subprocess.run(
        [*shell, "/bin/sh", "-c", _DETACH, "detach", *command.argv],
        env=dict(command.environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        umask=0o022,  # containers see what containerd makes
    )
    pid = _outside(int(done.stdout), place.cgroup) if done.returncode == 0 else None
    started = _await_program(pid) if pid else None
    if started is None:
        raise SandboxError(f"{command.name} could not be started: {done.stderr.strip()}{last_words(log)}")
    record = {"pid": pid, "started": started, "fingerprint": command.fingerprint}
    write_private(place.records / f"{command.name}.json", json.dumps(record))


def _await_program(pid: int) -> int | None:
    """Wait until a process is its program and no shell of ours; return its start time, None when it ended."""

    def begun() -> bool:
        argv = _argv(pid)  # empty while a program takes the place of another, and while a process ends
        return start_time(pid) is None or bool(argv and not {"setsid", _DETACH} & {*argv})

    wait(begun, 30, f"process {pid} does not begin", interval=0.002)
    return start_time(pid)


def _outside(inner: int, cgroup: str) -> int | None:
    """Translate a process ID of the innermost namespace to ours; None when the process is gone."""
    for pid in cgroups.members(cgroup):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
        if int(numbers[-1]) == inner and pid != os.getpid():
            return pid
    return None


def running(name: str, place: Place) -> int | None:
    """Return the ID of the running process that was started under `name`, or None."""
    record = _record(name, place)
    pid = record.get("pid")
    if pid and start_time(pid) == record["started"] and cgroups.contains(place.cgroup, pid):
        return None if _is_zombie(pid) else pid
    return None


def started_at(name: str, place: Place) -> float:
    """Return when the process of that name was started, in seconds of the epoch; 0 when it never was."""
    record = place.records / f"{name}.json"
    return record.stat().st_mtime if record.exists() else 0


def recorded(place: Place) -> dict[str, int | None]:
    """Return every name that was ever started, with its process ID, or None where it does not run."""
    names = sorted(file.stem for file in place.records.glob("*.json") if not file.name.startswith("."))
    return {name: running(name, place) for name in names}


def _record(name: str, place: Place) -> dict:
    try:
        return json.loads((place.records / f"{name}.json").read_text())
    except (FileNotFoundError, ValueError):  # ValueError: cut short by a crash
        return {}


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks since boot; None when its last thread has ended."""
    stat = _stat(pid)
    if stat is None or (_is_zombie(pid) and int(stat[_THREADS]) <= 1):
        return None
    return int(stat[_STARTED])


def _is_zombie(pid: int) -> bool:
    """Say whether a process's first thread has ended; others of its threads may still be at it."""
    stat = _stat(pid)
    return stat is None or stat[_STATE] in "ZX"


def _stat(pid: int) -> list[str] | None:
    """Return what the kernel says of a process (proc(5), `stat`), from its state on; None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def end(pids: Sequence[int], timeout: float = 10) -> None:
    """Kill processes, which the caller knows to be ours, and wait until they are gone."""
    for pid in pids:
        send(pid, signal.SIGKILL)
    wait(lambda: not any(start_time(pid) for pid in pids), timeout, f"processes {list(pids)} do not end")


def end_all(cgroup: str, timeout: float = 10) -> None:
    """Kill everything in a cgroup, also what is started meanwhile, and wait until all of it is gone."""

    def none_left() -> bool:
        left = [pid for pid in cgroups.members(cgroup) if start_time(pid)]
        for pid in left:
            send(pid, signal.SIGKILL)
        return not left

    wait(none_left, timeout, f"processes in cgroup {cgroup} do not end")


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have ended already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def wait(condition: Callable[[], bool], timeout: float, complaint: str, interval: float = 0.05) -> None:
    """Wait until a condition holds, which is asked for every `interval` seconds.

    Raises:
        SandboxError: with `complaint`, after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise SandboxError(f"{complaint} (waited for {timeout:g} s)")
        time.sleep(interval)


def last_words(log: Path, lines: int = 5) -> str:
    """Return the end of a log for an error message; empty when there is none."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 8000))
        tail = file.read().decode(errors="replace").splitlines()[-lines:]
    return "".join(f"\n  {line[:300]}" for line in (f"{log}:", *tail))
