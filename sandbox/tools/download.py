"""Official releases over HTTP: the published checksum first, then the file, then the comparison.

A host that does not answer is given up after three seconds and not asked again in the run. That, a
release that is not there and a transfer that breaks off twice are `Unavailable`: the tool can still be
had elsewhere. A file that does not match its checksum is an error, never a reason to go on.
"""

import fnmatch
import hashlib
import shutil
import tarfile
import threading
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import requests

from sandbox.errors import SandboxError
from sandbox.tools.catalogue import Download

_TIMEOUT_SECONDS = (3, 30)
"""To connect, and between two packets."""
_ATTEMPTS = 2
_CHUNK_BYTES = 1 << 20


class Unavailable(Exception):  # noqa: N818 - a state of the world, not a mistake
    """A source does not have the tool; the message says why."""


class Downloader:
    """Fetches releases and remembers, for one run, which hosts do not answer. Safe to share by threads."""

    def __init__(self) -> None:
        self._dead: dict[str, str] = {}
        self._first_contact: dict[str, threading.Lock] = defaultdict(threading.Lock)

    def fetch(self, release: Download, folder: Path, name: str) -> None:
        """Put the release's binary into `folder` as `name`, its companions beside it.

        Raises `Unavailable` if it cannot be had and `SandboxError` if it is not what was published.
        """
        file_name = urlsplit(release.url).path.rsplit("/", 1)[1]
        expected = published_digest(self._text(release.checksum_url), file_name)
        if expected is None:
            raise Unavailable(f"{release.checksum_url} lists no SHA-256 for {file_name}")
        target = folder / f"{name}.download"
        actual = self._file(release.url, target)
        if actual != expected:
            raise SandboxError(
                f"{release.url} does not match its published checksum: expected SHA-256 {expected} (from "
                f"{release.checksum_url}), got {actual}. Nothing was installed; a proxy may have answered in "
                "its place."
            )
        if release.member is None:
            target.rename(folder / name)
        else:
            _unpack(target, release, release.member, folder, name)
            target.unlink()

    def _text(self, url: str) -> str:
        # One thread at a time asks a host for a checksum, so a dead one costs one time-out, not one each.
        host = urlsplit(url).netloc
        with self._first_contact[host], self._get(url) as response:
            return response.text

    def _file(self, url: str, target: Path) -> str:
        """Fetch `url` into `target`; returns the SHA-256 of what came."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._get(url, stream=True) as response, target.open("wb") as file:
                    digest = hashlib.sha256()
                    for chunk in response.iter_content(_CHUNK_BYTES):
                        file.write(chunk)
                        digest.update(chunk)
                    return digest.hexdigest()
            except requests.RequestException as error:
                if attempt == _ATTEMPTS:
                    raise Unavailable(f"{url} broke off {_ATTEMPTS} times: {_reason(error)}") from error
        raise AssertionError("the last attempt returns or raises")

    def _get(self, url: str, *, stream: bool = False) -> requests.Response:
        host = urlsplit(url).netloc
        if host in self._dead:
            raise Unavailable(self._dead[host])
        try:
            response = requests.get(url, stream=stream, timeout=_TIMEOUT_SECONDS)
        except (requests.ConnectionError, requests.Timeout) as error:
            self._dead[host] = f"{host} does not answer ({_reason(error)})"
            raise Unavailable(self._dead[host]) from error
        if not response.ok:
            response.close()
            raise Unavailable(f"{url} answers {response.status_code}")
        return response


def published_digest(text: str, file_name: str) -> str | None:
    """Return the SHA-256 (lower-case hex) that a checksum file gives for `file_name`, None if it does not."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    for words in lines:
        bare = len(lines) == 1 and len(words) == 1
        named = len(words) == 2 and words[1].lstrip("*").rsplit("/", 1)[-1] == file_name
        if (bare or named) and _is_sha256(words[0]):
            return words[0].lower()
    return None


def _is_sha256(word: str) -> bool:
    return len(word) == hashlib.sha256().digest_size * 2 and all(c in "0123456789abcdefABCDEF" for c in word)


def _unpack(archive: Path, release: Download, tool: str, folder: Path, name: str) -> None:
    wanted = tool.removeprefix("./")
    beside = wanted.rpartition("/")[0]
    found = False
    with tarfile.open(archive) as tar:
        for member in tar:
            path = member.name.removeprefix("./")
            parent, _, base = path.rpartition("/")
            companion = parent == beside and any(fnmatch.fnmatch(base, p) for p in release.companions)
            source = tar.extractfile(member) if member.isfile() and (path == wanted or companion) else None
            if source is None:
                continue
            found = found or path == wanted
            target = folder / (name if path == wanted else base)
            with source, target.open("wb") as file:
                shutil.copyfileobj(source, file)
            target.chmod(0o755)
    if not found:
        raise SandboxError(f"{release.url} holds no {tool}: its layout has changed")


def _reason(error: BaseException) -> str:
    while cause := error.__cause__ or error.__context__:
        error = cause
    return str(error) or type(error).__name__
