"""What is written into a remote secret for peers."""

import base64

import yaml

from mesh.config.resolved import ApiServer
from mesh.kubeconfig.accepted import refusals
from mesh.kubeconfig.write import remote_kubeconfig
from tests.builders.certificates import authority

_CLIENT = authority("peer", ca=False)


def test_remote_kubeconfig_has_only_what_istiod_accepts() -> None:
    """A server, inline CA data and a token: no file, no command."""
    document = yaml.safe_load(
        remote_kubeconfig(
            "west", ApiServer(server="https://10.0.0.2:6443"), token="t", certificate_authority="CA"
        )
    )
    assert document["current-context"] == "west"
    assert document["clusters"] == [
        {
            "name": "west",
            "cluster": {
                "server": "https://10.0.0.2:6443",
                "certificate-authority-data": base64.b64encode(b"CA").decode(),
            },
        }
    ]
    assert document["users"] == [{"name": "west", "user": {"token": "t"}}]


def test_remote_kubeconfig_takes_what_is_given_for_peers() -> None:
    """Address, name, CA and proxy."""
    server = ApiServer(
        server="https://relay.example.com",
        tls_server_name="west.relay",
        proxy_url="http://proxy:3128",
    )
    cluster = yaml.safe_load(remote_kubeconfig("west", server, token="t", certificate_authority="RELAY"))
    assert cluster["clusters"][0]["cluster"] == {
        "server": "https://relay.example.com",
        "certificate-authority-data": base64.b64encode(b"RELAY").decode(),
        "tls-server-name": "west.relay",
        "proxy-url": "http://proxy:3128",
    }


def test_a_client_certificate_goes_beside_the_token() -> None:
    """Both inline, as istiod takes them."""
    server = ApiServer(
        server="https://relay.example.com",
        client_certificate=_CLIENT.pem,
        client_key=_CLIENT.key_pem,
    )
    text = remote_kubeconfig("west", server, token="t", certificate_authority=None)
    assert yaml.safe_load(text)["users"][0]["user"] == {
        "token": "t",
        "client-certificate-data": base64.b64encode(_CLIENT.pem.encode()).decode(),
        "client-key-data": base64.b64encode(_CLIENT.key_pem.encode()).decode(),
    }
    assert list(refusals(text)) == []


def test_without_a_ca_client_go_trusts_the_systems_own() -> None:
    """An empty text in its place would not be base64 of a certificate."""
    server = ApiServer(server="https://relay.example.com")
    text = remote_kubeconfig("west", server, token="t", certificate_authority=None)
    assert yaml.safe_load(text)["clusters"][0]["cluster"] == {"server": "https://relay.example.com"}
    assert list(refusals(text)) == []
