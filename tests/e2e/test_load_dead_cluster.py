"""While one cluster is dead, calls in the other go on, and `pulumi up` does what is documented."""

import copy
import itertools
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mesh.samples.names import NAMESPACE, PORT, SERVICE
from sandbox import cluster
from tests.e2e.faults import SYSTEM, dead, feed, passes, verify
from tests.e2e.kube import Kube, eventually
from tests.e2e.load import Load
from tests.e2e.stack import Stack

pytestmark = pytest.mark.load

View = Callable[[str], Kube]
_WITHIN = 5
_SPREAD, _NEAR = "spread", "near"
"""Services of HelloWorld's pods: one whose calls go to all clusters, one whose calls stay while they can."""
_MOST_FAILED = 6
"""As many as are under way when the cluster dies, or find a connection to it that was made before."""


@pytest.fixture(scope="module", autouse=True)
def _as_before(mesh: Stack, used_after: bool) -> Iterator[None]:
    """The mesh passes, and its configuration is as it was."""
    before = mesh.config()
    yield
    if used_after:
        mesh.configure(before)
        mesh.up()
        passes(mesh)


@pytest.fixture(scope="module")
def _failover(mesh: Stack, kube: View) -> Iterator[None]:
    """Two services that outlive a cluster."""
    views = [kube("east"), kube("west")]
    for view, name in itertools.product(views, (_SPREAD, _NEAR)):
        feed(view, "create", _service(name))
    entries = [
        {"hosts": [f"{name}.{NAMESPACE}.svc.cluster.local"], "withinSeconds": _WITHIN, "prefer": prefer}
        for name, prefer in ((_SPREAD, "none"), (_NEAR, "network"))
    ]
    mesh.configure({**mesh.config(), "failover": entries})
    mesh.up()
    yield
    for view in views:
        view.kubectl("delete", f"--namespace={NAMESPACE}", "service", _SPREAD, _NEAR)


@pytest.mark.usefixtures("_failover")
def test_calls_do_without_a_dead_cluster_within_the_promised_time(
    mesh: Stack, start_clusters: Callable[..., Any]
) -> None:
    """Those that stay near do without it at once. When it returns, it is called again."""
    west = start_clusters("east", "west")["west"]
    with _load(_SPREAD) as spread, _load(_NEAR) as near:
        spread.wait_until(lambda report: report.answered("east")["west"] > 5)
        with dead(west):
            died = datetime.now(UTC)
            late = died + timedelta(seconds=_WITHIN)
            # Long enough for the cluster to be tried again, twice.
            spread.wait_until(lambda report: report.answered("east", after=late)["east"] > 60)
            without = spread.report.answered("east", after=late)
            verdict = verify(mesh, timeout=1)
            assert verdict.reasons("east", "west")[:1] == ["api-server-unreachable"], verdict
            assert verdict.reasons("east", "east") == [], verdict
        back = datetime.now(UTC)
        spread.wait_until(lambda report: report.answered("east", after=back)["west"] > 5)
    assert set(without) == {"east"}, spread.report
    outside = [call for call in spread.report.failed if not died <= call.ended <= late]
    assert not outside, spread.report
    assert len(spread.report.failed) <= _MOST_FAILED, str(spread.report)
    assert not near.report.failed, near.report
    assert set(near.report.answered("east", after=died)) == {"east"}, near.report


@pytest.mark.usefixtures("_failover")
def test_calls_that_stay_near_leave_when_nothing_is_left_there(kube: View) -> None:
    """And come back with the pods; none fails on the way."""
    server = f"deployment/{SERVICE}-east"

    def scale(replicas: int) -> datetime:
        kube("east").kubectl("scale", f"--namespace={NAMESPACE}", server, f"--replicas={replicas}")
        return datetime.now(UTC)

    with _load(_NEAR) as near:
        gone = scale(0)
        near.wait_until(lambda report: report.answered("east", after=gone)["west"] > 5)
        back = scale(1)
        kube("east").kubectl("rollout", "status", f"--namespace={NAMESPACE}", server, "--timeout=110s")
        near.wait_until(lambda report: report.answered("east", after=back)["east"] > 5)
    assert not near.report.failed, near.report


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


def _load(service: str) -> Load:
    return Load(cluster.merged_kubeconfig(), ["east"], url=f"http://{service}.{NAMESPACE}:{PORT}/hello")


def _service(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": SERVICE}, "ports": [{"name": "http", "port": PORT}]},
    }
