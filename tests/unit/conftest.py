"""What unit tests of several folders use: a recorded mesh, and a server that answers as a test says."""

from collections.abc import Iterator

import pytest

from tests.builders.servers import Server, running
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
    with running(Server()) as answering:
        yield answering
