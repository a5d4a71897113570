"""Who sees whom in the mesh, and the picture of it. Pure: no resource is declared here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mesh.config.resolved import ClusterConfig, StackConfig


@dataclass(frozen=True, kw_only=True)
class Link:
    """An ordered pair: the control plane of `reader` watches the services of `target`."""

    reader: str
    target: str

    @property
    def name(self) -> str:
        """Logical name, such as `east-sees-west`."""
        return f"{self.reader}-sees-{self.target}"


def links(clusters: Iterable[str], peers: Iterable[str] = ()) -> tuple[Link, ...]:
    """Each of the clusters sees all others, and all peers; what peers see is declared elsewhere."""
    readers: Sequence[str] = tuple(clusters)
    targets = (*readers, *peers)
    return tuple(
        Link(reader=reader, target=target) for reader in readers for target in targets if reader != target
    )


def picture(config: StackConfig) -> str:
    """The mesh as a Mermaid flowchart: networks, the clusters in them, and who sees whom."""
    nodes = (line for cluster in config.clusters.values() for line in _node(cluster))
    peers = (f'  {name}["{name}<br/>{stack}"]' for name, stack in config.peers.items())
    edges = {frozenset((link.reader, link.target)): link for link in links(config.clusters, config.peers)}
    return "\n".join(
        [
            "flowchart LR",
            *nodes,
            *peers,
            *(f'  {link.reader} <-->|"mTLS 15443"| {link.target}' for link in edges.values()),
        ]
    )


def _node(cluster: ClusterConfig) -> list[str]:
    return [
        f'  subgraph {cluster.network}["network {cluster.network}"]',
        f'    {cluster.name}["{cluster.name}<br/>Istio {cluster.istio.version}"]',
        "  end",
    ]
