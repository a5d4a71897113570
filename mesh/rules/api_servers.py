"""The addresses at which clusters reach each other's API servers: they lead to one cluster, from anywhere."""

from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

from mesh.config.problems import Problem
from mesh.config.resolved import ApiServer, ClusterConfig, StackConfig
from mesh.kubeconfig.accepted import servers
from mesh.pki.client_certificate import problems as client_certificate_problems
from mesh.plan import read_by_others
from mesh.rules.addresses import is_loopback, is_service, misleading

_EXAMPLE = "https://203.0.113.10:6443"
_EXPECTED = f"expected an address that peers can reach, for example {_EXAMPLE}"
_SEE = "docs/troubleshooting.md#peers-cannot-use-an-address"


def problems(config: StackConfig, now: datetime) -> Iterator[Problem]:
    """A problem for each address that peers cannot use, or that is another cluster's.

    What nobody outside of a cluster reads is no address for peers.
    """
    read = [config.online[name] for name in config.online if name in read_by_others(config)]
    for cluster in read:
        if cluster.kubeconfig is None:
            yield from _address(cluster)
            yield from _proxy(cluster)
            yield from _client(cluster.access_setting(None), cluster.api_server, now)
        elif cluster.kubeconfig.text:
            yield from _given(cluster, cluster.kubeconfig.text)
        for reader in cluster.api_servers_from:
            yield from _from(config, cluster, reader, now)
    yield from _same(read)


def _address(cluster: ClusterConfig) -> Iterator[Problem]:
    path = f"clusters.{cluster.name}.apiServer.server"
    server = cluster.api_server.server
    if cluster.sets("apiServer.server"):
        if wrong := misleading(server):
            yield Problem(path=path, message=f"{server} {wrong}; {_EXPECTED} ({_SEE})")
        return
    if cluster.connection.awaited:
        return
    if not server.startswith("https://"):
        yield Problem(
            path=path,
            message="the kubeconfig's server does not begin with https://, and istiod sends no credentials "
            f"to it; {_EXPECTED} ({_SEE})",
        )
    elif urlsplit(server).username is not None:
        yield Problem(
            path=path,
            message=f"the kubeconfig's server has credentials in its URL, which peers would get; {_EXPECTED}",
        )
    elif wrong := misleading(server):
        yield Problem(path=path, message=f"the kubeconfig's {server} {wrong}; {_EXPECTED} ({_SEE})")
    elif is_service(server):
        yield Problem(
            path=path,
            message=f"the kubeconfig's {server} is a Service inside one cluster; {_EXPECTED}, or the same if "
            f"each peer has a Service of this name that leads here ({_SEE})",
        )


def _proxy(cluster: ClusterConfig) -> Iterator[Problem]:
    proxy = cluster.connection.proxy_url
    if proxy is None or cluster.sets("apiServer.server") or cluster.sets("apiServer.proxyUrl"):
        return
    yield Problem(
        path=f"clusters.{cluster.name}.apiServer.proxyUrl",
        message=f"the kubeconfig has the proxy-url {_without_credentials(proxy)} for "
        f"{cluster.api_server.server}, and other clusters do not get it by themselves; expected the proxy "
        "that they use, or apiServer.server if they reach that without one: "
        "docs/troubleshooting.md#a-proxy-is-in-between",
    )


def _given(cluster: ClusterConfig, kubeconfig: str) -> Iterator[Problem]:
    for url in servers(kubeconfig):
        if wrong := misleading(url):
            yield Problem(
                path=cluster.access_setting(None),
                message=f"its server {url} {wrong}; {_EXPECTED} ({_SEE})",
            )


def _from(config: StackConfig, cluster: ClusterConfig, reader: str, now: datetime) -> Iterator[Problem]:
    """What is wrong with the way in of a single reading cluster."""
    path = f"clusters.{cluster.name}.apiServer.from.{reader}"
    others = [name for name in (*config.clusters, *config.peers) if name != cluster.name]
    if cluster.kubeconfig is not None:
        yield Problem(
            path=path,
            message=f"is not used, because {cluster.access_setting(None)} is what peers read {cluster.name} "
            "with; expected one of the two",
        )
        return
    if reader not in others:
        yield Problem(
            path=path,
            message=f"{reader!r} is no other cluster of the mesh; expected one of those that read "
            f"{cluster.name}: {', '.join(others) or 'none'}",
        )
        return
    server = cluster.api_servers_from[reader]
    if cluster.sets(f"apiServer.from.{reader}.server") and (wrong := misleading(server.server)):
        yield Problem(path=f"{path}.server", message=f"{server.server} {wrong}; {_EXPECTED} ({_SEE})")
    if (server.client_certificate, server.client_key) != (
        cluster.api_server.client_certificate,
        cluster.api_server.client_key,
    ):
        yield from _client(path, server, now)


def _client(path: str, server: ApiServer, now: datetime) -> Iterator[Problem]:
    """What is wrong with the client certificate for what is in front of an API server."""
    certificate, key = server.client_certificate, server.client_key
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        there, missing = ("Key", "Certificate") if certificate is None else ("Certificate", "Key")
        yield Problem(
            path=f"{path}.client{missing}",
            message=f"is not set, and client{there} is; expected both, or none",
        )
        return
    settings = {"certificate": "clientCertificate", "key": "clientKey"}
    for setting, message in client_certificate_problems(certificate, key, now):
        yield Problem(path=f"{path}.{settings[setting]}", message=message)


def _without_credentials(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _same(clusters: Iterable[ClusterConfig]) -> Iterator[Problem]:
    first: dict[Hashable, ClusterConfig] = {}
    for cluster in clusters:
        server = cluster.api_server
        if not server.server or is_loopback(server.server):
            continue
        other = first.setdefault((server.server, server.proxy_url), cluster)
        # One context twice is one mistake, and clusters.py has a word for it.
        if other is not cluster and other.connection != cluster.connection:
            yield Problem(
                path=f"clusters.{cluster.name}.apiServer.server",
                message=f"{server.server} is the API server of {other.name} too; expected another cluster, "
                f"or an address of its own for peers, for example {_EXAMPLE}",
            )
