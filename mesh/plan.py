"""Which clusters see which. Pure.

The decisions of one cluster are still taken by `mesh.config.resolved`, `mesh.pki.rotation` and
`mesh.istio.values`; those that a second kind of mesh needs will be added here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mesh.config.resolved import ClusterConfig, SecretEntry, StackConfig


@dataclass(frozen=True, kw_only=True)
class Link:
    """The control plane of `cluster` watches the services of the cluster `remote`."""

    cluster: str
    remote: str

    @property
    def name(self) -> str:
        """Logical name of the link's resources, such as `east-sees-west`."""
        return f"{self.cluster}-sees-{self.remote}"


def links(config: StackConfig) -> tuple[Link, ...]:
    """A link from each cluster of the stack to every other one that it sees, and to every such peer.

    Peers, the clusters of other stacks, declare their own links.
    """
    return tuple(
        Link(cluster=cluster.name, remote=remote)
        for cluster in config.clusters.values()
        for remote in dict.fromkeys((*config.clusters, *config.peers))
        if remote != cluster.name and _selected(cluster.sees, remote, config.clusters)
    )


def remotes(config: StackConfig, cluster: str) -> tuple[str, ...]:
    """The names of the clusters whose services the control plane of a cluster watches."""
    return tuple(link.remote for link in links(config) if link.cluster == cluster)


def callable_from(config: StackConfig, cluster: str) -> tuple[str, ...]:
    """The names of the other clusters whose services clients in a cluster can call.

    One without a control plane has the view of that which serves it.
    """
    home = config.clusters[cluster].control_plane or cluster
    return tuple(name for name in dict.fromkeys((home, *remotes(config, home))) if name != cluster)


def read_by_others(config: StackConfig) -> frozenset[str]:
    """The clusters of the stack whose API servers something outside of them reads.

    That is an istiod that sees them, in another stack perhaps, or Kiali. A cluster that is the first of its
    mesh counts, for those that will come.
    """
    if config.split or len(config.clusters) == 1:
        return frozenset(config.clusters)
    home = config.kiali.cluster
    by_kiali = config.clusters.keys() - {home} if home is not None else set[str]()
    return frozenset((*(link.remote for link in links(config)), *by_kiali)) & config.clusters.keys()


def remote_secrets(config: StackConfig) -> tuple[Link, ...]:
    """The links for which the program makes a remote secret; for the others something else has one."""
    return tuple(link for link in links(config) if not secret_entry(config, link.remote))


def secret_entry(config: StackConfig, remote: str) -> SecretEntry | None:
    """Where each reading cluster has a kubeconfig for a cluster that something else writes."""
    cluster = config.clusters.get(remote)
    return cluster.kubeconfig.secret if cluster and cluster.kubeconfig else None


def _selected(sees: tuple[str, ...] | None, remote: str, clusters: Mapping[str, ClusterConfig]) -> bool:
    if sees is None:
        return True
    if remote in sees:
        return True
    found = clusters.get(remote)
    return found is not None and any(f"{key}={value}" in sees for key, value in found.labels.items())
