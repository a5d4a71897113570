"""What a proxy uses, read from the recorded mesh."""

import json
from typing import Any

import pytest

from mesh.istio.addresses import PeerAddress
from mesh.live.facts import PathFacts
from mesh.live.kubernetes_api import ExecError
from mesh.live.proxies import count_issuers, read_path, workload_trust
from mesh.pki.certificates import parse
from tests.recordings.recorded import SAMPLE, SYSTEM, Recording

_CLIENTS = {"path": f"{SAMPLE}/pods", "labelSelector": "app=client"}
_PODS = "/api/v1/pods"


def _client(recording: Recording) -> str:
    [pod] = recording.items("east", **_CLIENTS)
    return pod["metadata"]["name"]


def _gateway(recording: Recording) -> str:
    service = recording.object("west", f"{SYSTEM}/services/istio-eastwestgateway")
    return PeerAddress(address=service["status"]["loadBalancer"]["ingress"][0]["ip"]).authority


def _path(recording: Recording, *ways: str) -> PathFacts:
    return read_path(
        recording.api("east"),
        "sample",
        _client(recording),
        service="helloworld.sample",
        port=5000,
        ways=ways or (_gateway(recording),),
    )


def test_a_proxy_presents_a_chain_and_trusts_a_root(recording: Recording) -> None:
    """Both are those of `cacerts`."""
    found = workload_trust(recording.api("east"), "sample", _client(recording))
    secret = recording.object("east", f"{SYSTEM}/configmaps/istio-ca-root-cert")
    assert list(found.roots) == list(parse(secret["data"]["root-cert.pem"]))
    workload, intermediate, root = found.path
    assert root == found.roots[0]
    workload.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)


@pytest.mark.parametrize("printed", ["", "no healthy upstream", "{}", "null", '{"configs": []}'])
def test_a_proxy_without_a_certificate_says_so(recording: Recording, printed: str) -> None:
    """It has just started, or istiod does not answer it."""
    recording.change_output("east", "config_dump", lambda _: printed)
    with pytest.raises(ExecError, match="has no certificate yet"):
        workload_trust(recording.api("east"), "sample", _client(recording))


def test_a_certificate_that_is_still_empty_is_none(recording: Recording) -> None:
    """Envoy has the entry before it has the certificate."""
    recording.change_output(
        "east", "config_dump", lambda text: _emptied(text) if text.startswith("{") else text
    )
    assert count_issuers(recording.api("east")) == {("unknown", "unknown"): 3}


def test_only_running_pods_with_a_proxy_are_asked(recording: Recording) -> None:
    """The DNS server and istiod have none."""
    pods = recording.items("east", _PODS)
    assert len(pods) > 3
    for pod in pods:
        pod["status"]["phase"] = "Pending" if "client" in pod["metadata"]["name"] else pod["status"]["phase"]
    assert sum(count_issuers(recording.api("east")).values()) == 2


def test_a_path_has_the_gateways_endpoint_and_a_connection(recording: Recording) -> None:
    """One endpoint is the cluster's own, the other behind the gateway of the other cluster."""
    address = _gateway(recording)
    found = _path(recording)
    assert (found.probed, found.probe, found.problem) == (address, None, None)
    assert address in found.endpoints
    assert len(found.endpoints) == 2


def test_a_gateway_without_an_address_is_not_tried(recording: Recording) -> None:
    """The endpoints are read all the same."""
    found = read_path(
        recording.api("east"),
        "sample",
        _client(recording),
        service="helloworld.sample",
        port=5000,
        ways=(),
    )
    assert (found.probed, len(found.endpoints)) == (None, 2)


def test_a_service_that_the_proxy_does_not_know_has_no_endpoints(recording: Recording) -> None:
    """By name and port."""
    found = read_path(
        recording.api("east"),
        "sample",
        _client(recording),
        service="helloworld.other",
        port=5000,
        ways=(),
    )
    assert found == PathFacts()


def test_a_connection_that_is_refused_is_told(recording: Recording) -> None:
    """By what the proxy's agent printed last."""
    refused = "Error: Last error: dial tcp 203.0.113.7:15443: connect: connection refused"
    recording.change_output("east", "pilot-agent wait", lambda _: refused)
    assert _path(recording).probe == "connection refused"


@pytest.mark.parametrize(
    "printed", ["", "<html>", "[]", "null", '{"cluster_statuses": null}', '{"error": 1}']
)
def test_a_page_of_endpoints_that_cannot_be_read_is_a_problem(recording: Recording, printed: str) -> None:
    """Not an empty list of endpoints."""
    recording.change_output("east", "clusters?format=json", lambda _: printed)
    assert _path(recording).problem == "the proxy's list of endpoints cannot be read"


def test_a_proxy_in_which_nothing_can_be_run_is_a_problem(recording: Recording) -> None:
    """With the reason."""
    recording.fail_commands("east", "clusters?format=json")
    assert "no command can be run" in str(_path(recording).problem)


def _emptied(text: str) -> str:
    document: dict[str, Any] = json.loads(text)
    for entry in document["configs"]:
        entry["secret"] = {"name": entry["name"]}
    return json.dumps(document)
