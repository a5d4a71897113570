"""Who sees whom in the mesh, and the picture of it. Pure: no resource is declared here."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import permutations

from mesh.config.model import ClusterConfig, StackConfig


@dataclass(frozen=True, kw_only=True)
class Link:
    """An ordered pair: the control plane of `reader` watches the services of `target`."""

    reader: str
    target: str

    @property
    def name(self) -> str:
        """Logical name, such as `east-sees-west`."""
        return f"{self.reader}-sees-{self.target}"


def links(clusters: Iterable[str]) -> tuple[Link, ...]:
    """Every ordered pair of the clusters: each sees all others."""
    return tuple(Link(reader=reader, target=target) for reader, target in permutations(clusters, 2))


def picture(config: StackConfig) -> str:
    """The mesh as a Mermaid flowchart: networks, the clusters in them, and who sees whom."""
    nodes = (line for cluster in config.clusters.values() for line in _node(cluster))
    edges = {frozenset((link.reader, link.target)): link for link in links(config.clusters)}
    return "\n".join(
        [
            "flowchart LR",
            *nodes,
            *(f'  {link.reader} <-->|"mTLS 15443"| {link.target}' for link in edges.values()),
        ]
    )


def _node(cluster: ClusterConfig) -> list[str]:
    return [
        f'  subgraph {cluster.network}["network {cluster.network}"]',
        f'    {cluster.name}["{cluster.name}<br/>Istio {cluster.istio.version}"]',
        "  end",
    ]
