"""The cache: `<cache>/tools/<name>/<version>/<name>`, entered by one rename after the tool has been run.

A lock for each tool makes two checkouts wait for each other instead of building twice; what an
interrupted run has left in the staging folder is cleared by the next one to hold the lock.
"""

import contextlib
import fcntl
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from sandbox import paths
from sandbox.errors import SandboxError
from sandbox.tools import check
from sandbox.tools.catalogue import Tool


def _home(tool: Tool) -> Path:
    return paths.cache_dir() / "tools" / tool.name


def entry(tool: Tool) -> Path:
    """Say where the tool is, or will be, in the cache."""
    return _home(tool) / tool.version / tool.name


def cached(tool: Tool) -> Path | None:
    """Return the tool from the cache; what is there was run before it came in."""
    path = entry(tool)
    return path if path.is_file() else None


@contextlib.contextmanager
def locked(tool: Tool) -> Iterator[None]:
    """Hold the tool's lock; other processes and threads wait."""
    home = _home(tool)
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def admit(tool: Tool, fill: Callable[[Path], None]) -> Path:
    """Have `fill` put the tool (and files beside it) into an empty folder, run it, and let it in.

    The caller holds the lock. Raises what `fill` raises, and a `SandboxError` if the tool is not the
    version it should be.
    """
    stage = _home(tool) / ".new"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        fill(stage)
        binary = stage / tool.name
        binary.chmod(0o755)
        if reason := check.problem(tool, binary):
            raise SandboxError(f"{tool.name} {tool.version} was fetched or built, but {reason}")
        final = entry(tool).parent
        if final.exists():
            shutil.rmtree(final)
        stage.rename(final)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return entry(tool)
