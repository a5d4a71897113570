"""While one cluster is dead, calls in the other go on, and `pulumi up` does what is documented."""

import copy
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mesh.samples.names import NAMESPACE, SERVICE
from sandbox import cluster
from tests.e2e.faults import SYSTEM, dead, feed, passes, verify
from tests.e2e.kube import Kube, eventually
from tests.e2e.load import Load
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]
_HOST = f"{SERVICE}.{NAMESPACE}.svc.cluster.local"
_WINDOW = timedelta(seconds=10)
"""After this, outlier detection has seen enough to leave the dead cluster out."""
_MOST_FAILED = 4
"""As many as are under way when the cluster dies: retries save those after them."""


@pytest.fixture(scope="module", autouse=True)
def _as_before(mesh: Stack, used_after: bool) -> Iterator[None]:
    """The mesh passes, and its configuration is as it was."""
    before = mesh.config()
    yield
    if used_after:
        mesh.configure(before)
        mesh.up()
        passes(mesh)


@pytest.fixture
def _resilient(mesh: Stack, kube: View) -> Iterator[None]:
    """What a service needs that must outlive a cluster: docs/verify.md says why."""
    spec = {
        "host": _HOST,
        "trafficPolicy": {
            "connectionPool": {"tcp": {"connectTimeout": "1s"}},
            "outlierDetection": {
                "consecutive5xxErrors": 2,
                "interval": "1s",
                "baseEjectionTime": "5s",
                "maxEjectionPercent": 100,
            },
        },
    }
    retries = {"attempts": 3, "perTryTimeout": "1s", "retryOn": "connect-failure,refused-stream,reset,5xx"}
    route = {"route": [{"destination": {"host": _HOST}}], "retries": retries}
    documents = [
        _object("DestinationRule", spec),
        _object("VirtualService", {"hosts": [_HOST], "http": [route]}),
    ]
    for document in documents:
        feed(kube("east"), "create", document)
    yield
    for document in documents:
        feed(kube("east"), "delete", document)


@pytest.mark.usefixtures("_resilient")
def test_calls_go_on_while_the_other_cluster_is_dead(mesh: Stack, start_clusters: Callable[..., Any]) -> None:
    """They fail at most within the window of outlier detection; when it returns, both answer again."""
    west = start_clusters("east", "west")["west"]
    with Load(cluster.merged_kubeconfig(), ["east"]) as load:
        load.wait_until(lambda report: report.answered("east")["west"] > 5)
        with dead(west):
            died = datetime.now(UTC)
            late = died + _WINDOW
            load.wait_until(lambda report: report.answered("east", after=late)["east"] > 40)
            without = load.report.answered("east", after=late)
            verdict = verify(mesh, timeout=1)
            assert verdict.reasons("east", "west")[:1] == ["api-server-unreachable"], verdict
            assert verdict.reasons("east", "east") == [], verdict
        back = datetime.now(UTC)
        load.wait_until(lambda report: report.answered("east", after=back)["west"] > 5)
    assert set(without) == {"east"}, load.report
    outside = [call for call in load.report.failed if not died <= call.ended <= late]
    assert not outside, load.report
    assert len(load.report.failed) <= _MOST_FAILED, str(load.report)


def test_a_marked_cluster_that_does_not_answer_catches_up_later(
    mesh: Stack, kube: View, start_clusters: Callable[..., Any]
) -> None:
    """The others are updated at once; the marked one gets what it missed once it is back."""
    west = start_clusters("east", "west")["west"]
    config = copy.deepcopy(mesh.config())
    config["exposure"] = {"hosts": ["*.svc.cluster.local"]}
    config["clusters"]["west"]["skipUnreachable"] = True
    with dead(west):
        mesh.configure(config)
        mesh.up()
        assert _exposed(kube("east")) == ["*.svc.cluster.local"]
    assert _exposed(kube("west")) == ["*.local"]
    # Its pods count as not ready until its node has been heard of again, and istiod has a say in each update.
    tries: list[subprocess.CompletedProcess[str]] = []

    def updated() -> bool:
        tries.append(mesh.up(check=False))
        return tries[-1].returncode == 0

    eventually(updated, lambda: tries[-1])
    assert _exposed(kube("west")) == ["*.svc.cluster.local"]


def _exposed(kube: Kube) -> list[str]:
    gateway = kube.get("gateways.networking.istio.io", "cross-network-gateway", f"--namespace={SYSTEM}")
    return gateway["spec"]["servers"][0]["hosts"]


def _object(kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": kind,
        "metadata": {"name": "outlives-a-cluster", "namespace": NAMESPACE},
        "spec": spec,
    }
