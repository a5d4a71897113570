"""Certificates and tokens of all clusters, read from the recorded mesh."""

import base64

from mesh.live.facts import ClusterTrust, CredentialEnd
from mesh.live.istio_system import read_trust
from mesh.live.trust import read_cluster_trust
from tests.builders.certificates import authority
from tests.builders.kubeconfigs import kubeconfig
from tests.recordings.recorded import SYSTEM, Recording


def test_each_cluster_has_its_ca_tokens_and_proxies(recording: Recording) -> None:
    """Gateway, server and client have certificates of their cluster's intermediate, under one root."""
    found = read_cluster_trust(recording.config, workloads=True)
    for name, remote in (("east", "west"), ("west", "east")):
        assert found[name].trust == read_trust(recording.api(name))
        assert list(found[name].reader_tokens) == [1]
        assert found[name].remote_tokens == {remote: 1}
        [((intermediate, root), proxies)] = found[name].proxies.items()
        assert (root, proxies) == ("dev root CA 1", 3)
        assert name in intermediate


def test_credentials_that_end_are_read_from_remote_secrets(recording: Recording) -> None:
    """Those by which a cluster reads another one: the end is theirs, wherever they come from."""
    peer = authority("peer", ca=False)
    user = {
        "token": "t",
        "client-certificate-data": base64.b64encode(peer.pem.encode()).decode(),
        "client-key-data": base64.b64encode(peer.key_pem.encode()).decode(),
    }
    text = kubeconfig({"relay": "https://relay.example.com"}, current="relay", user=user)
    for secret in recording.items("east", f"{SYSTEM}/secrets", fieldSelector="type=Opaque"):
        if secret["metadata"]["name"] == "istio-remote-secret-west":
            secret["data"]["west"] = base64.b64encode(text.encode()).decode()
    found = read_cluster_trust(recording.config, workloads=False)
    end = CredentialEnd(remote="west", subject="peer", expires=peer.certificate.not_valid_after_utc)
    assert (found["east"].ends, found["west"].ends) == ((end,), ())


def test_proxies_are_asked_only_on_request(recording: Recording) -> None:
    """That takes a command in each of them."""
    recording.fail_commands("east", "config_dump")
    found = read_cluster_trust(recording.config, workloads=False)["east"]
    assert found.proxies == {}
    assert found.unreachable is None


def test_a_proxy_that_cannot_be_asked_counts_as_unknown(recording: Recording) -> None:
    """It does not hide the cluster's other facts."""
    recording.fail_commands("east", "config_dump")
    found = read_cluster_trust(recording.config, workloads=True)["east"]
    assert found.proxies == {("unknown", "unknown"): 3}


def test_a_token_of_no_generation_is_left_out(recording: Recording) -> None:
    """Such as one that somebody has made by hand."""
    items = recording.items(
        "east", f"{SYSTEM}/secrets", fieldSelector="type=kubernetes.io/service-account-token"
    )
    items[0]["metadata"]["name"] = "by-hand"
    assert read_cluster_trust(recording.config, workloads=False)["east"].reader_tokens == {}


def test_a_cluster_that_refuses_is_not_unreachable(recording: Recording) -> None:
    """And the others are read."""
    recording.refuse("west", 403, "secrets is forbidden", only="secrets")
    found = read_cluster_trust(recording.config, workloads=True)
    assert found["west"] == ClusterTrust(refused="secrets is forbidden")
    assert found["east"].unreachable is None
