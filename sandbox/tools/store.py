"""The tools' part of the cache: `<cache>/tools/<name>/<version>/<name>`, entered after it has been run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from sandbox import cache, paths
from sandbox.errors import SandboxError
from sandbox.tools import check
from sandbox.tools.catalogue import Tool


def _home(tool: Tool) -> Path:
    return paths.cache_dir() / "tools" / tool.name


def cached(tool: Tool) -> Path | None:
    """Return the tool from the cache; what is there was run before it came in."""
    path = _home(tool) / tool.version / tool.name
    return path if path.is_file() else None


def locked(tool: Tool) -> AbstractContextManager[None]:
    """Hold the tool's lock."""
    return cache.locked(_home(tool))


def admit(tool: Tool, fetch: Callable[[Path], None]) -> Path:
    """Have `fetch` put the tool (and files beside it) into a folder, run it, and let it in.

    The caller holds the lock. Raises what `fetch` raises, and a `SandboxError` if the tool is not the
    version it should be.
    """

    def fill(stage: Path) -> None:
        fetch(stage)
        binary = stage / tool.name
        binary.chmod(0o755)
        if reason := check.problem(tool, binary):
            raise SandboxError(f"{tool.name} {tool.version} was fetched or built, but {reason}")

    entry = _home(tool) / tool.version
    cache.publish(entry, fill)
    return entry / tool.name
