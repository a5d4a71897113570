"""The images in a cluster's containerd: put there by hard links from a store that was filled once.

Importing takes seconds and hundreds of megabytes for each cluster. Layers never change once they
are unpacked, so a new cluster shares those of a store in the cache, and copies the indexes only.
Where the cache is on another file system, everything is copied.
"""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import tomli_w

from sandbox import cache
from sandbox.cluster import settings
from sandbox.cluster.files import write_private
from sandbox.cluster.layout import ClusterLayout
from sandbox.cluster.namespaces import argv_inside
from sandbox.cluster.system import run
from sandbox.paths import cache_dir

_BESIDE_CONTAINERD = """
config=$1 script=$2; shift 2
containerd --config "$config" & daemon=$!
tries=0
until ctr version >/dev/null 2>&1; do
  tries=$((tries + 1)); [ $tries -lt 300 ] || exit 1; sleep 0.1
done
/bin/sh -ec "$script" script "$@" || exit 1
kill $daemon; wait $daemon || true
"""
"""Run a script beside a containerd that lives as long: CONFIG SCRIPT ARGUMENT..."""

_FILL = 'for image; do ctr images import "$image"; done'
_PULL = 'ctr images pull "$1"; ctr images export "$2" "$1"'


def prepare(cluster: ClusterLayout, images: Sequence[Path]) -> None:
    """Fill a new cluster's containerd folder, before containerd is started there for the first time."""
    if _imported(cluster):
        return
    root = cluster.bindings[settings.CONTAINERD_ROOT]
    for leftover in root.iterdir():
        shutil.rmtree(leftover)
    _share(_filled(images), root)
    _note_imported(cluster, map(str, images))


def ensure_imported(cluster: ClusterLayout, images: Sequence[Path]) -> None:
    """Import what a running cluster lacks: images that were put together after its first start."""
    known = _imported(cluster)
    missing = [image for image in images if str(image) not in known]
    for image in missing:
        run(argv_inside(cluster, ["ctr", "--namespace=k8s.io", "images", "import", str(image)]))
    if missing:
        _note_imported(cluster, [*known, *map(str, missing)])


def _imported(cluster: ClusterLayout) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        return json.loads(_record(cluster).read_text())
    return []


def _note_imported(cluster: ClusterLayout, images: Iterable[str]) -> None:
    write_private(_record(cluster), json.dumps([*images]))


def _record(cluster: ClusterLayout) -> Path:
    return cluster.folder / "images.json"


def _share(store: Path, root: Path) -> None:
    """Link a store's files into another folder; the indexes, which are written to, become copies."""
    same_device = store.stat().st_dev == root.stat().st_dev
    run(["cp", "--archive", *(["--link"] if same_device else []), f"{store}/.", str(root)])
    for index in root.rglob("*.db"):
        run(["cp", "--archive", "--remove-destination", str(store / index.relative_to(root)), str(index)])


def _filled(images: Sequence[Path]) -> Path:
    """Return the store with all images, imported now if no cluster had just these before."""
    home = cache_dir() / "containerd"
    entry = home / cache.key(str(image) for image in images)
    with cache.locked(home):
        if not entry.exists():
            cache.publish(entry, lambda stage: _beside_containerd(stage, _FILL, map(str, images)))
    return entry


def pull(reference: str, target: Path) -> None:
    """Have containerd pull an image for this machine, and write its archive.

    Raises:
        SandboxError: it cannot be had; with containerd's words.
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-pull-") as store:
        _beside_containerd(Path(store), _PULL, [reference, str(target)])


def _beside_containerd(store: Path, script: str, arguments: Iterable[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="sandbox-images-") as folder:
        socket = f"{folder}/containerd.sock"
        content = settings.containerd_store(root=str(store), state=folder, socket=socket)
        config = Path(folder) / "containerd.toml"
        config.write_text(tomli_w.dumps(content))
        # Whoever dies, this process or the script, takes containerd and its mounts along.
        apart = ["setpriv", "--pdeathsig=KILL", "unshare", "--kill-child", "--fork"]
        apart += ["--mount", "--pid", "--mount-proc"]
        apart += ["env", f"CONTAINERD_ADDRESS={socket}", "CONTAINERD_NAMESPACE=k8s.io"]
        run([*apart, "/bin/sh", "-c", _BESIDE_CONTAINERD, "beside", str(config), script, *arguments])
