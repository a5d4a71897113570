"""Charts from a Helm repository, each fetched once and kept by version: a released version never changes."""

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import yaml

from mesh.helm.errors import ChartMissingError, ChartUnavailableError
from mesh.mappings import as_map, at

_SECONDS = 10
_VERSIONS_SHOWN = 5
# The index of Istio's repository has a megabyte: without libyaml it takes seconds.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where charts are kept: below `XDG_CACHE_HOME`, by default below `~/.cache`."""
    home = environment.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "istio-mesh" / "charts"


def read_url(url: str) -> bytes:
    """What is at a URL; raises OSError where it cannot be read."""
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310 - http or https, by the schema
        return answer.read()


def archive(
    repository: str,
    chart: str,
    version: str,
    *,
    folder: Path | None = None,
    read: Callable[[str], bytes] = read_url,
) -> Path:
    """The file of a chart in a Helm repository (http or https).

    Raises:
        ChartMissingError: the repository does not have it.
        ChartUnavailableError: the repository cannot be read, or what it gives has another checksum.
    """
    key = hashlib.sha256(repository.rstrip("/").encode()).hexdigest()[:16]
    path = (folder or cache_folder()) / key / f"{chart}-{version}.tgz"
    if path.is_file():
        return path
    base = f"{repository.rstrip('/')}/"
    try:
        entry = _entry(yaml.load(read(urljoin(base, "index.yaml")), Loader=_LOADER), base, chart, version)  # noqa: S506 - safe
        content = read(urljoin(base, str(entry["urls"][0])))
    except (OSError, ValueError, LookupError, TypeError, yaml.YAMLError) as error:
        raise ChartUnavailableError(f"{repository} cannot be read: {_reason(error)}") from error
    digest = str(entry.get("digest") or "").removeprefix("sha256:")
    if digest and hashlib.sha256(content).hexdigest() != digest:
        raise ChartUnavailableError(f"{repository} gives another {chart} {version} than its index says")
    _keep(path, content)
    return path


def _entry(index: object, base: str, chart: str, version: str) -> Mapping[str, Any]:
    entries: Sequence[Mapping[str, Any]] = at(as_map(index), "entries", chart) or []
    found = [entry for entry in entries if entry.get("version") == version]
    if found:
        return found[0]
    there = ", ".join(str(entry.get("version")) for entry in entries[:_VERSIONS_SHOWN]) or "none"
    raise ChartMissingError(f"{base} has no chart {chart} {version}; it has {there}")


def _reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return (str(reason).strip().splitlines() or [type(error).__name__])[0]


def _keep(path: Path, content: bytes) -> None:
    """Put a file in its place in one go: another run may look for it at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        part.write(content)
    Path(part.name).replace(path)
