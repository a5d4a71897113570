"""A remote and its primary in a mesh of several forms: what is where, what breaks it, and how a role changes.

They need the mesh of `tests/e2e/reach.py`: `north` is a remote of `east`, on another network.
"""

import json
from collections.abc import Callable

import pytest

from tests.e2e.faults import SYSTEM, check, checks, mended, passes, restart, run_hint, sees
from tests.e2e.kube import Kube, eventually, strangers
from tests.e2e.reach import AROUND
from tests.e2e.stack import Stack

pytestmark = pytest.mark.reach

View = Callable[[str], Kube]
_PRIMARY, _REMOTE = "east", "north"
_OTHERS = sorted({*AROUND} - {_PRIMARY, _REMOTE})


def test_a_remote_has_no_control_plane_and_no_ca(reach: Stack, kube: View) -> None:
    """Its workloads have certificates of its primary's intermediate."""
    pods = kube(_REMOTE).get("pods", f"--namespace={SYSTEM}", "--selector=app=istiod")
    assert pods["items"] == []
    missing = kube(_REMOTE).run(
        "kubectl", f"--context={_REMOTE}", "get", "secret", "cacerts", f"--namespace={SYSTEM}", check=False
    )
    assert "NotFound" in missing.stderr
    report = json.loads(reach.command("trust", "--workloads", "--output=json").stdout)
    assert report["findings"] == []
    issuers = {(row["cluster"], row["intermediate"]) for row in report["workloads"]}
    by_primary = {intermediate for cluster, intermediate in issuers if cluster == _PRIMARY}
    assert {intermediate for cluster, intermediate in issuers if cluster == _REMOTE} == by_primary
    assert len(by_primary) == 1


def test_new_pods_of_a_remote_get_a_proxy_from_its_primary(reach: Stack, kube: View) -> None:
    """Also when the gateway's pods are new, through which the others come."""
    restart(kube(_REMOTE), "istio-eastwestgateway")
    restart(kube(_REMOTE), "client", f"helloworld-{_REMOTE}", namespace="sample")
    passes(reach)


def test_a_primary_without_istiod_is_named_for_its_remote_too(reach: Stack, kube: View) -> None:
    """Once, as what is wrong in the primary; its hint mends both."""
    kube(_PRIMARY).kubectl("scale", f"--namespace={SYSTEM}", "deployment/istiod", "--replicas=0")
    verdict = sees(reach, _REMOTE, _REMOTE, "istiod-down")
    finding = verdict.finding(_REMOTE, _REMOTE)
    assert finding["cluster"] == _PRIMARY
    assert set(verdict.failed()) >= {(_REMOTE, _REMOTE), (_PRIMARY, _REMOTE), (_OTHERS[0], _REMOTE)}
    run_hint(reach, kube, finding)
    passes(reach)


def test_a_way_to_the_control_plane_that_is_gone_is_named(reach: Stack, kube: View) -> None:
    """Calls go on: proxies work with what they have."""
    kube(_PRIMARY).kubectl(
        "delete", "gateways.networking.istio.io", "istiod-gateway", f"--namespace={SYSTEM}"
    )
    finding = checks(reach, "control-plane-unreachable", _REMOTE)
    assert finding["peer"] == _PRIMARY
    assert set(kube(_REMOTE).answers(20)) <= {*AROUND}
    reach.up("--refresh")
    mended(reach)


def test_another_role_is_refused_and_changes_nothing(reach: Stack) -> None:
    """In both directions, with the way."""
    before = reach.config()
    try:
        for name, settings, message in (
            (_REMOTE, {}, f"is not set, and {_REMOTE} runs with the control plane of {_PRIMARY}"),
            (_OTHERS[-1], {"controlPlane": _PRIMARY}, "runs with a control plane of its own"),
        ):
            config = reach.config()
            own = {k: v for k, v in before["clusters"][name].items() if k != "controlPlane"}
            config["clusters"] = {**before["clusters"], name: {**own, **settings}}
            reach.configure(config)
            refused = reach.pulumi("preview", check=False)
            said = refused.stdout + refused.stderr
            assert refused.returncode != 0
            assert message in said
            assert "docs/runbooks/change-identity.md#role" in said
    finally:
        reach.configure(before)
    assert reach.preview() == []


def test_a_remote_that_goes_leaves_nothing_and_comes_back(reach: Stack, kube: View) -> None:
    """The others go on meanwhile."""
    before = reach.config()
    rest = {name: entry for name, entry in before["clusters"].items() if name != _REMOTE}
    try:
        reach.configure({**before, "clusters": rest})
        reach.up()
        left = {found for found in kube(_REMOTE).objects() if "istio" in found}
        assert strangers(left) == set()
        assert not kube(_PRIMARY).get("gateways.networking.istio.io", f"--namespace={SYSTEM}")["items"][1:]
        eventually(lambda: set(kube(_PRIMARY).answers(20)) == {*rest}, lambda: kube(_PRIMARY).answers(20))
    finally:
        reach.configure(before)
        reach.up()
    passes(reach)
    code, report = check(reach, "--wait=90")
    assert code == 0, report
