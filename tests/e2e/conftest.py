"""A mesh of two clusters that end-to-end tests share, and the means to drive it."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox import cluster
from sandbox.paths import state_dir
from tests.e2e.ambient import NAMES as AMBIENT
from tests.e2e.ambient import ambient_config
from tests.e2e.connections import Connections
from tests.e2e.kube import Kube
from tests.e2e.reach import AROUND, configure_relay
from tests.e2e.reach import config as reach_config
from tests.e2e.stack import Stack, mesh_config
from tests.fixtures import Start


def _stack_folder(name: str) -> Path:
    return state_dir() / "stacks" / name


@pytest.fixture(scope="session")
def new_stack(sandbox_environment: Mapping[str, str]) -> Callable[[str], Stack]:
    """Give a stack by name with an empty state; what a killed session left of it is dropped first."""

    def new(name: str) -> Stack:
        folder = _stack_folder(name)
        shutil.rmtree(folder, ignore_errors=True)
        return Stack(name, folder, sandbox_environment)

    return new


@pytest.fixture(scope="session")
def lasting_stack(
    new_stack: Callable[[str], Stack], sandbox_environment: Mapping[str, str], keep: bool
) -> Callable[[str], Stack]:
    """Give a stack by name; its state is kept where its clusters are, since what is in them needs it."""

    def lasting(name: str) -> Stack:
        return Stack(name, _stack_folder(name), sandbox_environment) if keep else new_stack(name)

    return lasting


@pytest.fixture(scope="session")
def mesh(
    start_clusters: Callable[..., Any],
    lasting_stack: Callable[[str], Stack],
    keep: bool,
) -> Iterator[Stack]:
    """A running mesh over the clusters east and west; a test that changes it puts it back.

    After the last test its clusters go, so that nothing has to be removed from them.
    """
    start_clusters("east", "west")
    stack = lasting_stack("mesh")
    stack.init(mesh_config(("east", "west"), cluster.merged_kubeconfig()))
    stack.up()
    yield stack
    if not keep:
        shutil.rmtree(stack.folder)


@pytest.fixture(scope="module")
def used_after(request: pytest.FixtureRequest, keep: bool) -> bool:
    """Say whether another module follows, for whose tests those of this one put back what they changed."""
    return keep or request.session.items[-1].path != request.path


@pytest.fixture(scope="module")
def connections(mesh: Stack, kube: Callable[[str], Kube]) -> Iterator[Connections]:
    """Long connections between east and west, none of which may break when no test looks."""
    assert mesh.name, "the mesh comes first"
    with Connections({name: kube(name) for name in ("east", "west")}).deployed() as found:
        yield found


@pytest.fixture(scope="session")
def reach(
    start_clusters: Callable[..., Any],
    lasting_stack: Callable[[str], Stack],
    keep: bool,
) -> Iterator[Stack]:
    """A running mesh of clusters that reach each other in different ways; who changes it puts it back."""
    clusters = start_clusters(*AROUND, around=AROUND)
    stack = lasting_stack("reach")
    stack.init(reach_config(clusters, cluster.merged_kubeconfig()))
    configure_relay(stack, clusters["west"])
    stack.up()
    yield stack
    if not keep:
        stack.destroy()


@pytest.fixture(scope="session")
def ambient(
    start_clusters: Callable[..., Any],
    lasting_stack: Callable[[str], Stack],
    kube: Callable[[str], Kube],
    keep: bool,
) -> Iterator[Stack]:
    """A running mesh of ambient clusters; who changes it puts it back.

    In west, somebody else has made the definitions of the Gateway API. After the last test its clusters go.
    """
    start_clusters(*AMBIENT)
    apply = ("apply", "--server-side", f"--filename={cluster.gateway_api_manifest()}")
    kube("west").kubectl(*apply)
    stack = lasting_stack("ambient")
    stack.init(ambient_config(AMBIENT, cluster.merged_kubeconfig()))
    stack.up()
    yield stack
    if not keep:
        shutil.rmtree(stack.folder)


@pytest.fixture(scope="session")
def kube(sandbox_environment: Mapping[str, str]) -> Callable[[str], Kube]:
    """Give the administrator's view of a cluster of the tests' sandbox by its name."""
    return lambda name: Kube(
        context=name, kubeconfig=cluster.merged_kubeconfig(), environment=sandbox_environment
    )


@pytest.fixture(scope="session")
def fresh_clusters(start_clusters: Start) -> Start:
    """Start clusters by name with nothing in them: those of these names that are there go first."""

    def start(*names: str, **options: Any) -> Mapping[str, cluster.Cluster]:
        start_clusters()
        if there := [name for name in names if name in cluster.find()]:
            cluster.stop(there)
        return start_clusters(*names, **options)

    return start
