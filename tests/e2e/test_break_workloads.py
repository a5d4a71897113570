"""What is wrong with the workloads themselves is named by `mesh verify`, and its hint mends it."""

from collections.abc import Callable

import pytest

from mesh.samples.names import CLIENT, NAMESPACE, SERVICE
from tests.e2e.faults import follow, patch, sees, verify
from tests.e2e.kube import Kube, eventually
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]


def test_a_server_without_a_sidecar_is_named(mesh: Stack, kube: View) -> None:
    """Other clusters leave out endpoints that cannot do mutual TLS."""
    _template(kube("west"), f"{SERVICE}-west", labels={"sidecar.istio.io/inject": "false"})
    verdict = sees(mesh, "east", "west", "sidecar-missing")
    assert verdict.reasons("east", "east") == [], verdict
    follow(mesh, kube, verdict, "east", "west")


def test_a_client_without_a_sidecar_is_named(mesh: Stack, kube: View) -> None:
    """It calls in plain text, which is refused by all. Here the whole namespace has no injection any more."""
    west = kube("west")
    west.kubectl("label", "namespace", NAMESPACE, "--overwrite", "istio-injection=disabled")
    west.kubectl("rollout", "restart", f"--namespace={NAMESPACE}", f"deployment/{CLIENT}")
    west.kubectl("rollout", "status", f"--namespace={NAMESPACE}", f"deployment/{CLIENT}", "--timeout=110s")
    verdict = sees(mesh, "west", "east", "sidecar-missing")
    assert verdict.reasons("west", "west")[:1] == ["sidecar-missing"], verdict
    assert verdict.reasons("east", "west") == [], verdict
    follow(mesh, kube, verdict, "west", "east")


def test_a_sample_that_does_not_run_is_named(mesh: Stack, kube: View) -> None:
    """Somebody has scaled it down; the number of its pods is taken back."""
    kube("west").kubectl("scale", f"--namespace={NAMESPACE}", f"deployment/{SERVICE}-west", "--replicas=0")
    verdict = sees(mesh, "east", "west", "sample-not-running")
    follow(mesh, kube, verdict, "east", "west")


def test_a_service_of_other_clusters_only_is_resolved(mesh: Stack, kube: View) -> None:
    """The client's proxy answers for its name, and the cluster that has it answers the calls."""
    west = kube("west")
    west.kubectl("delete", "service", SERVICE, f"--namespace={NAMESPACE}")
    eventually(lambda: set(west.answers(4)) == {"east"}, lambda: west.answers(4))
    verdict = sees(mesh, "west", "west", "service-missing")
    assert verdict.reasons("west", "east") == [], verdict
    follow(mesh, kube, verdict, "west", "west")


def test_a_name_that_is_not_resolved_is_named(mesh: Stack, kube: View) -> None:
    """Without the proxy's answers, Kubernetes' DNS knows nothing of a service of other clusters."""
    west = kube("west")
    config = "proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'false'}"
    _template(west, CLIENT, annotations={"proxy.istio.io/config": config})
    try:
        assert verify(mesh).code == 0  # while the Service is in the cluster, nothing is wrong with that
        west.kubectl("delete", "service", SERVICE, f"--namespace={NAMESPACE}")
        verdict = sees(mesh, "west", "east", "dns-not-captured")
        assert verdict.reasons("east", "east") == [], verdict
        follow(mesh, kube, verdict, "west", "east")
    finally:
        _template(west, CLIENT, annotations={"proxy.istio.io/config": None})


def _template(
    kube: Kube,
    deployment: str,
    *,
    labels: dict[str, str | None] | None = None,
    annotations: dict[str, str | None] | None = None,
) -> None:
    """Change what a Deployment's pods carry, and wait for the new ones."""
    metadata = {"labels": labels or {}, "annotations": annotations or {}}
    patch(kube, "deployment", deployment, {"spec": {"template": {"metadata": metadata}}}, NAMESPACE)
    kube.kubectl(
        "rollout", "status", f"--namespace={NAMESPACE}", f"deployment/{deployment}", "--timeout=110s"
    )
