"""Kubeconfigs: what is read of a user's, and what is written for peers."""

import base64

import pytest
import yaml

from mesh.config.resolved import ApiServer
from mesh.kubeconfig.read import Endpoint, endpoint
from mesh.kubeconfig.write import remote_kubeconfig

_TEXT = """
clusters:
- {name: c, cluster: {server: "https://10.0.0.1:6443", tls-server-name: api.internal}}
contexts:
- {name: east, context: {cluster: c, user: u}}
- {name: lost, context: {cluster: nowhere, user: u}}
users:
- {name: u, user: {token: very-secret}}
"""


def test_endpoint_of_a_context() -> None:
    """URL and the name in the server's certificate."""
    assert endpoint(_TEXT, "east") == Endpoint(server="https://10.0.0.1:6443", tls_server_name="api.internal")


@pytest.mark.parametrize(
    ("text", "context", "words"),
    [
        (_TEXT, "west", ["no context 'west'", "east, lost"]),
        (_TEXT, "lost", ["'lost'", "'nowhere'", "no server"]),
        ("[1, 2]", "east", ["expected a kubeconfig"]),
        ("a: b: c", "east", ["not valid YAML"]),
        ("contexts: {east: 1}", "east", ["contexts are a list"]),
        ("", "east", ["expected a kubeconfig"]),
    ],
)
def test_unusable_kubeconfigs_are_named_without_their_contents(
    text: str, context: str, words: list[str]
) -> None:
    """The reason is in the message, credentials are not."""
    with pytest.raises(ValueError, match=r".") as refused:
        endpoint(text, context)
    message = str(refused.value)
    assert all(word in message for word in words), message
    assert "very-secret" not in message


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
    """The CA for peers wins over the cluster's own."""
    server = ApiServer(
        server="https://relay.example.com",
        certificate_authority="RELAY",
        tls_server_name="west.relay",
        proxy_url="http://proxy:3128",
    )
    cluster = yaml.safe_load(remote_kubeconfig("west", server, token="t", certificate_authority="CA"))
    assert cluster["clusters"][0]["cluster"] == {
        "server": "https://relay.example.com",
        "certificate-authority-data": base64.b64encode(b"RELAY").decode(),
        "tls-server-name": "west.relay",
        "proxy-url": "http://proxy:3128",
    }
