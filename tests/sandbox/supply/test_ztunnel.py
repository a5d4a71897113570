"""The ztunnel that a user brings: as a program, as an archive, as a reference to pull."""

import hashlib
import json
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sandbox import versions
from sandbox.cluster import has_ztunnel, ztunnel
from sandbox.errors import SandboxError
from sandbox.tools.platform import architecture
from tests.sandbox.supply.needs import needs_root

REFERENCES = [f"localhost/istio/ztunnel:{version}" for version in (versions.ISTIO, versions.ISTIO_NEXT)]

pytestmark = pytest.mark.usefixtures("cache_folder")


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a file as ztunnel, which a test may write."""
    path = tmp_path / "given"
    monkeypatch.setenv(ztunnel.VARIABLE, str(path))
    return path


def _read(tar: Path) -> dict[str, Any]:
    with tarfile.open(tar) as archive:
        file = archive.extractfile("manifest.json")
        assert file
        (manifest,) = json.load(file)
        return {**manifest, "files": archive.getnames()}


def _write_archive(path: Path) -> None:
    """Write the archive of an image without files, as `docker save` does."""
    layer = path.with_name("layer.tar")
    with tarfile.open(layer, "w"):
        pass
    config = path.with_name("config.json")
    digest = hashlib.sha256(layer.read_bytes()).hexdigest()
    platform = {"architecture": architecture(), "os": "linux"}
    config.write_text(
        json.dumps({**platform, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}})
    )
    manifest = path.with_name("manifest.json")
    names = {"Config": "config.json", "RepoTags": ["registry/old:1"], "Layers": ["layer.tar"]}
    manifest.write_text(json.dumps([names]))
    with tarfile.open(path, "w") as tar:
        for file in (layer, config, manifest):
            tar.add(file, file.name)


def test_without_a_ztunnel_nothing_pretends_to_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that need one ask, and no image has its name."""
    monkeypatch.delenv(ztunnel.VARIABLE, raising=False)
    assert not has_ztunnel()
    assert ztunnel.ensure() == []
    monkeypatch.setenv(ztunnel.VARIABLE, "")
    assert not has_ztunnel()
    assert ztunnel.ensure() == []


def test_a_program_becomes_an_image_with_the_names_of_both_charts(given: Path) -> None:
    """With the libraries that it needs here."""
    shutil.copy("/bin/sh", given)
    assert has_ztunnel()
    said: list[str] = []
    (tar,) = ztunnel.ensure(say=said.append)
    assert _read(tar)["RepoTags"] == REFERENCES
    assert len(said) == 1
    assert ztunnel.ensure(say=said.append) == [tar]
    assert len(said) == 1, "it is there already"


def test_an_archive_gets_the_names_of_both_charts(given: Path) -> None:
    """Whatever it was called where it comes from."""
    _write_archive(given)
    (tar,) = ztunnel.ensure()
    assert _read(tar)["RepoTags"] == REFERENCES
    assert ztunnel.ensure() == [tar]


def test_a_file_that_was_written_anew_is_another_ztunnel(given: Path) -> None:
    """The next start brings it into the clusters."""
    seen = [ztunnel.fingerprint()]
    given.write_bytes(b"one")
    seen.append(ztunnel.fingerprint())
    assert ztunnel.fingerprint() == seen[-1]
    os.utime(given, (1, 1))
    seen.append(ztunnel.fingerprint())
    given.write_bytes(b"other")
    os.utime(given, (1, 1))
    seen.append(ztunnel.fingerprint())
    assert len(set(seen)) == 4


def test_a_missing_file_is_no_reference(given: Path) -> None:
    """A mistyped path is not asked for at a registry."""
    with pytest.raises(SandboxError, match=f"{ztunnel.VARIABLE}: there is no file {given}; expected"):
        ztunnel.ensure()


def test_a_file_that_is_neither_is_refused(given: Path) -> None:
    """One sentence that says what was expected."""
    given.write_text("#!/bin/sh\n")
    with pytest.raises(SandboxError, match="given: expected the archive of one image"):
        ztunnel.ensure()


class _Registry(BaseHTTPRequestHandler):
    """A registry of images with what a test puts into `content`: bytes by the end of their URL, and type."""

    content: ClassVar[Mapping[str, tuple[bytes, str]]]

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        data, kind = self.content.get(self.path, (b"", ""))
        self.send_response(200 if data else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(data).hexdigest()}")
        self.end_headers()
        if with_body:
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is Python's
        """Say nothing."""


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Serve the image `istio/ztunnel:1` on this machine; gives its reference."""
    _write_archive(tmp_path / "archive")
    kinds = "application/vnd.docker.distribution.manifest.v2+json"
    blobs = {name: (tmp_path / name).read_bytes() for name in ("config.json", "layer.tar")}
    described = {
        name: {
            "mediaType": kind,
            "size": len(blobs[name]),
            "digest": f"sha256:{hashlib.sha256(blobs[name]).hexdigest()}",
        }
        for name, kind in (
            ("config.json", "application/vnd.docker.container.image.v1+json"),
            ("layer.tar", "application/vnd.docker.image.rootfs.diff.tar"),
        )
    }
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": kinds,
            "config": described["config.json"],
            "layers": [described["layer.tar"]],
        }
    ).encode()
    root = "/v2/istio/ztunnel"
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"

    class Handler(_Registry):
        content: ClassVar = {
            **{f"{root}/manifests/{name}": (manifest, kinds) for name in ("1", digest)},
            **{
                f"{root}/blobs/{described[name]['digest']}": (blob, "application/octet-stream")
                for name, blob in blobs.items()
            },
        }

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/istio/ztunnel:1"
        server.shutdown()


@needs_root
def test_a_reference_is_pulled_once(registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By containerd, and gets the names of both charts; one that is not there is an error with its words."""
    said: list[str] = []
    monkeypatch.setenv(ztunnel.VARIABLE, registry)
    (tar,) = ztunnel.ensure(say=said.append)
    assert said == [f"image {registry}: pulled"]
    assert _read(tar)["RepoTags"] == REFERENCES
    assert ztunnel.ensure(say=said.append) == [tar]
    assert len(said) == 1
    monkeypatch.setenv(ztunnel.VARIABLE, f"{registry}.2")
    with pytest.raises(SandboxError, match="not found"):
        ztunnel.ensure(say=said.append)
