"""What the tests of tools, images, charts and packages share: a cache of their own and a release site."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.supply.release_server import ReleaseServer


@pytest.fixture
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test an empty cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ISTIO_MESH_SANDBOX_CACHE", str(folder))
    return folder


@pytest.fixture
def site() -> Iterator[ReleaseServer]:
    """Serve releases on this machine."""
    site = ReleaseServer()
    server = site.start()
    yield site
    server.shutdown()
    server.server_close()
