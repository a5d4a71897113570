"""The addresses at which clusters reach each other's API servers: they lead to one cluster, from anywhere."""

import ipaddress
from collections.abc import Hashable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.kubeconfig.accepted import servers

_EXAMPLE = "https://203.0.113.10:6443"


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each address that peers cannot use, or that is another cluster's."""
    for cluster in config.clusters.values():
        yield from _loopback(cluster)
    yield from _same(config)


def _loopback(cluster: ClusterConfig) -> Iterator[Problem]:
    server = cluster.api_server.server
    if is_loopback(server):
        origin = "" if cluster.sets("apiServer.server") else "the kubeconfig's "
        yield Problem(
            path=f"clusters.{cluster.name}.apiServer.server",
            message=f"{origin}{server} leads each peer to itself, not to this cluster; expected an address "
            f"that peers can reach, for example {_EXAMPLE}",
        )
    if (given := cluster.reader.kubeconfig) is not None:
        for url in servers(given.get_secret_value()):
            if is_loopback(url):
                yield Problem(
                    path=f"{cluster.path('reader')}.kubeconfig",
                    message=f"its server {url} leads each peer to itself, not to this cluster; expected an "
                    f"address that peers can reach, for example {_EXAMPLE}",
                )


def _same(config: StackConfig) -> Iterator[Problem]:
    first: dict[Hashable, ClusterConfig] = {}
    for cluster in config.clusters.values():
        server = cluster.api_server
        if is_loopback(server.server):
            continue
        other = first.setdefault((server.server, server.proxy_url), cluster)
        # One context twice is one mistake, and clusters.py has a word for it.
        if other is not cluster and other.connection != cluster.connection:
            yield Problem(
                path=f"clusters.{cluster.name}.apiServer.server",
                message=f"{server.server} is the API server of {other.name} too; expected another cluster, "
                f"or an address of its own for peers, for example {_EXAMPLE}",
            )


def is_loopback(url: str) -> bool:
    """Whether a URL leads to the machine that follows it, wherever that is."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
