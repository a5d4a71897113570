"""Finding secrets where they must not be, in whatever dress: as they are, in JSON, in base64, in gzip.

What is looked for in a secret is a part from its middle, without line ends: it is the same in a PEM file, in
a JSON text with escaped line ends, and on lines of another length in base64.
"""

import base64
import gzip
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_PART_BYTES = 30
_LOOK_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Needle:
    """A secret to look for; `name` is what may be said of it."""

    name: str
    secret: str = field(repr=False)

    def forms(self) -> frozenset[bytes]:
        """The part that is looked for: as it is, and in base64."""
        return frozenset({self.part, *_in_base64(self.part)})

    @property
    def part(self) -> bytes:
        """Characters from the middle; of a key in PEM, of the one line of its body that is longest."""
        lines = [line for line in self.secret.strip().splitlines() if not line.startswith("-----")]
        line = max(lines, key=len)
        begin = (len(line) - _PART_BYTES) // 2
        return line[max(begin, 0) :][:_PART_BYTES].encode()


def _in_base64(text: bytes) -> frozenset[bytes]:
    """What is seen of a text in the base64 of something that holds it, wherever it stands there."""
    seen = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + text)
        # Four characters hold three bytes: the first and the last four may hold neighbours' bytes, too.
        seen.add(encoded[4 if offset else 0 : len(encoded) - len(encoded) % 4 - 4])
    return frozenset(seen)


class Haystack:
    """Looks for needles; each finding says which needle was found where, and never the secret itself."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._forms = {form: needle.name for needle in needles for form in needle.forms()}

    def in_bytes(self, content: bytes, where: str) -> set[str]:
        """What is found in a content, with base64 and gzip undone where that is all it is."""
        layers = [content, *_unpacked(content)]
        return {
            f"{name} in {where}" for layer in layers for form, name in self._forms.items() if form in layer
        }

    def in_texts(self, texts: Mapping[str, str]) -> set[str]:
        """What is found in texts by name."""
        return {found for where, text in texts.items() for found in self.in_bytes(text.encode(), where)}

    def in_folder(self, folder: Path, *, without: Iterable[str] = ()) -> set[str]:
        """What is found in all files below a folder but for those of some names, files or folders."""
        skipped = frozenset(without)
        found: set[str] = set()
        for path in folder.rglob("*"):
            parts = path.relative_to(folder).parts
            if skipped.isdisjoint(parts) and path.is_file() and not path.is_symlink():
                found |= self.in_bytes(path.read_bytes(), str(path.relative_to(folder)))
        return found


def _unpacked(content: bytes) -> list[bytes]:
    layers = []
    for _ in range(2):
        try:
            content = base64.b64decode(content, validate=True)
        except ValueError:
            break
        layers.append(content)
    if content.startswith(b"\x1f\x8b"):
        layers.append(gzip.decompress(content))
    return layers


class Watch:
    """Takes down, while its block runs, all processes' arguments and all that is in a temporary folder."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the temporary folder of what is watched."""
        self._folder = folder
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.arguments: set[bytes] = set()
        self.files: dict[str, set[bytes]] = {}
        self.looks = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.is_set():
            begin = time.monotonic()
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                self._read(process, self.arguments)
            for file in self._folder.rglob("*"):
                if file.is_file():
                    self._read(file, self.files.setdefault(str(file.relative_to(self._folder)), set()))
            self.looks += 1
            # Half of one core at most: what is watched needs the machine, too.
            self._stop.wait(max(_LOOK_SECONDS, time.monotonic() - begin))

    @staticmethod
    def _read(path: Path, into: set[bytes]) -> None:
        try:
            into.add(path.read_bytes())
        except (FileNotFoundError, ProcessLookupError):
            return  # ended, or removed, since it was listed
