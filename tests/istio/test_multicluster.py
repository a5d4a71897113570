"""Istio's own tests of several clusters, from its suite pilot, on a mesh that this program has made."""

import pytest

from tests.istio.mesh import IstioMesh
from tests.istio.suite import MULTICLUSTER, Result

pytestmark = pytest.mark.multicluster

_EXPOSURE = "networking.istio.io Gateway istio-system/cross-network-gateway"


@pytest.fixture(scope="module")
def result(istio_mesh: IstioMesh) -> Result:
    """Run all of them at once: the workloads that they call are deployed once for a run."""
    return istio_mesh.run("pilot", MULTICLUSTER, minutes=10)


@pytest.mark.parametrize("name", MULTICLUSTER)
def test_istios_test_passes(result: Result, name: str) -> None:
    """With all tests of its own; at least one of them was not skipped."""
    result.assert_passed(name)


def test_the_suite_as_a_whole_passes(result: Result) -> None:
    """Its setup and what is around the tests, too."""
    assert result.exit_code == 0, f"{result}; log: {result.log}"


@pytest.mark.usefixtures("result")
def test_pulumi_up_refresh_brings_back_what_the_tests_deleted(istio_mesh: IstioMesh) -> None:
    """And calls between the clusters are answered again, with nothing of the tests left in them."""
    assert istio_mesh.deleted() == {"east": {_EXPOSURE}, "west": {_EXPOSURE}}
    istio_mesh.mend()
