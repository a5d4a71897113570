"""While values change, releases are upgraded and gateways come and go, calls in both directions go on.

When a pod of a gateway goes, the connections through it are ended after a while, with whatever call is under
way in them: Istio's own retries leave such a call out. These are the only calls that may fail, and the only
long connections that may break: docs/connections.md.
"""

import copy
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mesh.istio.names import GATEWAY
from sandbox import cluster, versions
from tests.e2e import gateways
from tests.e2e.connections import Connections
from tests.e2e.faults import SYSTEM, passes
from tests.e2e.kube import Kube, eventually
from tests.e2e.load import Load
from tests.e2e.stack import Stack

pytestmark = pytest.mark.load

View = Callable[[str], Kube]
OLD = ("east", "west")
_OF_GATEWAY = (f"--namespace={SYSTEM}", f"deployment/{GATEWAY}")
_ISTIOD = (f"--namespace={SYSTEM}", "deployment/istiod")
_DRAIN_SECONDS = 30
_SHORT_DRAIN_SECONDS = 6
_MINUTE = 60


@pytest.fixture(scope="module", autouse=True)
def _as_before(mesh: Stack, used_after: bool) -> Iterator[None]:
    """The configuration comes back afterwards, whatever the tests did to it."""
    before = mesh.config()
    yield
    if used_after:
        mesh.configure(before)
        mesh.up()
        passes(mesh)


def test_changed_values_cost_nothing_but_what_a_gateway_cuts(
    mesh: Stack, kube: View, connections: Connections
) -> None:
    """Of the control plane and of the gateway, whose pods are made anew."""
    config = _changed(
        mesh,
        {
            "istiod": {"podAnnotations": {"changed": "1"}},
            "gateway": {"podAnnotations": {"changed": "1"}, "terminationGracePeriodSeconds": _DRAIN_SECONDS},
        },
    )
    with connections.watched() as watch, Load(cluster.merged_kubeconfig(), OLD) as load:
        mesh.configure(config)
        mesh.up()
        gateways.wait_until_gone(map(kube, OLD))
    for name in OLD:
        for app in ("istiod", GATEWAY):
            [pod] = gateways.pods(kube(name), app)
            assert pod["metadata"]["annotations"]["changed"] == "1"
    gateways.assert_only_cut(load, watch, OLD)


def test_an_upgrade_of_istio_costs_nothing_before_the_time_is_over_that_a_gateway_waits(
    mesh: Stack, kube: View, connections: Connections
) -> None:
    """All three releases of both clusters go from one chart version to the next.

    The gateways that go keep what goes through them for the seconds that the test before has set.
    """
    config = _changed(
        mesh,
        {
            "istiod": {"global": {"tag": versions.ISTIO_NEXT}},
            "gateway": {"terminationGracePeriodSeconds": _SHORT_DRAIN_SECONDS},
        },
    )
    config["istio"]["version"] = versions.ISTIO_NEXT
    with connections.watched() as watch, Load(cluster.merged_kubeconfig(), OLD) as load:
        mesh.configure(config)
        mesh.up()
        end = gateways.end_of_those_that_go(map(kube, OLD))
        gateways.wait_until_gone(map(kube, OLD))
    for name in OLD:
        charts = {release["chart"] for release in kube(name).releases().values()}
        assert charts == {f"{chart}-{versions.ISTIO_NEXT}" for chart in ("base", "istiod", "gateway")}
        [istiod] = gateways.pods(kube(name), "istiod")
        assert istiod["spec"]["containers"][0]["image"].endswith(f":{versions.ISTIO_NEXT}")
    gateways.assert_only_cut(load, watch, OLD, after=end)


def test_a_gateway_that_gets_another_pod_and_loses_it_again_costs_nothing(
    kube: View, connections: Connections
) -> None:
    """Kubernetes takes the younger pod away, through which no long connection goes."""
    with connections.watched() as watch, Load(cluster.merged_kubeconfig(), OLD) as load:
        for replicas in (2, 1):
            for name in OLD:
                kube(name).kubectl("scale", *_OF_GATEWAY, f"--replicas={replicas}")
            for name in OLD:
                kube(name).kubectl("rollout", "status", *_OF_GATEWAY, "--timeout=110s")
        gateways.wait_until_gone(map(kube, OLD))
    gateways.assert_only_cut(load, watch, OLD)
    assert not watch.broken, watch


def test_gateways_that_restart_while_there_is_no_control_plane_cost_nothing(
    kube: View, connections: Connections
) -> None:
    """For a minute, nobody makes the new pods, and the old ones stay; once there is one, they are made."""
    for name in OLD:
        kube(name).kubectl("scale", *_ISTIOD, "--replicas=0")
    for name in OLD:
        eventually(
            lambda name=name: not gateways.all_pods(kube(name), "istiod"),
            lambda: "an istiod is there",
        )
    before = {name: _names(gateways.pods(kube(name))) for name in OLD}
    try:
        with connections.watched() as watch, Load(cluster.merged_kubeconfig(), OLD) as load:
            for name in OLD:
                kube(name).kubectl("rollout", "restart", *_OF_GATEWAY)
            time.sleep(_MINUTE)
        assert {name: _names(gateways.pods(kube(name))) for name in OLD} == before
        assert not load.report.failed, load.report
        assert not watch.broken, watch
    finally:
        for name in OLD:
            kube(name).kubectl("scale", *_ISTIOD, "--replicas=1")
    with connections.watched() as watch, Load(cluster.merged_kubeconfig(), OLD) as load:
        for name in OLD:
            kube(name).kubectl("rollout", "status", *_ISTIOD, "--timeout=110s")
            kube(name).kubectl("rollout", "restart", *_OF_GATEWAY)  # at once, not after Kubernetes' pause
            kube(name).kubectl("rollout", "status", *_OF_GATEWAY, "--timeout=110s")
        gateways.wait_until_gone(map(kube, OLD))
    gateways.assert_only_cut(load, watch, OLD)


def _changed(mesh: Stack, values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    config = copy.deepcopy(mesh.config())
    for chart, changes in values.items():
        chart_values = config["istio"]["values"].setdefault(chart, {})
        for key, value in changes.items():
            inner = chart_values.get(key)
            chart_values[key] = {**inner, **value} if isinstance(inner, dict) else value
    return config


def _names(pods: list[dict[str, Any]]) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods}
