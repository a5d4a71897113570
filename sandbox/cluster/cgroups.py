"""Control groups: where everything of a sandbox runs, and by which it is known to be the sandbox's own.

Both layouts of Linux are served: a folder in each version 1 hierarchy, or one in the version 2
hierarchy. Membership is kept by the kernel and inherited by every child, so it proves whose a
process is even when no record of it is left.
"""

import os
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from sandbox.errors import SandboxError

_ROOT = Path("/sys/fs/cgroup")
_CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


@cache
def hierarchies() -> tuple[Path, ...]:
    """Return the mount points to make a cgroup in: all of version 1, or the one of version 2."""
    mounts = [line.split(" ") for line in Path("/proc/self/mounts").read_text().splitlines()]
    first = tuple(Path(mount[1]) for mount in mounts if mount[2] == "cgroup")
    second = tuple(Path(mount[1]) for mount in mounts if mount[2] == "cgroup2")
    if not (first or second):
        raise SandboxError("no control groups are mounted below /sys/fs/cgroup: nodes cannot run here")
    return first or second[:1]


def create(path: str) -> None:
    """Make the cgroup `path` in every hierarchy, able to hold processes. No change where it exists."""
    for hierarchy in hierarchies():
        folder = hierarchy
        for part in path.split("/"):
            _delegate_controllers(folder)
            folder = folder / part
            folder.mkdir(exist_ok=True)
            _fill_cpuset(folder)


def _delegate_controllers(folder: Path) -> None:
    """Let children of a version 2 cgroup use its controllers (cgroup-v2.rst, "Enabling and Disabling")."""
    control = folder / "cgroup.subtree_control"
    if not control.exists():
        return
    wanted = (folder / "cgroup.controllers").read_text().split()
    missing = set(wanted) - set(control.read_text().split())
    for controller in sorted(missing):
        control.write_text(f"+{controller}")


def _fill_cpuset(folder: Path) -> None:
    """Give a version 1 cpuset its parent's processors and memory nodes: empty, it takes no process."""
    for name in _CPUSET_FILES:
        if (folder.parent / name).exists() and not (folder / name).read_text().strip():
            (folder / name).write_text((folder.parent / name).read_text())


def entrances(path: str) -> list[str]:
    """Return the files that take a process into the cgroup `path` when its ID is written to them."""
    return [str(hierarchy / path / "cgroup.procs") for hierarchy in hierarchies()]


def members(path: str) -> set[int]:
    """Return the IDs of all processes in the cgroup `path` and below."""
    return {
        int(line)
        for folder in _folders(path)
        for line in _read_or_empty(folder / "cgroup.procs").split()
        if line != "0"
    }


def contains(path: str, pid: int) -> bool:
    """Say whether a process is in the cgroup `path` or below."""
    lines = _read_or_empty(Path(f"/proc/{pid}/cgroup")).splitlines()
    places = [line.split(":", 2)[2] for line in lines]
    return any(place == f"/{path}" or place.startswith(f"/{path}/") for place in places)


def remove(path: str, timeout: float = 10) -> None:
    """Remove the cgroup `path` and all below it, once its last process is gone.

    Raises:
        SandboxError: after `timeout` seconds there are still processes in it.
    """
    deadline = time.monotonic() + timeout
    while not _try_to_remove(path):
        if time.monotonic() > deadline:
            raise SandboxError(f"cgroup {path}: still in use by the processes {sorted(members(path))}")
        time.sleep(0.05)


def _try_to_remove(path: str) -> bool:
    done = True
    for folder in _folders(path):
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:  # EBUSY: the kernel has not let go of the last process yet
            done = False
    return done


def _folders(path: str) -> Iterator[Path]:
    """Yield the cgroup's folders in all hierarchies, children first.

    Version 1 hierarchies are joined by the unified one beside them, where runc leaves folders too.
    """
    for hierarchy in {*hierarchies(), *_ROOT.glob("unified")}:
        for folder, _, _ in os.walk(hierarchy / path, topdown=False):  # passes over what goes meanwhile
            yield Path(folder)


def _read_or_empty(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process or the cgroup is gone
        return ""
