"""What must hold between settings, once each of them is right by itself."""

import ipaddress
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig
from mesh.config.schema import MeshSection
from mesh.istio.values import conflicts
from mesh.mappings import as_map


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


def across_clusters(clusters: Iterable[ClusterConfig]) -> Iterator[Problem]:
    """Problems that take two clusters: what must differ between them and does not."""
    clusters = list(clusters)
    yield from _shared(
        clusters,
        lambda c: c.network,
        "network",
        lambda c, other: (
            f"{c.network!r} is the network of {other} too; expected one of its own, for example net-{c.name}"
        ),
    )
    yield from _shared(
        clusters,
        _access,
        "context",
        lambda c, other: (
            f"{c.connection.context!r} of this kubeconfig is the cluster {other} already; "
            f"expected another context, for example {c.name}"
        ),
    )
    different = {_access(c): c for c in reversed(clusters)}.values()
    yield from _shared(
        [c for c in clusters if c in different and not is_loopback(c.api_server.server)],
        lambda c: (c.api_server.server, c.api_server.proxy_url),
        "apiServer.server",
        lambda c, other: (
            f"the API server {c.api_server.server} is that of {other} too; expected another cluster, or an "
            "address for peers of its own, for example https://203.0.113.10:6443"
        ),
    )


def _access(cluster: ClusterConfig) -> tuple[str, str]:
    return cluster.connection.contents or cluster.connection.path, cluster.connection.context


def _shared(
    clusters: Iterable[ClusterConfig],
    key: Callable[[ClusterConfig], Hashable],
    path: str,
    message: Callable[[ClusterConfig, str], str],
) -> Iterator[Problem]:
    first: dict[Hashable, str] = {}
    for cluster in clusters:
        other = first.setdefault(key(cluster), cluster.name)
        if other != cluster.name:
            yield Problem(path=f"clusters.{cluster.name}.{path}", message=message(cluster, other))


def within_cluster(
    cluster: ClusterConfig, mesh: MeshSection, set_here: Mapping[str, object]
) -> Iterator[Problem]:
    """Problems of one cluster by itself.

    `set_here` is the cluster's map as the user wrote it: a problem is reported for the cluster where it
    overrides the setting, and else for the setting of all.
    """
    own = f"clusters.{cluster.name}"
    if is_loopback(cluster.api_server.server):
        origin = "" if (as_map(set_here.get("apiServer")) or {}).get("server") else "the kubeconfig's "
        yield Problem(
            path=f"{own}.apiServer.server",
            message=(
                f"{origin}{cluster.api_server.server} means another machine in each cluster; "
                "expected an address that peers can reach, for example https://203.0.113.10:6443"
            ),
        )
    istio = f"{own}.istio" if "istio" in set_here else "istio"
    for conflict in conflicts(cluster, mesh):
        yield Problem(path=f"{istio}.values.{conflict.path}", message=conflict.message)
