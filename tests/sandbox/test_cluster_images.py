"""Which images a running cluster is given: each of them once, whoever asks for it."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest

from sandbox.cluster import image_store
from sandbox.cluster.layout import ClusterLayout, Instance


def test_what_others_have_brought_is_not_brought_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start knows the images of every cluster, and who adds one knows that one alone."""
    instance = Instance(state=tmp_path, subnet=IPv4Network("172.30.7.0/24"))
    cluster = ClusterLayout(instance=instance, name="east", index=0)
    cluster.folder.mkdir(parents=True)
    brought: list[str] = []
    monkeypatch.setattr(image_store, "argv_inside", lambda _, argv: argv)
    monkeypatch.setattr(image_store, "run", lambda argv: brought.append(argv[-1]))
    usual, added, other = Path("usual.tar"), Path("added.tar"), Path("other.tar")
    for images in ([usual], [added], [other], [usual], [added]):
        image_store.ensure_imported(cluster, images)
    assert brought == ["usual.tar", "added.tar", "other.tar"]
