"""What unit tests of several folders use: a recorded mesh, and a server that answers as a test says."""

import threading
from collections.abc import Iterator

import pytest

from tests.builders.servers import Server
from tests.recordings.recorded import Recording


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    """A mesh of the clusters east and west, to which the readers connect; each test may change it."""
    recorded = Recording()
    recorded.replace_clients(monkeypatch)
    return recorded


@pytest.fixture
def server() -> Iterator[Server]:
    """An HTTP server on this machine."""
    with Server() as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        running.shutdown()
