"""Whatever is wrong with the workloads themselves is found and named by `mesh verify`."""

from collections.abc import Callable, Iterator

import pytest

from mesh.samples.names import CLIENT, NAMESPACE, SERVICE
from tests.e2e.faults import deleted, passes, patch, sees, verify
from tests.e2e.kube import Kube, eventually
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]


@pytest.fixture(autouse=True)
def _repaired(mesh: Stack) -> Iterator[None]:
    """Each test leaves a mesh behind that passes."""
    yield
    passes(mesh)


def test_a_server_without_a_sidecar_is_named(mesh: Stack, kube: View) -> None:
    """Other clusters leave out endpoints that cannot do mutual TLS."""
    west = kube("west")
    server = f"{SERVICE}-west"
    _template(west, server, labels={"sidecar.istio.io/inject": "false"})
    try:
        verdict = sees(mesh, "east", "west", "sidecar-missing")
        assert verdict.reasons("east", "east") == [], verdict
    finally:
        _template(west, server, labels={"sidecar.istio.io/inject": None})


def test_a_client_without_a_sidecar_is_named(mesh: Stack, kube: View) -> None:
    """It calls in plain text, which is refused by all."""
    west = kube("west")
    _template(west, CLIENT, labels={"sidecar.istio.io/inject": "false"})
    try:
        verdict = sees(mesh, "west", "east", "sidecar-missing")
        assert verdict.reasons("west", "west")[:1] == ["sidecar-missing"], verdict
        assert verdict.reasons("east", "west") == [], verdict
    finally:
        _template(west, CLIENT, labels={"sidecar.istio.io/inject": None})


def test_a_service_of_other_clusters_only_is_resolved(mesh: Stack, kube: View) -> None:
    """The client's proxy answers for its name, and the cluster that has it answers the calls."""
    west = kube("west")
    with deleted(west, "service", SERVICE, NAMESPACE):
        eventually(lambda: set(west.answers(4)) == {"east"}, lambda: west.answers(4))
        verdict = sees(mesh, "west", "west", "service-missing")
        assert verdict.reasons("west", "east") == [], verdict


def test_a_name_that_is_not_resolved_is_named(mesh: Stack, kube: View) -> None:
    """Without the proxy's answers, Kubernetes' DNS knows nothing of a service of other clusters."""
    west = kube("west")
    config = "proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'false'}"
    _template(west, CLIENT, annotations={"proxy.istio.io/config": config})
    try:
        assert verify(mesh).code == 0  # while the Service is in the cluster, nothing is wrong with that
        with deleted(west, "service", SERVICE, NAMESPACE):
            verdict = sees(mesh, "west", "east", "dns-not-captured")
            assert verdict.reasons("east", "east") == [], verdict
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
