"""What an image holds: files of this machine, links and short texts, and the libraries a binary needs."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class File:
    """A copy of `source` at `path` (absolute, in the image)."""

    path: str
    source: Path
    mode: int = 0o755


@dataclass(frozen=True, kw_only=True)
class Link:
    """A symbolic link at `path`."""

    path: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Text:
    """A file with the given text at `path`."""

    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder at `path` whose mode matters; the folders above files need not be listed."""

    path: str
    mode: int


Entry = File | Link | Text | Folder


def command(name: str) -> Path:
    """Return the path of a command of this machine, links not followed; a `SandboxError` if it is missing."""
    found = shutil.which(name, path=_FOLDERS)
    if found is None:
        raise SandboxError(f"`{name}` is needed for the sandbox's images and is in none of {_FOLDERS}")
    return Path(found)


def libraries(binaries: Iterable[Path]) -> list[File]:
    """Return the shared libraries and the loader that `binaries` need, at the paths they have here."""
    needed: set[str] = set()
    for binary in binaries:
        done = subprocess.run(
            ["ldd", binary], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False
        )
        output = done.stdout + done.stderr
        if "not a dynamic executable" in output:
            continue
        if done.returncode != 0 or "not found" in output:
            raise SandboxError(f"the libraries of {binary} cannot all be found on this machine:\n{output}")
        needed |= set(loaded(done.stdout))
    return [File(path=path, source=Path(path).resolve()) for path in sorted(needed)]


def loaded(ldd_output: str) -> list[str]:
    """Return the absolute paths in what `ldd` prints: after an arrow, or the loader alone on its line."""
    return re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", ldd_output, re.MULTILINE)


def with_links(commands: Iterable[str], folder: str) -> tuple[list[Entry], list[Path]]:
    """Return entries for commands that share a binary, and these binaries: each once, and a link per name."""
    links: list[Entry] = []
    binaries: dict[str, Path] = {}
    for name in commands:
        real = command(name).resolve()
        binaries[real.name] = real
        if real.name != name:
            links.append(Link(path=f"{folder}/{name}", target=real.name))
    files = [File(path=f"{folder}/{name}", source=source) for name, source in binaries.items()]
    return [*files, *links], list(binaries.values())
