"""A mesh over clusters that reach each other in many ways at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.cluster import Cluster, Surroundings
from tests.e2e.stack import Stack, mesh_config

AROUND: Mapping[str, Surroundings] = {
    "east": Surroundings(network="eu"),
    "west": Surroundings(network="eu", api_server="relay"),
    "north": Surroundings(nat="18443:15443"),
    "south": Surroundings(load_balancer="none", external_ip=True, api_server="proxy"),
}
"""What is between each cluster and its peers: east and west share a network, and east serves north."""


def config(clusters: Mapping[str, Cluster], kubeconfig: Path) -> dict[str, Any]:
    """The configuration of the mesh, but for the way through the relay: see `configure_relay`."""
    config = mesh_config(tuple(AROUND), kubeconfig)
    nat = clusters["north"].layout.nat
    assert nat
    settings = {
        "east": {"network": "eu"},
        "west": {"network": "eu", "gateway": {"enabled": False}},
        "north": {
            "controlPlane": "east",
            "gateway": {"addresses": [{"address": nat.address, "port": nat.port}]},
        },
        "south": {
            "gateway": {"service": {"type": "NodePort"}},
            "apiServer": {"proxyUrl": clusters["south"].layout.proxy_url},
        },
    }
    config["clusters"] = {name: {**entry, **settings[name]} for name, entry in config["clusters"].items()}
    return config


def configure_relay(stack: Stack, west: Cluster) -> None:
    """Let peers of `west` come by its relay, with the client certificate that the relay has now."""
    config, layout = stack.config(), west.layout
    config["clusters"]["west"]["apiServer"] = {
        "server": layout.relay_server,
        "tlsServerName": layout.relay_name,
        "certificateAuthority": (layout.relay / "ca.crt").read_text(encoding="utf-8"),
        "clientCertificate": (layout.relay / "client.crt").read_text(encoding="utf-8"),
    }
    stack.configure(config)
    stack.set_secret(
        "clusters.west.apiServer.clientKey", (layout.relay / "client.key").read_text(encoding="utf-8")
    )
