"""Ambient workloads call across networks, and no planned change fails a call.

These tests need a ztunnel: see `tests/e2e/ambient.py`. `pytest -rP` shows how many calls each has made.
"""

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from sandbox import cluster, versions
from sandbox.cluster import Cluster, Surroundings
from tests.e2e.ambient import GATEWAY, NAMES, both_loads, restart
from tests.e2e.faults import SYSTEM, check, feed, passes
from tests.e2e.kube import Kube, assert_answered_everywhere, eventually
from tests.e2e.load import Load
from tests.e2e.stack import Stack
from tests.fixtures import needs_ztunnel

pytestmark = [pytest.mark.ambient, needs_ztunnel]

View = Callable[[str], Kube]
_MOST_REFUSED = 4
"""A call or two of each client, until it connects anew."""
_DENIED = {"RBAC: access denied"}
_NATED = Surroundings(nat="25008:15008")


@pytest.fixture
def configured(ambient: Stack) -> Iterator[Callable[..., dict[str, Any]]]:
    """Give the stack's configuration to change; as it was is put back afterwards."""
    before = ambient.config()

    def change(**sections: Any) -> dict[str, Any]:
        config = {**copy.deepcopy(ambient.config()), **sections}
        ambient.configure(config)
        return config

    yield change
    if ambient.config() != before:
        ambient.configure(before)
        ambient.up()


def test_every_cluster_answers_every_cluster(ambient: Stack, kube: View) -> None:
    """`verify` and `check` pass, and a second update has nothing to do."""
    assert_answered_everywhere({name: kube(name) for name in NAMES})
    passes(ambient)
    code, report = check(ambient)
    assert code == 0, report
    assert ambient.preview() == []


def test_without_pods_of_its_own_a_cluster_is_answered_by_the_other(ambient: Stack, kube: View) -> None:
    """All calls go across, from the first on."""
    east = kube("east")
    east.kubectl("scale", "--namespace=sample", "deployment/helloworld-east", "--replicas=0")
    try:
        eventually(lambda: set(east.answers()) == {"west"}, east.answers)
        assert set(east.answers(30)) == {"west"}
    finally:
        east.kubectl("scale", "--namespace=sample", "deployment/helloworld-east", "--replicas=1")
    eventually(lambda: set(east.answers()) == set(NAMES), east.answers)


@pytest.mark.parametrize(
    "workload",
    ["daemonset/ztunnel", f"deployment/{GATEWAY}", "daemonset/istio-cni-node", "deployment/istiod"],
)
def test_a_restart_fails_no_call(ambient: Stack, kube: View, workload: str) -> None:
    """Of each part of one cluster; calls on kept connections may need another connection."""
    with both_loads() as loads:
        restart(kube("west"), workload)
    loads.assert_none_failed()


def test_a_cluster_behind_nat_joins_and_leaves(
    ambient: Stack,
    kube: View,
    fresh_clusters: Callable[..., Mapping[str, Cluster]],
    configured: Callable[..., dict[str, Any]],
) -> None:
    """It answers the others while it is in the mesh, and no call fails when it goes."""
    north = fresh_clusters("north", around={"north": _NATED})["north"]
    nat = north.layout.nat
    assert nat
    clusters = ambient.config()["clusters"]
    address = {"address": nat.address, "port": nat.port}
    joined = {**clusters["east"], "context": "north", "gateway": {"addresses": [address]}}
    with both_loads() as loads:
        configured(clusters={**clusters, "north": joined})
        ambient.up()
        loads.short.wait_until(lambda r: all(r.answered(name)["north"] > 3 for name in NAMES))
        assert ambient.outputs()["clusters"]["north"]["gatewayAddresses"] == [f"{nat.address}:{nat.port}"]
        assert_answered_everywhere({name: kube(name) for name in (*NAMES, "north")})
        configured(clusters=clusters)
        ambient.up()
    loads.assert_none_failed()
    cluster.stop(["north"])


def test_istio_is_upgraded(ambient: Stack, kube: View, configured: Callable[..., dict[str, Any]]) -> None:
    """Every release of both clusters, and the gateways that istiod makes, back and forth."""
    istio = copy.deepcopy(ambient.config()["istio"])
    istio["version"] = versions.ISTIO_NEXT
    for chart in ("istiod", "cni"):
        istio["values"][chart]["global"]["tag"] = versions.ISTIO_NEXT
    istio["values"]["ztunnel"]["tag"] = versions.ISTIO_NEXT
    with both_loads() as loads:
        configured(istio=istio)
        ambient.up()
    for name in NAMES:
        charts = {release["chart"] for release in kube(name).releases().values()}
        assert charts == {f"{c}-{versions.ISTIO_NEXT}" for c in ("base", "istiod", "cni", "ztunnel")}
        pods = kube(name).get("pods", f"--namespace={SYSTEM}")["items"]
        images = {pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in pods}
        assert images == {versions.ISTIO_NEXT}
    loads.assert_none_failed()


def test_a_waypoint_stands_before_the_services_of_a_namespace(
    ambient: Stack, kube: View, configured: Callable[..., dict[str, Any]]
) -> None:
    """In both clusters; what it forbids is forbidden, and no call fails when it comes and goes.

    Meanwhile calls stay inside, since a waypoint cannot come to both clusters at once (docs/ambient.md).
    """
    with both_loads() as loads:
        with _kept_inside(kube):
            configured(waypoints=["sample"])
            ambient.up()
        passes(ambient)
    loads.assert_none_failed()
    policy = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "no-hello", "namespace": "sample"},
        "spec": {
            "targetRefs": [{"group": "", "kind": "Service", "name": "helloworld"}],
            "action": "DENY",
            "rules": [{"to": [{"operation": {"paths": ["/hello"]}}]}],
        },
    }
    for name in NAMES:
        feed(kube(name), "apply", policy)
    try:
        for name in NAMES:
            eventually(lambda name=name: set(kube(name).answers()) == _DENIED, kube(name).answers)
    finally:
        for name in NAMES:
            feed(kube(name), "delete", policy)
    assert_answered_everywhere({name: kube(name) for name in NAMES})
    with both_loads() as loads:
        with _kept_inside(kube):
            configured(waypoints=[])
            ambient.up()
        passes(ambient)
    assert not loads.short.report.failed, str(loads.short.report)
    # A connection that is kept through a waypoint stays there, and a waypoint that goes refuses its calls.
    kept = loads.kept.report
    assert all(call.reason.startswith("HTTP 503") for call in kept.failed), str(kept)
    assert len(kept.failed) <= _MOST_REFUSED, str(kept)


def test_calls_stay_inside_while_the_other_gateway_is_dead_where_a_service_prefers_what_is_close(
    ambient: Stack, kube: View
) -> None:
    """Without it, about half of the calls fail, for as long as istiod holds the gateway for alive."""
    west = kube("west")
    with _kept_inside(kube):
        try:
            with Load(cluster.merged_kubeconfig(), ["east"]) as load:
                west.kubectl("scale", f"--namespace={SYSTEM}", f"deployment/{GATEWAY}", "--replicas=0")
                count = len(load.report.calls)
                load.wait_until(lambda report: len(report.calls) > count + 60)
            assert not load.report.failed, str(load.report)
        finally:
            west.kubectl("scale", f"--namespace={SYSTEM}", f"deployment/{GATEWAY}", "--replicas=1")
            west.kubectl("rollout", "status", f"--namespace={SYSTEM}", f"deployment/{GATEWAY}")
    assert_answered_everywhere({name: kube(name) for name in NAMES})


@contextlib.contextmanager
def _kept_inside(kube: View) -> Iterator[None]:
    """Let HelloWorld be called where the caller is, while there are pods of it."""
    annotation = "networking.istio.io/traffic-distribution"
    service = ("annotate", "--namespace=sample", "service/helloworld")
    for name in NAMES:
        kube(name).kubectl(*service, f"{annotation}=PreferClose")
    try:
        for name in NAMES:
            eventually(lambda name=name: set(kube(name).answers(20)) == {name}, kube(name).answers)
        yield
    finally:
        for name in NAMES:
            kube(name).kubectl(*service, f"{annotation}-")
