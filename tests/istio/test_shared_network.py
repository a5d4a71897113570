"""Istio's own tests of several clusters, where two primaries share a network and have no gateway."""

from collections.abc import Iterator

import pytest

from sandbox import cluster
from sandbox.cluster import Surroundings
from tests.istio.mesh import BuildMesh, IstioMesh
from tests.istio.suite import MULTICLUSTER, Result

pytestmark = pytest.mark.scheduled

_CONTEXTS = {"east": "shared-east", "west": "shared-west"}
TESTS = (
    *(test for test in MULTICLUSTER if test != "TestWorkloadEntryGateway"),
    "TestTraffic/consistent-hash",
)
"""Of those of several clusters, one is about gateways; on several networks, Istio skips the last one here."""


@pytest.fixture(scope="module")
def mesh(build_mesh: BuildMesh, keep: bool) -> Iterator[IstioMesh]:
    """Pods of both clusters reach each other by their own addresses."""
    settings = {name: {"network": "eu"} for name in _CONTEXTS}
    around = dict.fromkeys(_CONTEXTS, Surroundings(network="eu"))
    yield build_mesh("istio-shared-network", _CONTEXTS, settings, around)
    if not keep:
        cluster.stop(_CONTEXTS.values())


@pytest.fixture(scope="module")
def result(mesh: IstioMesh) -> Result:
    """Run all of them at once: the workloads that they call are deployed once for a run."""
    return mesh.run("pilot", TESTS, minutes=15)


@pytest.mark.parametrize("name", TESTS)
def test_istios_test_passes(result: Result, name: str) -> None:
    """With all tests of its own; at least one of them was not skipped."""
    result.assert_passed(name)


def test_the_suite_as_a_whole_passes(result: Result) -> None:
    """Its setup and what is around the tests, too."""
    assert result.exit_code == 0, f"{result}; log: {result.log}"


@pytest.mark.usefixtures("result")
def test_the_mesh_is_as_before_once_it_is_mended(mesh: IstioMesh) -> None:
    """Calls between the clusters are answered, with nothing of the tests left in them."""
    mesh.mend()
