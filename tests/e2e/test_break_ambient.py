"""What breaks an ambient mesh is named by `mesh verify` and `mesh check`, and the hint mends it.

These tests need a ztunnel: see `tests/e2e/ambient.py`.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from mesh.istio.names import HBONE_PORT, ISTIOD_PORT
from mesh.samples.names import CLIENT, NAMESPACE, SERVICE
from sandbox.cluster import Cluster
from tests.e2e.ambient import GATEWAY, NAMES, NOWHERE
from tests.e2e.faults import SYSTEM, checks, feed, follow, mended, passes, patch, run_hint, sees
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack
from tests.fixtures import needs_ztunnel

pytestmark = [pytest.mark.ambient, needs_ztunnel]

View = Callable[[str], Kube]
_GATEWAYS = "gateways.gateway.networking.k8s.io"
_TO_WEST = {("east", "west")}
_BETWEEN = {("east", "west"), ("west", "east")}
_WITH_WEST = {*_BETWEEN, ("west", "west")}


@pytest.mark.parametrize(
    ("variable", "reason"),
    [("ISTIO_META_CLUSTER_ID=elsewhere", "ztunnel-cluster"), ("NETWORK-", "ztunnel-network")],
)
def test_a_ztunnel_that_is_told_something_else_is_named(
    ambient: Stack, kube: View, variable: str, reason: str
) -> None:
    """One of another cluster is never ready, and the one of before goes on; one without a network is."""
    kube("west").kubectl("set", "env", f"--namespace={SYSTEM}", "daemonset/ztunnel", variable)
    verdict = sees(ambient, "east", "west", reason)
    assert verdict.failed() == dict.fromkeys(_WITH_WEST, reason), verdict
    follow(ambient, kube, verdict, "east", "west")


@pytest.mark.parametrize(
    ("daemon", "reason"), [("ztunnel", "ztunnel-not-ready"), ("istio-cni-node", "cni-not-ready")]
)
def test_what_is_on_no_node_is_named(ambient: Stack, kube: View, daemon: str, reason: str) -> None:
    """Somebody has given it a selector that takes no node."""
    patch(kube("west"), "daemonset", daemon, {"spec": {"template": {"spec": {"nodeSelector": NOWHERE}}}})
    verdict = sees(ambient, "east", "west", reason)
    assert verdict.failed() == dict.fromkeys(_WITH_WEST, reason), verdict
    follow(ambient, kube, verdict, "east", "west")


def test_a_ztunnel_that_has_lost_istiod_is_named(
    ambient: Stack, kube: View, start_clusters: Callable[..., Mapping[str, Cluster]]
) -> None:
    """A firewall between the two ends the connection, and lets none through."""
    west = start_clusters(*NAMES)["west"]
    (istiod,) = kube("west").get("pods", f"--namespace={SYSTEM}", "--selector=app=istiod")["items"]
    to_istiod = ["-p", "tcp", "-d", istiod["status"]["podIP"], "--dport", str(ISTIOD_PORT)]
    rule = ["FORWARD", *to_istiod, "-j", "REJECT", "--reject-with", "tcp-reset"]

    def allow() -> None:
        west.run(["iptables", "-D", *rule]).check_returncode()

    west.run(["iptables", "-I", *rule]).check_returncode()
    try:
        verdict = sees(ambient, "east", "west", "ztunnel-not-connected", seconds=120)
        assert verdict.failed() == dict.fromkeys(_WITH_WEST, "ztunnel-not-connected"), verdict
    except BaseException:
        allow()
        raise
    follow(ambient, kube, verdict, "east", "west", also=allow)


@pytest.mark.parametrize(
    ("deployment", "caller", "target", "checked"),
    [(f"{SERVICE}-west", "east", "west", 0), (CLIENT, "west", "east", None)],
)
def test_pods_without_the_label_are_named(
    ambient: Stack, kube: View, deployment: str, caller: str, target: str, checked: int | None
) -> None:
    """Calls to the server are reset; those of the client are refused. `check` has a warning of the first."""
    west = kube("west")
    labels = {"istio.io/dataplane-mode": None}
    patch(west, "deployment", deployment, {"spec": {"template": {"metadata": {"labels": labels}}}}, NAMESPACE)
    west.kubectl("rollout", "status", f"--namespace={NAMESPACE}", f"deployment/{deployment}")
    verdict = sees(ambient, caller, target, "pods-not-enrolled", checked=checked)
    assert set(verdict.failed()) == {(caller, target), ("west", "west")}, verdict
    follow(ambient, kube, verdict, caller, target)


def test_pods_of_a_global_service_outside_the_mesh_are_named(ambient: Stack, kube: View) -> None:
    """A warning: each of two ways out of it mends it."""
    west = kube("west")
    image = west.get("deployment", CLIENT, f"--namespace={NAMESPACE}")["spec"]["template"]["spec"]
    container = {"name": "web", "image": image["containers"][0]["image"], "command": ["sleep", "infinity"]}
    labels = {"app": "web"}
    objects: list[dict[str, Any]] = [
        {"kind": "Namespace", "metadata": {"name": "plain"}},
        {
            "kind": "Service",
            "metadata": {"name": "web", "namespace": "plain", "labels": {"istio.io/global": "true"}},
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 80}]},
        },
        {
            "kind": "Pod",
            "metadata": {"name": "web", "namespace": "plain", "labels": labels},
            "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
        },
    ]
    try:
        for document in objects:
            feed(west, "apply", {"apiVersion": "v1", **document})
        west.kubectl("wait", "--namespace=plain", "pod/web", "--for=condition=Ready", "--timeout=60s")
        finding = checks(ambient, "pods-not-enrolled", "west", code=0)
        assert "plain/web" in finding["message"], finding
        enrol, keep_inside = finding["hint"].split("; or ")
        run_hint(ambient, kube, {**finding, "hint": enrol})
        mended(ambient)
        west.kubectl("label", "namespace", "plain", "istio.io/dataplane-mode-")
        finding = checks(ambient, "pods-not-enrolled", "west", code=0)
        run_hint(ambient, kube, {**finding, "hint": keep_inside})
        mended(ambient)
    finally:
        west.kubectl("delete", "namespace", "plain", "--ignore-not-found")


def test_a_gateway_scaled_to_zero_is_named(ambient: Stack, kube: View) -> None:
    """It is programmed and has an address, and about half of the calls fail."""
    kube("west").kubectl("scale", f"--namespace={SYSTEM}", f"deployment/{GATEWAY}", "--replicas=0")
    verdict = sees(ambient, "east", "west", "hbone-gateway-down")
    assert set(verdict.failed()) == _TO_WEST, verdict
    follow(ambient, kube, verdict, "east", "west")


def test_a_deleted_gateway_is_named(ambient: Stack, kube: View) -> None:
    """With it goes all that istiod has made of it, and all calls of others stay where they are."""
    kube("west").kubectl("delete", f"--namespace={SYSTEM}", _GATEWAYS, GATEWAY)
    verdict = sees(ambient, "east", "west", "hbone-gateway-down")
    assert set(verdict.failed()) == _TO_WEST, verdict
    follow(ambient, kube, verdict, "east", "west")


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"labels": {"topology.istio.io/network": None}}},
        {"metadata": {"labels": {"topology.istio.io/network": "net-other"}}},
        {"spec": {"listeners": [{"name": "mesh", "port": 15009, "protocol": "HBONE"}]}},
    ],
    ids=["no network", "another network", "another port"],
)
def test_a_changed_gateway_is_named(ambient: Stack, kube: View, change: Mapping[str, Any]) -> None:
    """Control planes of other clusters do not find it any more, or not as it should be."""
    patch(kube("west"), _GATEWAYS, GATEWAY, change)
    verdict = sees(ambient, "east", "west", "hbone-gateway-changed")
    assert set(verdict.failed()) == _TO_WEST, verdict
    follow(ambient, kube, verdict, "east", "west")


def test_a_gateway_without_an_address_is_named(ambient: Stack, kube: View) -> None:
    """The load balancer is asked for an address that it does not have."""
    patch(kube("west"), "service", GATEWAY, {"spec": {"loadBalancerIP": "192.0.2.9"}})
    verdict = sees(ambient, "east", "west", "hbone-gateway-without-address")
    assert set(verdict.failed()) == _TO_WEST, verdict
    follow(ambient, kube, verdict, "east", "west")


def test_a_blocked_port_is_named(
    ambient: Stack, kube: View, start_clusters: Callable[..., Mapping[str, Cluster]]
) -> None:
    """A firewall in front of the gateway drops what comes for 15008, and says nothing."""
    west = start_clusters(*NAMES)["west"]
    service = kube("west").get("service", GATEWAY, f"--namespace={SYSTEM}")
    address = service["status"]["loadBalancer"]["ingress"][0]["ip"]
    rule = ["PREROUTING", "-p", "tcp", "-d", address, "--dport", str(HBONE_PORT), "-j", "DROP"]
    west.run(["iptables", "-t", "raw", "-I", *rule]).check_returncode()
    try:
        verdict = sees(ambient, "east", "west", "gateway-port-unreachable", seconds=120)
        assert set(verdict.failed()) == _TO_WEST, verdict
    finally:
        # What the hint says has no command: the port is allowed again.
        west.run(["iptables", "-t", "raw", "-D", *rule]).check_returncode()
    passes(ambient)


def test_a_service_that_is_global_on_one_side_is_named(ambient: Stack, kube: View) -> None:
    """No call fails, and none goes across. For `check` that is a warning: it may be meant so."""
    label = ("label", f"--namespace={NAMESPACE}", "service", SERVICE)
    kube("west").kubectl(*label, "istio.io/global-")
    verdict = sees(ambient, "east", "west", "service-not-global", checked=0)
    assert verdict.failed() == dict.fromkeys(_BETWEEN, "service-not-global"), verdict
    follow(ambient, kube, verdict, "east", "west")
    kube("west").kubectl(*label, "istio.io/global-")
    run_hint(ambient, kube, checks(ambient, "service-not-global", "west", code=0))
    mended(ambient)


def test_a_policy_that_istiod_does_not_take_is_named(ambient: Stack, kube: View) -> None:
    """It is for a Service without a waypoint. The hint has no command: whoever made it has to change it."""
    policy = _policy()
    feed(kube("west"), "apply", policy)
    try:
        finding = checks(ambient, "policy-not-accepted", "west", code=0)
        assert "not bound to a waypoint" in finding["message"], finding
    finally:
        feed(kube("west"), "delete", policy)
    mended(ambient)


@pytest.fixture(scope="module")
def waypoints(ambient: Stack) -> Iterator[Stack]:
    """The mesh with a waypoint before HelloWorld in both clusters."""
    before = ambient.config()
    ambient.configure({**copy.deepcopy(before), "waypoints": [NAMESPACE]})
    ambient.up()
    yield ambient
    ambient.configure(before)
    ambient.up()


def test_a_waypoint_scaled_to_zero_is_named(waypoints: Stack, kube: View) -> None:
    """Its Gateway is programmed, and calls of its cluster's clients fail."""
    kube("west").kubectl("scale", f"--namespace={NAMESPACE}", "deployment/waypoint", "--replicas=0")
    verdict = sees(waypoints, "west", "west", "waypoint-down")
    follow(waypoints, kube, verdict, "west", "west")


def test_a_waypoint_on_one_side_is_named(waypoints: Stack, kube: View) -> None:
    """Calls of the clients that know of none are refused by the one of the other cluster."""
    kube("west").kubectl("label", "namespace", NAMESPACE, "istio.io/use-waypoint-")
    verdict = sees(waypoints, "west", "east", "waypoint-on-one-side")
    follow(waypoints, kube, verdict, "west", "east")


def test_policies_of_one_cluster_are_named(waypoints: Stack, kube: View) -> None:
    """What one cluster forbids is allowed to clients of the other; the hint compares the two."""
    policy = _policy()
    feed(kube("east"), "apply", policy)
    try:
        finding = checks(waypoints, "policies-differ", "east")
        feed(kube("west"), "apply", policy)
        run_hint(waypoints, kube, finding)
        mended(waypoints)
    finally:
        for name in NAMES:
            kube(name).kubectl("delete", f"--namespace={NAMESPACE}", "--ignore-not-found", *_POLICY)
    mended(waypoints)


def test_definitions_of_the_gateway_api_that_are_gone_are_named(ambient: Stack, kube: View) -> None:
    """With them go all Gateways. In east they are the stack's, which makes all of it again."""
    definitions = (f"{kind}.gateway.networking.k8s.io" for kind in ("gateways", "gatewayclasses"))
    kube("east").kubectl("delete", "customresourcedefinitions", *definitions)
    verdict = sees(ambient, "west", "east", "gateway-api-missing")
    follow(ambient, kube, verdict, "west", "east")
    mended(ambient)
    assert ambient.preview() == []


_POLICY = ("authorizationpolicies", "no-such-path")


def _policy() -> dict[str, Any]:
    """One that denies what nobody calls."""
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": _POLICY[1], "namespace": NAMESPACE},
        "spec": {
            "targetRefs": [{"group": "", "kind": "Service", "name": SERVICE}],
            "action": "DENY",
            "rules": [{"to": [{"operation": {"paths": ["/no-such-path"]}}]}],
        },
    }
