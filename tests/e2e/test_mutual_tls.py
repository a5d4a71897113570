"""Proof that calls between clusters are mutual TLS, through the gateways, and nothing else is answered."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE
from tests.e2e.faults import SYSTEM, feed
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]
_CALLS = 20
_CALLER = f"spiffe://cluster.local/ns/{NAMESPACE}/sa/{CLIENT}"
_ANSWERER = f"spiffe://cluster.local/ns/{NAMESPACE}/sa/{SERVICE}"


@pytest.fixture
def _a_connection_for_each_call(mesh: Stack, kube: View) -> Iterator[None]:
    """A gateway that passes TLS through counts connections: make as many of them as there are calls."""
    policy = {"connectionPool": {"http": {"maxRequestsPerConnection": 1}}}
    rule = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "a-connection-for-each-call", "namespace": NAMESPACE},
        "spec": {"host": f"{SERVICE}.{NAMESPACE}.svc.cluster.local", "trafficPolicy": policy},
    }
    feed(kube("east"), "create", rule)
    yield
    feed(kube("east"), "delete", rule)


@pytest.mark.usefixtures("_a_connection_for_each_call")
def test_the_gateway_counts_the_calls_that_the_other_cluster_answered(kube: View) -> None:
    """As many connections went through west's gateway on 15443 as calls from east were answered by west."""
    _calls(kube("east"), "hello", 2)  # connections from before the rule are used up
    before = _through_gateway(kube("west"))
    answers = _calls(kube("east"), "hello", _CALLS)
    by_west = sum("Hello version: west" in answer for answer in answers)
    assert by_west > 0, answers
    counted = _through_gateway(kube("west")) - before
    assert counted == by_west, "not every call that west answered came through its gateway"


@pytest.mark.usefixtures("mesh")
def test_the_answering_side_sees_the_identity_of_the_caller(kube: View) -> None:
    """Whichever cluster answers: its proxy has verified the client's certificate."""
    seen = [json.loads(answer) for answer in _calls(kube("east"), "headers", _CALLS)]
    assert len(seen) == _CALLS, "the answering side has not seen a certificate with every call"
    for headers in seen:
        [certificate] = headers["X-Forwarded-Client-Cert"]
        assert f"By={_ANSWERER};" in certificate, certificate
        assert certificate.endswith(f"URI={_CALLER}"), certificate


@pytest.mark.usefixtures("mesh")
def test_mutual_tls_is_strict_and_plain_text_is_refused(
    kube: View, start_clusters: Callable[..., Any]
) -> None:
    """The node itself can reach the pod, and is turned away without a certificate."""
    east = kube("east")
    mode = east.get("peerauthentication", "default", f"--namespace={NAMESPACE}")["spec"]["mtls"]["mode"]
    assert mode == "STRICT"
    [pod] = east.get("pods", f"--namespace={NAMESPACE}", f"--selector=app={SERVICE}")["items"]
    node: Any = start_clusters("east")["east"]
    address = f"{pod['status']['podIP']}:{PORT}"
    called = node.run(["curl", "-sS", "-m", "5", f"http://{address}/hello"])
    assert called.returncode == 56, called  # the connection stood, and was reset: not a wrong address
    assert "Hello" not in called.stdout, "a call in plain text was answered"


def _calls(kube: Kube, path: str, count: int) -> list[str]:
    loop = f"for i in $(seq {count}); do curl -sS -m 5 http://{SERVICE}.{NAMESPACE}:{PORT}/{path}; echo; done"
    loop = loop.replace(f"$(seq {count})", " ".join(map(str, range(count))))
    where = [f"--namespace={NAMESPACE}", f"deployment/{CLIENT}", f"--container={CLIENT}"]
    lines = kube.kubectl("exec", *where, "--", "sh", "-c", loop).splitlines()
    return [line for line in lines if line.strip()]


def _through_gateway(kube: Kube) -> int:
    """Connections that the gateway has made to the service, by Envoy's own count of each endpoint."""
    [pod] = kube.get("pods", f"--namespace={SYSTEM}", "--selector=istio=eastwestgateway")["items"]
    page = kube.kubectl(
        "exec",
        f"--namespace={SYSTEM}",
        pod["metadata"]["name"],
        "--",
        "pilot-agent",
        "request",
        "GET",
        "clusters",
    )
    name = re.escape(f"outbound_.{PORT}_._.{SERVICE}.{NAMESPACE}.svc.cluster.local")
    return sum(int(n) for n in re.findall(rf"^{name}::[\d.]+:{PORT}::cx_total::(\d+)$", page, re.MULTILINE))
