"""What tests of several folders share: the sandbox's clusters, in a folder of the tests' own.

The sandbox learns of its folder from the environment, so that is set before anything imports it.
`ISTIO_MESH_KEEP=1` keeps the clusters after the tests, and the mesh in them, for the next run to use again.
"""

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

# A shell starts jobs in the background with Ctrl-C ignored, and they hand that on; the tests send Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

_CHECKOUT = Path(__file__).resolve().parents[1]
os.environ.setdefault("ISTIO_MESH_SANDBOX", str(_CHECKOUT / ".sandbox" / "test"))
_KEEP = os.environ.get("ISTIO_MESH_KEEP") == "1"

from sandbox import cluster  # noqa: E402
from sandbox.cluster import Surroundings, environment  # noqa: E402
from sandbox.errors import SandboxError  # noqa: E402
from sandbox.paths import state_dir  # noqa: E402
from tests.fixtures import Start  # noqa: E402

_USUAL: Mapping[str, Surroundings] = MappingProxyType({})


@pytest.fixture(scope="session")
def keep() -> bool:
    """Say whether clusters, and the mesh in them, outlive the tests."""
    return _KEEP


@pytest.fixture(scope="session")
def start_clusters() -> Iterator[Start]:
    """Start clusters by name: `start_clusters("east", "west")["east"]`; all are stopped after the last test.

    `around` is what is between a cluster and its peers, as `sandbox.cluster.start` takes it.

    What a killed session has left is cleared first. Where no cluster can run, the test fails and says why.
    """

    def start(*names: str, around: Mapping[str, Surroundings] = _USUAL) -> Mapping[str, cluster.Cluster]:
        return _or_fail(lambda: cluster.start(names, around))

    with _only_session():
        if not _KEEP:
            _or_fail(cluster.stop)
        yield start
        if not _KEEP:
            _or_fail(cluster.stop)


@contextlib.contextmanager
def _only_session() -> Iterator[None]:
    """Keep a second session out of these clusters: it would begin by stopping them."""
    folder = state_dir()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "session.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = f"ISTIO_MESH_SANDBOX={folder}-2"
            pytest.fail(f"other tests are using the clusters in {folder}; set {other}", pytrace=False)
        yield


@pytest.fixture(scope="session")
def sandbox_environment(start_clusters: Start) -> Mapping[str, str]:
    """Return the environment of a shell that uses the tests' sandbox."""
    return {**os.environ, **environment.variables()}


def _or_fail(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except SandboxError as error:
        pytest.fail(str(error), pytrace=False)
