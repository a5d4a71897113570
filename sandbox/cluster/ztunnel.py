"""The ztunnel that a user brings: a Rust program, which no registry of packages has.

`ISTIO_MESH_ZTUNNEL_IMAGE` is the archive of an image, as `docker save` writes it, or ztunnel itself, or a
reference to pull: `registry.istio.io/release/ztunnel:1.31.0`. In clusters, it has the name by which the chart
`ztunnel` asks for it. Without one, all else of an ambient mesh runs.
"""

import os
from collections.abc import Callable
from pathlib import Path

from sandbox import cache
from sandbox.cluster import image_store
from sandbox.errors import SandboxError
from sandbox.images import archive, recipes, supply
from sandbox.paths import cache_dir

VARIABLE = "ISTIO_MESH_ZTUNNEL_IMAGE"
_ELF = b"\x7fELF"


def has_ztunnel() -> bool:
    """Say whether clusters that are started now have a ztunnel."""
    return bool(_given())


def fingerprint() -> str:
    """Return what tells the ztunnel that is given now from others, as from a file that was written anew."""
    path = Path(_given())
    if not path.is_file():
        return _given()
    status = path.stat()
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"


def ensure(*, say: Callable[[str], None] = print) -> list[Path]:
    """Return the tar of ztunnel's image, put together where it is missing; none if none is given.

    Raises:
        SandboxError: what is given is no ztunnel, or cannot be pulled.
    """
    given = _given()
    path = Path(given)
    if not given:
        return []
    if path.is_file():
        with path.open("rb") as file:
            is_program = file.read(len(_ELF)) == _ELF
        return [supply.put_together(recipes.ztunnel(path), say=say) if is_program else _renamed(path)]
    if given.startswith(("/", ".", "~")):
        raise SandboxError(
            f"{VARIABLE}: there is no file {given}; expected the archive of an image, ztunnel itself, or a "
            "reference such as registry.istio.io/release/ztunnel:1.31.0"
        )
    return [_renamed(_pulled(given, say))]


def _given() -> str:
    return os.environ.get(VARIABLE, "")


def _renamed(source: Path) -> Path:
    references = recipes.istio_references("ztunnel")
    home = cache_dir() / "images" / "ztunnel"
    entry = home / cache.key([*references, source.read_bytes()])
    name = "ztunnel.tar"
    with cache.locked(home):
        if not entry.exists():
            cache.publish(entry, lambda stage: archive.copy_as(references, source, stage / name))
    return entry / name


def _pulled(reference: str, say: Callable[[str], None]) -> Path:
    home = cache_dir() / "images" / "ztunnel-pulled"
    entry = home / cache.key([reference])
    name = "image.tar"
    with cache.locked(home):
        if not entry.exists():
            cache.publish(entry, lambda stage: image_store.pull(reference, stage / name))
            say(f"image {reference}: pulled")
    return entry / name
