"""What is written into a remote secret for peers."""

import base64

import yaml

from mesh.config.resolved import ApiServer
from mesh.kubeconfig.write import remote_kubeconfig


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
