"""Two control planes for the whole run, a chart repository, and a namespace for each test."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import tools
from sandbox.plugins import launchers
from tests.plugins.engine import Installation, Stack
from tests.plugins.kubernetes.chart_repository import ChartRepository
from tests.plugins.kubernetes.control_plane import ControlPlane

_TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl")
_numbers = itertools.count(1)


def _started(name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    plane = ControlPlane(name, tmp_path_factory.mktemp(name), tools.ensure(_TOOLS))
    try:
        plane.start()
        yield plane
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def east(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane that most tests use."""
    yield from _started("east", tmp_path_factory)


@pytest.fixture(scope="session")
def west(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A second control plane, which tests pause."""
    yield from _started("west", tmp_path_factory)


@pytest.fixture
def stack(installation: Installation, tmp_path: Path) -> Stack:
    """An empty stack; what a test leaves in it goes with the control plane."""
    return Stack(installation, tmp_path / "stack")


@pytest.fixture
def namespace(east: ControlPlane) -> str:
    """A namespace in east that is there already and that nobody else uses."""
    name = f"test-{next(_numbers)}"
    east.kubectl("create", "namespace", name)
    return name


@pytest.fixture(scope="session")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChartRepository]:
    """A Helm repository over HTTP."""
    repository = ChartRepository(tmp_path_factory.mktemp("charts"), tools.ensure(("helm",))["helm"])
    yield repository
    repository.stop()


@pytest.fixture
def stand_in_kubernetes(installation: Installation) -> None:
    """Skips the test where the official provider is in use, which behaves otherwise there."""
    if not launchers.is_written(installation.bin_dir, "resource-kubernetes"):
        pytest.skip("the official provider does not do this")
