"""While values change and releases are upgraded, calls in both directions go on.

When the pods of a gateway are made anew, the connections through the old ones are ended after a while, with
whatever call is under way in them: Istio's own retries leave such a call out. These are the only calls that
may fail.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox import cluster, versions
from tests.e2e.faults import SYSTEM, passes
from tests.e2e.kube import Kube
from tests.e2e.load import Load
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]
OLD = ("east", "west")
_CUT = "reset reason: connection termination"
_MOST_CUT = 4
"""Two gateways, each with a connection or two from the other side's client that may be in use just then."""


@pytest.fixture(scope="module", autouse=True)
def _as_before(mesh: Stack, used_after: bool) -> Iterator[None]:
    """The configuration comes back afterwards, whatever the tests did to it."""
    before = mesh.config()
    yield
    if used_after:
        mesh.configure(before)
        mesh.up()
        passes(mesh)


def test_changed_values_cost_no_call_but_those_that_a_gateway_cuts(mesh: Stack, kube: View) -> None:
    """Of the control plane and of the gateway, whose pods are made anew."""
    config = _changed(
        mesh,
        {"istiod": {"podAnnotations": {"changed": "1"}}, "gateway": {"podAnnotations": {"changed": "1"}}},
    )
    with Load(cluster.merged_kubeconfig(), OLD) as load:
        mesh.configure(config)
        mesh.up()
    for name in OLD:
        for app in ("istiod", "istio-eastwestgateway"):
            [pod] = _pods(kube(name), app)
            assert pod["metadata"]["annotations"]["changed"] == "1"
    _none_failed_but_cut_ones(load)


def test_an_upgrade_of_istio_costs_no_call_but_those_that_a_gateway_cuts(mesh: Stack, kube: View) -> None:
    """All three releases of both clusters go from one chart version to the next."""
    config = _changed(mesh, {"istiod": {"global": {"tag": versions.ISTIO_NEXT}}})
    config["istio"]["version"] = versions.ISTIO_NEXT
    with Load(cluster.merged_kubeconfig(), OLD) as load:
        mesh.configure(config)
        mesh.up()
    for name in OLD:
        charts = {release["chart"] for release in kube(name).releases().values()}
        assert charts == {f"{chart}-{versions.ISTIO_NEXT}" for chart in ("base", "istiod", "gateway")}
        [istiod] = _pods(kube(name), "istiod")
        assert istiod["spec"]["containers"][0]["image"].endswith(f":{versions.ISTIO_NEXT}")
    _none_failed_but_cut_ones(load)


def _none_failed_but_cut_ones(load: Load) -> None:
    report = load.report
    others = [call for call in report.failed if not call.reason.endswith(_CUT)]
    assert not others, str(report)
    assert len(report.failed) <= _MOST_CUT, str(report)
    for caller in OLD:
        assert set(report.answered(caller)) == set(OLD), report


def _changed(mesh: Stack, values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    config = copy.deepcopy(mesh.config())
    for chart, changes in values.items():
        chart_values = config["istio"]["values"].setdefault(chart, {})
        for key, value in changes.items():
            inner = chart_values.get(key)
            chart_values[key] = {**inner, **value} if isinstance(inner, dict) else value
    return config


def _pods(kube: Kube, app: str) -> list[dict[str, Any]]:
    """The pods of a Deployment that stay: those that are on their way out are left away."""
    pods = kube.get("pods", f"--namespace={SYSTEM}", f"--selector=app={app}")["items"]
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
