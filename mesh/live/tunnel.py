"""Asks proxies for tunnels as istiod does."""

from typing import Any

import urllib3
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_OLD, _NEW = b" HTTP/1.0", b" HTTP/1.1"


class _Connection(HTTPSConnection):
    """Up to Python 3.11 the request for a tunnel is HTTP/1.0, which Envoy refuses (HTTP 426)."""

    def send(self, data: Any) -> None:
        """Send a request, or the part of one."""
        line, _, rest = data.partition(b"\r\n") if isinstance(data, bytes) else (b"", b"", b"")
        if line.startswith(b"CONNECT ") and line.endswith(_OLD):
            target = line.removesuffix(_OLD)
            host = target.removeprefix(b"CONNECT ")
            data = target + _NEW + b"\r\nHost: " + host + b"\r\n" + rest
        super().send(data)


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection  # pyright: ignore[reportAssignmentType] - a subclass of the one there


def use_tunnels(pools: urllib3.PoolManager) -> None:
    """Let the connections of a client that has an HTTP proxy ask it in HTTP/1.1."""
    if isinstance(pools, urllib3.ProxyManager):
        pools.pool_classes_by_scheme = {"http": HTTPConnectionPool, "https": _Pool}
