"""The mesh as a Mermaid flowchart. Pure."""

from collections.abc import Iterator

from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio.names import GATEWAY_PORT
from mesh.plan import Link, links


def diagram(config: StackConfig) -> str:
    """The networks, the clusters in them, and which clusters see each other."""
    edges: dict[frozenset[str], Link] = {}
    for link in links(config.clusters, config.peers):
        edges.setdefault(frozenset((link.cluster, link.remote)), link)
    return "\n".join(
        [
            "flowchart LR",
            *(line for cluster in config.clusters.values() for line in _network(cluster)),
            *(f'  {_cluster_id(name)}["{name}<br/>{stack}"]' for name, stack in config.peers.items()),
            *(
                f'  {_cluster_id(link.cluster)} <-->|"mTLS {GATEWAY_PORT}"| {_cluster_id(link.remote)}'
                for link in edges.values()
            ),
        ]
    )


def _network(cluster: ClusterConfig) -> Iterator[str]:
    yield f'  subgraph {_id("network", cluster.network)}["network {cluster.network}"]'
    yield f'    {_cluster_id(cluster.name)}["{cluster.name}<br/>Istio {cluster.istio.version}"]'
    yield "  end"


def _cluster_id(name: str) -> str:
    return _id("cluster", name)


def _id(kind: str, name: str) -> str:
    """An identifier that is unique over all kinds, is no keyword of Mermaid such as `end`, and has no dashes.

    Names are DNS labels, which have no underscores, so two names never become one identifier.
    """
    return f"{kind}_{name.replace('-', '_')}"
