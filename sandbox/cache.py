"""Entering things into the cache: a lock for each place, a staging folder, one rename at the end.

The lock makes two checkouts wait for each other instead of making a thing twice. The rename makes an
entry whole or absent: what an interrupted run has left in the staging folder is cleared by the next.
"""

import contextlib
import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the lock of the folder `home`, which is made; other processes and threads wait."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def publish(entry: Path, fill: Callable[[Path], None]) -> None:
    """Have `fill` put files into an empty folder, then give that folder the path `entry`.

    The caller holds the lock of `entry.parent`. Raises what `fill` raises, and then enters nothing.
    """
    stage = entry.parent / ".new"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    try:
        fill(stage)
        if entry.exists():
            shutil.rmtree(entry)
        stage.rename(entry)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def key(parts: Iterable[str | bytes]) -> str:
    """Return a short hex name for the inputs of something made, different when any of them differs."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]
