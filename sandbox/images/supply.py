"""Puts images together and keeps them: `<cache>/images/<name>/<key of its inputs>/<name>.tar`."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sandbox import cache, paths
from sandbox.images import archive
from sandbox.images.content import Entry, File
from sandbox.images.recipes import recipe, references
from sandbox.tools.platform import architecture


def ensure(names: Iterable[str] | None = None, *, say: Callable[[str], None] = print) -> list[Path]:
    """Return a tar for each image (all of `references()` if no names are given), made where it is missing.

    Raises `SandboxError` if a tool, a command or a library that goes into one cannot be had.
    """
    return [put_together(recipe(name), say=say) for name in (names or references())]


def put_together(image: archive.Image, *, say: Callable[[str], None] = print) -> Path:
    """Return the tar of an image, made where it is missing."""
    name = image.name
    home = paths.cache_dir() / "images" / name
    entry = home / cache.key(_inputs(image))
    with cache.locked(home):
        if not entry.exists():
            started = time.monotonic()
            cache.publish(entry, lambda stage: archive.write(image, architecture(), stage, f"{name}.tar"))
            megabytes, seconds = (entry / f"{name}.tar").stat().st_size / 1e6, time.monotonic() - started
            say(f"image {image.references[0]}: {megabytes:.0f} MB, put together in {seconds:.1f} s")
    return entry / f"{name}.tar"


def _inputs(image: archive.Image) -> Iterator[str | bytes]:
    yield Path(archive.__file__).read_bytes()
    yield architecture()
    yield repr((image.references, image.entrypoint, image.user))
    for entry in image.entries:
        yield from _input(entry)


def _input(entry: Entry) -> Iterator[str | bytes]:
    if isinstance(entry, File):
        yield f"{entry.path} {entry.mode}"
        with entry.source.open("rb") as file:
            yield hashlib.file_digest(file, "sha256").digest()
    else:
        yield repr(entry)
