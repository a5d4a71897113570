"""What clusters are made of: tools, images, charts and definitions, had once and remembered by the sandbox.

`python -m sandbox setup` gets everything; a start only looks whether what was got is still right.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox import charts, gateway_api, images, packages, plugins, tools
from sandbox.cluster import ztunnel
from sandbox.cluster.files import lock, write_private
from sandbox.paths import CHECKOUT, state_dir

_INPUTS = (
    "sandbox/versions.py",
    "sandbox/tools",
    "sandbox/images",
    "sandbox/charts",
    "sandbox/gateway_api.py",
    "sandbox/packages.py",
    "sandbox/plugins",
)


@dataclass(frozen=True, kw_only=True)
class Supplies:
    """Paths of all that was got; `plugins` are lines that say which Pulumi plugins are in use.

    `images` are the sandbox's own, and `given_images` what the user brings beside them. `gateway_api` is a
    manifest.
    """

    tools: dict[str, Path]
    images: tuple[Path, ...]
    given_images: tuple[Path, ...]
    charts: Path
    gateway_api: Path
    plugins: tuple[str, ...]


def bin_dir() -> Path:
    """Return the folder with a link to every tool, and the plugins that are no releases."""
    return state_dir() / "bin"


def get() -> Supplies:
    """Get everything, from wherever it can be had, and remember it.

    Raises:
        SandboxError: something cannot be had.
    """
    packages.ensure()
    found = tools.ensure(tools.NAMES)
    _link(found)
    supplies = Supplies(
        tools=found,
        images=tuple(images.ensure()),
        given_images=tuple(ztunnel.ensure()),
        charts=charts.ensure(),
        gateway_api=gateway_api.ensure(),
        plugins=tuple(str(plugin) for plugin in plugins.install(bin_dir())),
    )
    _remember(supplies)
    return supplies


def ensure() -> Supplies:
    """Return what was got before; get it when that is nothing, out of date, or gone."""
    with lock(state_dir() / "locks" / "supplies"):
        return _remembered() or get()


def _link(found: dict[str, Path]) -> None:
    bin_dir().mkdir(parents=True, exist_ok=True)
    for name, path in found.items():
        link = bin_dir() / name
        if not link.is_symlink() or link.readlink() != path:
            link.unlink(missing_ok=True)
            link.symlink_to(path)


def _file() -> Path:
    return state_dir() / "supplies.json"


def _remember(supplies: Supplies) -> None:
    content = {
        "inputs": _fingerprint(),
        "tools": {name: str(path) for name, path in supplies.tools.items()},
        "images": [str(path) for path in supplies.images],
        "given_images": [str(path) for path in supplies.given_images],
        "charts": str(supplies.charts),
        "gateway_api": str(supplies.gateway_api),
        "plugins": supplies.plugins,
    }
    write_private(_file(), json.dumps(content, indent=2))


def _remembered() -> Supplies | None:
    try:
        content = json.loads(_file().read_text())
    except FileNotFoundError:
        return None
    if content["inputs"] != _fingerprint():
        return None
    supplies = Supplies(
        tools={name: Path(path) for name, path in content["tools"].items()},
        images=tuple(Path(path) for path in content["images"]),
        given_images=tuple(Path(path) for path in content["given_images"]),
        charts=Path(content["charts"]),
        gateway_api=Path(content["gateway_api"]),
        plugins=tuple(content["plugins"]),
    )
    files = [*supplies.images, *supplies.given_images, supplies.charts, supplies.gateway_api]
    present = all(path.exists() for path in [*(bin_dir() / name for name in supplies.tools), *files])
    return supplies if present else None


def _fingerprint() -> str:
    """Return a digest of what decides what is got, so that a newer checkout, or ztunnel, gets anew."""
    digest = hashlib.sha256(ztunnel.fingerprint().encode())
    for file in _sources():
        digest.update(str(file.relative_to(CHECKOUT)).encode() + file.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for name in _INPUTS:
        path = CHECKOUT / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in files if file.is_file() and "__pycache__" not in file.parts)
