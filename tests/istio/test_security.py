"""Istio's suite security on a mesh of two clusters: mutual TLS, and authorization by identities."""

import pytest

from tests.e2e.faults import SYSTEM, patch
from tests.istio.mesh import INGRESS, IstioMesh
from tests.istio.suite import Result

pytestmark = pytest.mark.scheduled

TESTS = (
    "TestAuthz_Principal",
    "TestAuthz_ServiceAccount",
    "TestAuthz_TrustDomain",
    "TestAuthz_DenyPrincipal",
    "TestAuthz_Namespace",
    "TestAuthz_DenyNamespace",
    "TestAuthz_NotNamespace",
    "TestAuthz_NotHost",
    "TestAuthz_NotMethod",
    "TestAuthz_NotPort",
    "TestAuthz_DenyPlaintext",
    "TestAuthz_JWT",
    "TestAuthz_WorkloadSelector",
    "TestAuthz_PathPrecedence",
    "TestAuthz_PathTemplating",
    "TestAuthz_IngressGateway",
    "TestAuthz_Conditions",
    "TestAuthz_PathNormalization",
    "TestAuthz_CustomServer",
    "TestRequestAuthentication",
    "TestMtlsHealthCheck",
    "TestNormalization",
    "TestPassThroughFilterChain",
    "TestReachability",
)


@pytest.fixture(scope="module")
def result(istio_mesh: IstioMesh, ingress: None) -> Result:
    """Run all of them at once: the workloads that they call are deployed once for a run.

    Istio's suite deploys its mesh with `gatewayTopology.numTrustedProxies: 1`, for the addresses in
    X-Forwarded-For; here only the ingress gateway needs it.
    """
    istio_mesh.load_images(["app", "ext-authz", "jwt-server"])
    topology = {"proxy.istio.io/config": '{"gatewayTopology": {"numTrustedProxies": 1}}'}
    for kube in istio_mesh.kubes.values():
        template = {"template": {"metadata": {"annotations": topology}}}
        patch(kube, "deployment", INGRESS, {"spec": template})
        wait = ("--timeout=120s", f"--namespace={SYSTEM}")
        kube.kubectl("rollout", "status", f"deployment/{INGRESS}", *wait)
    return istio_mesh.run("security", TESTS, minutes=45)


@pytest.mark.parametrize("name", TESTS)
def test_istios_test_passes(result: Result, name: str) -> None:
    """With all tests of its own; at least one of them was not skipped."""
    result.assert_passed(name)


def test_the_suite_as_a_whole_passes(result: Result) -> None:
    """Its setup and what is around the tests, too."""
    assert result.exit_code == 0, f"{result}; log: {result.log}"


@pytest.mark.usefixtures("result")
def test_the_mesh_is_as_before_once_it_is_mended(istio_mesh: IstioMesh) -> None:
    """Its policies for the whole mesh and its providers of authorization are gone."""
    istio_mesh.mend()
