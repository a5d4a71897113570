"""What ztunnels hold, and where they send calls; answers have the form of istio/ztunnel's admin page."""

import base64
from typing import Any

import pytest

from mesh.live.facts import Holders, PathFacts
from mesh.live.kubernetes_api import ExecError
from mesh.live.ztunnel import endpoints, held, read_holders, read_path
from mesh.pki.renewal import Held
from tests.builders.certificates import Authority, authority
from tests.builders.pods import AnsweringApi, ready_pod, with_proxy
from tests.recordings.recorded import Recording

_SYSTEM = "/api/v1/namespaces/istio-system"
_GATEWAY_PODS = f"{_SYSTEM}/pods?gateway.networking.k8s.io/gateway-name=istio-eastwestgateway-ambient"
_ROOT, _NEXT = authority("dev root CA 1"), authority("dev root CA 2")
_EAST = authority("east 1", issuer=_ROOT)
_CART = authority("cart", issuer=_EAST, ca=False)
_HOST = "helloworld.sample.svc.cluster.local"


def _dumped(*authorities: Authority) -> list[dict[str, str]]:
    return [{"pem": base64.b64encode(a.pem.encode()).decode(), "serialNumber": "1"} for a in authorities]


def _certificates(*roots: Authority) -> list[dict[str, Any]]:
    return [
        {
            "identity": "spiffe://cluster.local/ns/shop/sa/cart",
            "state": "Available",
            "certChain": _dumped(_CART, _EAST),
            "rootCerts": _dumped(*roots),
        },
        {"identity": "spiffe://x", "state": "Initializing", "certChain": [], "rootCerts": []},
        {"identity": "spiffe://y", "state": "Unavailable: forgotten", "certChain": [], "rootCerts": []},
    ]


def _workload(uid: str, **more: Any) -> dict[str, Any]:
    return {"uid": uid, "workloadIps": [], "namespace": "sample", **more}


_REMOTE = f"net-west/SplitHorizonWorkload/istio-system/g/203.0.113.8/sample/{_HOST}"
_DUMP = {
    "certificates": _certificates(_ROOT, _NEXT),
    "workloads": [
        _workload("east//Pod/sample/helloworld-1", workloadIps=["10.1.0.4"]),
        _workload(_REMOTE, networkGateway={"destination": "net-west/203.0.113.8", "hboneMtlsPort": 15008}),
    ],
    "services": [
        {
            "hostname": _HOST,
            "endpoints": {
                uid: {"workloadUid": uid, "port": {"5000": 5000}, "status": "Healthy"}
                for uid in ("east//Pod/sample/helloworld-1", _REMOTE, "east//Pod/sample/unknown")
            },
        },
        {"hostname": "other.sample.svc.cluster.local", "endpoints": {"a": {"workloadUid": "a"}}},
    ],
}
_HELD = Held(
    holder="ztunnel-a",
    identity="spiffe://cluster.local/ns/shop/sa/cart",
    intermediate="east 1",
    root=_ROOT.pem,
    trusted=_ROOT.pem + _NEXT.pem,
)


def test_a_certificate_is_followed_to_its_root_and_comes_with_those_that_are_trusted() -> None:
    """Identities that have none yet, or no more, count for nothing."""
    assert list(held("ztunnel-a", _DUMP)) == [_HELD]


@pytest.mark.parametrize(
    "dump",
    [
        {},
        {"certificates": None},
        {"certificates": [{}]},
        {"certificates": [{**_certificates()[0], "certChain": [{"pem": "!"}]}]},
        {"certificates": [{**_certificates()[0], "certChain": []}]},
    ],
)
def test_an_answer_of_another_form_is_no_answer(dump: dict[str, Any]) -> None:
    """Not a ztunnel that holds nothing."""
    with pytest.raises(ExecError, match="certificates of istio-system/ztunnel-a cannot be read"):
        list(held("ztunnel-a", dump))


def test_endpoints_are_pods_and_the_gateways_of_other_networks() -> None:
    """In the form that gateways are compared in; lists were maps in earlier versions."""
    assert endpoints(_DUMP, _HOST) == ("10.1.0.4", "203.0.113.8:15008")
    assert endpoints(_DUMP, "nobody.sample.svc.cluster.local") == ()
    listed: dict[str, Any] = {
        "workloads": {str(n): w for n, w in enumerate(_DUMP["workloads"])},
        "services": {str(n): s for n, s in enumerate(_DUMP["services"])},
    }
    assert endpoints(listed, _HOST) == ("10.1.0.4", "203.0.113.8:15008")


@pytest.mark.parametrize("dump", [{}, {"workloads": [], "services": [{}]}, {"workloads": 1, "services": []}])
def test_endpoints_of_another_form_cannot_be_read(dump: dict[str, Any]) -> None:
    """Not an empty list."""
    with pytest.raises(ExecError, match="list of endpoints cannot be read"):
        endpoints(dump, _HOST)


def _api(objects: dict[str, Any] | None = None, **pods: Any) -> AnsweringApi:
    there = {
        f"{_SYSTEM}/pods?app=ztunnel": [ready_pod("ztunnel-a"), _not_ready("ztunnel-b")],
        _GATEWAY_PODS: [with_proxy(ready_pod("gateway-1"), "proxy", "waypoint")],
    }
    return AnsweringApi({**there, **(objects or {})}, {name.replace("_", "-"): a for name, a in pods.items()})


def _not_ready(name: str) -> dict[str, Any]:
    return {**ready_pod(name), "status": {"phase": "Running"}}


def test_who_cannot_be_asked_is_told_and_who_is_not_ready_is_left_out() -> None:
    """That one asks for new certificates when it starts."""
    found = read_holders(_api(ztunnel_a=_DUMP))
    assert found == Holders(
        held=(_HELD,), not_asked={"gateway-1": "no command can be run in istio-system/gateway-1"}
    )
    (why,) = read_holders(_api({_GATEWAY_PODS: []})).not_asked.items()
    assert why == ("ztunnel-a", "port 15000 of istio-system/ztunnel-a cannot be asked")


def test_the_gateways_own_certificate_is_read_from_its_proxy(recording: Recording) -> None:
    """As that of every other proxy."""
    api = recording.api("east")
    (pod,) = recording.items("east", f"{_SYSTEM}/pods", labelSelector="istio=eastwestgateway")
    for selector, items in ((_GATEWAY_PODS.partition("?")[2], [pod]), ("app=ztunnel", [])):
        recording.add("east", f"{_SYSTEM}/pods", {"items": items}, labelSelector=selector)
    (one,) = read_holders(api).held
    assert (one.holder, one.identity) == (pod["metadata"]["name"], "")
    assert one.root == one.trusted
    assert one.root in recording.object("east", f"{_SYSTEM}/configmaps/istio-ca-root-cert")["data"].values()


def _path(*ways: str, node: str = "n", **pods: Any) -> PathFacts:
    return read_path(_api(**pods), node=node, host=_HOST, ways=ways)


def test_a_path_is_what_the_ztunnel_of_the_node_has() -> None:
    """With a connection from the cluster's own gateway, which nothing redirects."""
    refused = "Error: Last error: dial tcp 203.0.113.8:15008: connect: connection refused"
    found = _path("203.0.113.8:15008", ztunnel_a=_DUMP, gateway_1=refused)
    assert found == PathFacts(
        endpoints=("10.1.0.4", "203.0.113.8:15008"), probed="203.0.113.8:15008", probe="connection refused"
    )
    assert _path(ztunnel_a=_DUMP) == PathFacts(endpoints=("10.1.0.4", "203.0.113.8:15008"))


def test_a_node_without_a_ztunnel_that_answers_is_a_problem() -> None:
    """Not a service without endpoints."""
    assert _path(node="other", ztunnel_a=_DUMP).problem == "no ztunnel is ready on the node other"
    assert "cannot be asked" in str(_path().problem)
