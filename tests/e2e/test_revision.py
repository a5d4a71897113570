"""From one line of Istio to the next and back, over three clusters under all loads.

Both lines are real: other programs, other charts. The one of before is built for these tests alone, which
takes minutes, so only `make upgrade-tests` runs them. The tests build on each other, in their order.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from mesh.samples.names import CLIENT
from sandbox import cluster, versions
from sandbox.images import on_demand
from tests.e2e import gateways
from tests.e2e.connections import NAMESPACE, Connections
from tests.e2e.faults import passes
from tests.e2e.kube import Kube
from tests.e2e.load import Load
from tests.e2e.stack import Stack, mesh_config

pytestmark = pytest.mark.upgrade

NAMES = ("east", "west", "south")
_DRAIN_SECONDS = 45


@pytest.fixture(scope="module")
def kubes(fresh_clusters: Callable[..., Any], kube: Callable[[str], Kube]) -> Iterator[Mapping[str, Kube]]:
    """Three clusters that can run both lines of Istio."""
    fresh_clusters(*NAMES)
    cluster.add_images(on_demand.earlier_istio(), NAMES)
    yield {name: kube(name) for name in NAMES}
    cluster.stop(NAMES)


@pytest.fixture(scope="module")
def old_mesh(kubes: Mapping[str, Kube], new_stack: Callable[[str], Stack]) -> Stack:
    """A mesh of the earlier line."""
    assert set(kubes) == set(NAMES)
    config = mesh_config(NAMES, cluster.merged_kubeconfig())
    config["istio"]["version"] = versions.ISTIO_EARLIER
    config["istio"]["values"]["gateway"]["terminationGracePeriodSeconds"] = _DRAIN_SECONDS
    stack = new_stack("upgrade")
    stack.init(config)
    stack.up()
    passes(stack)
    return stack


@pytest.fixture(scope="module")
def connections(old_mesh: Stack, kubes: Mapping[str, Kube]) -> Iterator[Connections]:
    """Long connections between all clusters, made in the mesh of the earlier line."""
    assert old_mesh.name
    with Connections(kubes).deployed() as found:
        image = old_mesh.config()["helloWorld"]["clientImage"]
        here = f"--namespace={NAMESPACE}"
        for kube in kubes.values():
            kube.kubectl("create", "deployment", CLIENT, f"--image={image}", here, "--", "sleep", "infinity")
            kube.kubectl("rollout", "status", f"deployment/{CLIENT}", here, "--timeout=110s")
        yield found


def _load() -> Load:
    """Calls from clients that no update makes anew, as it does with those of the sample."""
    return Load(cluster.merged_kubeconfig(), NAMES, namespace=NAMESPACE)


@pytest.mark.parametrize("version", [versions.ISTIO, versions.ISTIO_EARLIER])
def test_in_place_nothing_is_cut_before_the_gateways_end(
    old_mesh: Stack, kubes: Mapping[str, Kube], connections: Connections, version: str
) -> None:
    """Up to the present line, and down again: the proxies of workloads stay those of before."""
    config = copy.deepcopy(old_mesh.config())
    config["istio"]["version"] = version
    with connections.watched() as watch, _load() as load:
        old_mesh.configure(config)
        old_mesh.up()
        end = gateways.end_of_those_that_go(kubes.values())
        gateways.wait_until_gone(kubes.values())
    assert {_istiod_version(kube) for kube in kubes.values()} == {version}
    gateways.assert_only_cut(load, watch, NAMES, after=end)
    passes(old_mesh)


def _istiod_version(kube: Kube) -> str:
    """What the control plane of a cluster says of itself."""
    [pod] = gateways.pods(kube, "istiod")
    where = ("--namespace=istio-system", pod["metadata"]["name"])
    said = kube.kubectl("exec", *where, "--", "/usr/local/bin/pilot-discovery", "version", "--short")
    return said.strip().removeprefix("client version: ")


@pytest.mark.parametrize("version", [versions.ISTIO, versions.ISTIO_EARLIER])
def test_by_revision_nothing_is_cut_before_the_gateways_end(
    old_mesh: Stack, kubes: Mapping[str, Kube], connections: Connections, version: str
) -> None:
    """Up to the present line, and down again: two control planes, then workloads move, then one is left."""
    revision = version.replace(".", "-")
    with connections.watched() as watch, _load() as load:
        _configure(old_mesh, next={"version": version})
        old_mesh.up()
    assert not load.report.failed, load.report
    assert not watch.broken, watch
    with connections.watched() as watch, _load() as load:
        _configure(old_mesh, next={"version": version, "phase": "moved"})
        old_mesh.up()
        end = gateways.end_of_those_that_go(kubes.values())
        gateways.wait_until_gone(kubes.values())
    gateways.assert_only_cut(load, watch, NAMES, after=end)
    connections.restart()
    with connections.watched() as watch, _load() as load:
        _configure(old_mesh, version=version, revision=revision, next=None)
        old_mesh.up()
    assert not load.report.failed, load.report
    assert not watch.broken, watch
    assert {_istiod_version(kube) for kube in kubes.values()} == {version}
    assert old_mesh.preview() == []
    passes(old_mesh)


def _configure(mesh: Stack, **settings: Any) -> None:
    """Change settings of the section `istio`; None takes one away."""
    config = copy.deepcopy(mesh.config())
    istio = {**config["istio"], **settings}
    config["istio"] = {key: value for key, value in istio.items() if value is not None}
    mesh.configure(config)
