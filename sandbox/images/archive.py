"""Images as tars that `ctr images import` takes: writes one, of one layer, or gives one another name.

The form is that of `docker save` (Docker image specification 1.2). Same inputs, same bytes: entries are
sorted, owned by root and dated 1970.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sandbox.errors import SandboxError
from sandbox.images.content import Entry, File, Folder, Link, Text


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image: its references (the first is the main one), its user as `uid:gid`, and what is in it."""

    name: str
    references: tuple[str, ...]
    entrypoint: tuple[str, ...]
    user: str
    entries: tuple[Entry, ...]


def write(image: Image, architecture: str, folder: Path, file_name: str) -> None:
    """Write `image` for `architecture` (`amd64`, `arm64`) to `folder/file_name`; `folder` is its own."""
    layer = folder / "layer.tar"
    _write_layer(image.entries, layer)
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {
                "User": image.user,
                "Entrypoint": image.entrypoint,
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        },
        sort_keys=True,
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    layer_name = f"{digest}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": image.references, "Layers": [layer_name]}]
    with tarfile.open(folder / file_name, "w") as tar:
        _add_bytes(tar, config_name, config, 0o644)
        _add_file(tar, layer_name, layer, 0o644)
        _add_bytes(tar, "manifest.json", json.dumps(manifest).encode(), 0o644)
    layer.unlink()


_DOCKER, _OCI = "manifest.json", "index.json"
_LISTS = (_DOCKER, _OCI, "oci-layout", "repositories")
"""Files that say which images an archive has; of two forms in one, the first is kept."""


def copy_as(references: Sequence[str], source: Path, target: Path) -> None:
    """Copy the archive of one image under other references.

    It has the form of `docker save`, or of the Open Container Initiative (image-spec, `image-layout.md`) as
    `skopeo copy` writes it, or both.

    Raises:
        SandboxError: it has neither, or another number of images.
    """
    try:
        with tarfile.open(source) as old, tarfile.open(target, "w") as new:
            members = {str(PurePosixPath(member.name)): member for member in old}
            form = next((name for name in (_DOCKER, _OCI) if name in members), None)
            if form is None:
                raise SandboxError(f"{source}: expected the archive of an image; it has no {_DOCKER}")
            for name, member in members.items():
                if name not in _LISTS:
                    new.addfile(member, old.extractfile(member) if member.isfile() else None)
            file = old.extractfile(members[form])
            found = json.loads(file.read()) if file else None
            _add_bytes(new, form, json.dumps(_named(found, references)).encode(), 0o644)
            if form == _OCI:
                _add_bytes(new, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}', 0o644)
    except (tarfile.TarError, ValueError) as error:
        raise SandboxError(f"{source}: expected the archive of one image: {error}") from error


def _named(found: Any, references: Sequence[str]) -> Any:
    """Return the list of an archive's images, of either form, with these references for the only one.

    `io.containerd.image.name` is where containerd looks first (`images/annotations.go`).
    """
    docker = isinstance(found, list)
    images = found if docker else found["manifests"]
    if len(images) != 1:
        raise ValueError(f"it has {len(images)}")
    (image,) = images
    if docker:
        return [{**image, "RepoTags": list(references)}]
    names = [{**image.get("annotations", {}), "io.containerd.image.name": name} for name in references]
    return {**found, "manifests": [{**image, "annotations": name} for name in names]}


def _write_layer(entries: tuple[Entry, ...], target: Path) -> None:
    with tarfile.open(target, "w") as tar:
        for folder, mode in sorted(_folders(entries).items()):
            info = tarfile.TarInfo(folder.lstrip("/"))
            info.type, info.mode = tarfile.DIRTYPE, mode
            tar.addfile(info)
        for entry in sorted(entries, key=lambda entry: entry.path):
            name = entry.path.lstrip("/")
            match entry:
                case File():
                    _add_file(tar, name, entry.source, entry.mode)
                case Text():
                    _add_bytes(tar, name, entry.text.encode(), 0o644)
                case Link():
                    info = tarfile.TarInfo(name)
                    info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
                    tar.addfile(info)
                case Folder():
                    pass


def _folders(entries: tuple[Entry, ...]) -> dict[str, int]:
    """Return every folder of the image with its mode: those above entries, and those listed."""
    above = {str(parent): 0o755 for entry in entries for parent in PurePosixPath(entry.path).parents}
    above.pop("/", None)
    return above | {entry.path: entry.mode for entry in entries if isinstance(entry, Folder)}


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


def _add_file(tar: tarfile.TarFile, name: str, source: Path, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = source.stat().st_size, mode
    with source.open("rb") as file:
        tar.addfile(info, file)
