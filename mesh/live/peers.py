"""Connects to API servers as peers will: by the server, CA, name and proxy that are in remote secrets.

No token is sent, unless the stack gives a kubeconfig for peers: the tokens of readers may not exist yet. A
client certificate is shown where the stack has one.
"""

import contextlib
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlsplit

from mesh.config.resolved import ApiServer, ClusterConfig, StackConfig
from mesh.config.types import PUBLIC
from mesh.live.answers import AccessError, ApiError, RefusedError, UnreachableError
from mesh.live.concurrent import for_each
from mesh.live.facts import AccessFault, PeerAccess, Way
from mesh.live.istio_system import check_token
from mesh.live.kubernetes_api import KubernetesApi
from mesh.mappings import at
from mesh.pki.certificates import alternative_names, parse_readable
from mesh.plan import links

_OWN_CA = "/api/v1/namespaces/kube-system/configmaps/kube-root-ca.crt"
_SECONDS = 3


_ELSEWHERE = "its kubeconfig for peers is not known here"


def read_peer_access(config: StackConfig, names: Iterable[str]) -> dict[Way, PeerAccess]:
    """What peers would find at the API servers of some clusters, as far as this machine can tell.

    Ways in that single reading clusters have are tried too.
    """
    wanted = [way for name in names for way in _ways(config, config.clusters[name])]
    return for_each(wanted, lambda way: _cluster(config.clusters[way.cluster], way.reader))


def _ways(config: StackConfig, cluster: ClusterConfig) -> Iterator[Way]:
    """One for all, unless each reader has one of its own, and these."""
    own = cluster.api_servers_from.keys()
    readers = {link.cluster for link in links(config) if link.remote == cluster.name}
    if config.peers or not readers or readers - own:
        yield Way(cluster=cluster.name)
    for reader in own:
        yield Way(cluster=cluster.name, reader=reader)


def _cluster(cluster: ClusterConfig, reader: str | None) -> PeerAccess:
    if (given := cluster.kubeconfig) is not None:
        return _given(given.text) if given.text else PeerAccess(unreachable=_ELSEWHERE)
    server = cluster.api_servers_from[reader] if reader else cluster.api_server
    if server.certificate_authority is None:
        if (own := _own_authority(cluster)) is None:
            return PeerAccess(unreachable="the CA of the cluster cannot be read")
        server = replace(server, certificate_authority=own)
    try:
        _connect(cluster.name, server)
    except AccessError as error:
        return PeerAccess(
            refused=str(error),
            fault=error.fault,
            names=_names(server) if error.fault is AccessFault.NAMES else (),
            public=error.fault is AccessFault.AUTHORITY and _is_public(cluster.name, server),
        )
    except RefusedError as error:
        return PeerAccess(refused=str(error))
    except UnreachableError as error:
        return PeerAccess(unreachable=str(error))
    return PeerAccess()


def _given(kubeconfig: str) -> PeerAccess:
    token = check_token(kubeconfig)
    if token.refused:
        return PeerAccess(refused="the API server refuses its credentials (HTTP 401)")
    return PeerAccess(refused=token.wrong_server, fault=token.fault, unreachable=token.problem)


def _connect(name: str, server: ApiServer) -> None:
    """Raises what `KubernetesApi.get` raises, where no API server answers; one may ask for credentials."""
    try:
        KubernetesApi.as_peer(name, server).get("/version")
    except ApiError as error:
        if error.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise


def _is_public(name: str, server: ApiServer) -> bool:
    try:
        _connect(name, replace(server, certificate_authority=PUBLIC))
    except AccessError as error:
        return error.fault is AccessFault.NAMES
    except (RefusedError, UnreachableError):
        return False
    return True


def _own_authority(cluster: ClusterConfig) -> str | None:
    """The CA of the cluster, as it gives it to its own pods."""
    with contextlib.suppress(RefusedError, UnreachableError):
        return at(KubernetesApi.connect(cluster.connection).find(_OWN_CA), "data", "ca.crt")
    return None


def _names(server: ApiServer) -> tuple[str, ...]:
    """The names in the certificate of a server; none where a proxy is in between."""
    parts = urlsplit(server.server)
    if server.proxy_url is None:
        with contextlib.suppress(OSError):
            address = (parts.hostname or "", parts.port or 443)
            pem = ssl.get_server_certificate(address, timeout=_SECONDS)
            return tuple(name for c in parse_readable(pem)[:1] for name in alternative_names(c))
    return ()
