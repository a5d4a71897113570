"""Which clusters see which. Pure.

The decisions of one cluster are still taken by `mesh.config.resolved`, `mesh.pki.rotation` and
`mesh.istio.values`; those that a second kind of mesh needs will be added here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Link:
    """The control plane of `cluster` watches the services of the cluster `remote`."""

    cluster: str
    remote: str

    @property
    def name(self) -> str:
        """Logical name of the link's resources, such as `east-sees-west`."""
        return f"{self.cluster}-sees-{self.remote}"


def links(clusters: Iterable[str], peers: Iterable[str] = ()) -> tuple[Link, ...]:
    """One link from each cluster to every other one, and to every peer.

    Args:
        clusters: the clusters of this stack.
        peers: the clusters of other stacks, which declare their own links.
    """
    own: Sequence[str] = tuple(clusters)
    remotes = (*own, *peers)
    return tuple(
        Link(cluster=cluster, remote=remote) for cluster in own for remote in remotes if cluster != remote
    )
