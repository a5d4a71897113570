"""The recorded mesh, to which the readers connect."""

import pytest

from tests.recordings.recorded import Recording


@pytest.fixture
def recording(monkeypatch: pytest.MonkeyPatch) -> Recording:
    """A mesh of the clusters east and west that each test may change."""
    recorded = Recording()
    recorded.replace_clients(monkeypatch)
    return recorded
