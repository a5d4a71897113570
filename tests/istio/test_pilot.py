"""What of Istio's suite pilot runs on a mesh of two clusters besides its tests of several clusters."""

import pytest

from tests.istio.mesh import IstioMesh
from tests.istio.suite import Result

pytestmark = pytest.mark.scheduled

TESTS = (
    "TestEnsureNoMissingCRDs",
    "TestMirroring",
    "TestDNSAutoAllocation",
    "TestGateway",
    "TestGRPCProbe",
    "TestXFFGateway",
    "TestProxyHeaders",
    "TestXfccHeaders",
    "TestIngress",
    "TestLabelChanges",
    "TestTcpProbe",
    "TestTraffic/jwt-claim-route",
    "TestTraffic/serverfirst",
    "TestTraffic/gateway",
    "TestTraffic/autopassthrough",
    "TestTraffic/tls-origination",
    "TestTraffic/externalname",
    "TestTraffic/envoyfilter",
    "TestTraffic/use-client-protocol",
    "TestTraffic/externalservice",
    "TestTraffic/service-entry-vips-resolution-none",
)


@pytest.fixture(scope="module")
def result(istio_mesh: IstioMesh, ingress: None) -> Result:
    """Run all of them at once: the workloads that they call are deployed once for a run.

    istiod makes its GatewayClass when the Gateway API is installed for the first time. Tests of other modules
    have installed it, and mending has removed it again: only a new istiod makes the class again.
    """
    istio_mesh.restart_istiod()
    return istio_mesh.run("pilot", TESTS, minutes=30)


@pytest.mark.parametrize("name", TESTS)
def test_istios_test_passes(result: Result, name: str) -> None:
    """With all tests of its own; at least one of them was not skipped."""
    result.assert_passed(name)


def test_the_suite_as_a_whole_passes(result: Result) -> None:
    """Its setup and what is around the tests, too."""
    assert result.exit_code == 0, f"{result}; log: {result.log}"


@pytest.mark.usefixtures("result")
def test_the_mesh_is_as_before_once_it_is_mended(istio_mesh: IstioMesh) -> None:
    """Calls between the clusters are answered, with nothing of the tests left in them."""
    istio_mesh.mend()
