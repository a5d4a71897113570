"""Which clusters see which, whose control plane serves them, and which have a gateway. Pure.

The decisions of one cluster are still taken by `mesh.config.resolved`, `mesh.pki.rotation` and
`mesh.istio.values`; those that a second kind of mesh needs will be added here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mesh.config.resolved import ClusterConfig, SecretEntry, StackConfig
from mesh.config.sections.failover import FailoverSection

_REMOTE_SECRET = "-remote-secret"  # noqa: S105 - the end of a name


@dataclass(frozen=True, kw_only=True)
class Link:
    """The control plane of `cluster` watches the services of the cluster `remote`."""

    cluster: str
    remote: str

    @property
    def name(self) -> str:
        """The link's name, such as `east-sees-west`."""
        return f"{self.cluster}-sees-{self.remote}"

    @property
    def secret(self) -> str:
        """Logical name of its remote secret."""
        return f"{self.name}{_REMOTE_SECRET}"


def link_of(cluster: str, secret: str) -> Link | None:
    """The link whose remote secret, in `cluster`, has this logical name; None for another resource there."""
    seen = secret.removeprefix(f"{cluster}-sees-").removesuffix(_REMOTE_SECRET)
    link = Link(cluster=cluster, remote=seen)
    return link if link.secret == secret else None


@dataclass(frozen=True, kw_only=True)
class ClusterPlan:
    """What is declared in a cluster beside its namespace, control plane and reader.

    `primary` is the cluster whose control plane serves it, None for its own. `gateway` is whether it has an
    east-west gateway, `exposure` whether it declares what gateways expose, and `serves` whether its gateway
    leads to its control plane. `remotes` are the clusters whose services its control plane watches.
    `shared_ways` is whether some calls of the workloads that its control plane serves go through a gateway
    that several clusters share. `gateway` is for workloads with sidecars, `hbone_gateway` for ambient ones.
    `waypoints` are the namespaces that have one there. `failover` has the services with failover, if its
    control plane serves sidecars that call them. `sample_scope` is whether HelloWorld is called across
    networks, which its Service says if ztunnels read it.
    """

    primary: str | None
    gateway: bool
    exposure: bool
    serves: bool
    remotes: tuple[str, ...]
    shared_ways: bool
    hbone_gateway: bool
    waypoints: tuple[str, ...]
    failover: tuple[FailoverSection, ...]
    sample_scope: bool | None


def cluster_plan(config: StackConfig, cluster: str) -> ClusterPlan:
    """The decisions about one cluster."""
    return ClusterPlan(
        primary=config.clusters[cluster].control_plane,
        gateway=has_gateway(config, cluster),
        exposure=exposes(config, cluster),
        serves=reached_by_gateway(config, cluster),
        remotes=remotes(config, cluster),
        shared_ways=any(
            way != target
            for caller in (cluster, *served(config, cluster))
            for target in callable_from(config, caller)
            if target in config.clusters
            for way in ways_in(config, caller, target)
        ),
        hbone_gateway=has_hbone_gateway(config, cluster),
        waypoints=config.waypoints if config.clusters[cluster].data_plane.has_ztunnel else (),
        failover=config.failover if leads_sidecars(config, cluster) else (),
        sample_scope=sample_scope(config),
    )


def links(config: StackConfig) -> tuple[Link, ...]:
    """A link from each cluster of the stack to every other one that it sees, and to every such peer.

    Peers, the clusters of other stacks, declare their own links. A cluster without a control plane of its own
    has none: it sees what its primary sees, and that must see it.
    """
    return tuple(
        Link(cluster=name, remote=remote) for name in config.clusters for remote in remotes(config, name)
    )


def remotes(config: StackConfig, cluster: str) -> tuple[str, ...]:
    """The names of the clusters whose services the control plane of a cluster watches."""
    own = config.clusters[cluster]
    if own.control_plane is not None:
        return ()
    return tuple(
        remote
        for remote in dict.fromkeys((*config.clusters, *config.peers))
        if remote != cluster and (remote in own.serves or _selected(own.sees, remote, config.clusters))
    )


def callable_from(config: StackConfig, cluster: str) -> tuple[str, ...]:
    """The names of the other clusters whose services clients in a cluster can call.

    One without a control plane has the view of that which serves it.
    """
    home = primary(config, cluster)
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
    """The links for which the program makes a remote secret.

    For others something else has one, and some are taken away.
    """
    return tuple(
        link
        for link in links(config)
        if not secret_entry(config, link.remote) and not taken_away(config, link)
    )


def taken_away(config: StackConfig, link: Link) -> bool:
    """Whether a cluster does not see another one because that is away.

    Of the calls of ambient workloads to a dead gateway none would be tried elsewhere.
    """
    reader, remote = config.clusters[link.cluster], config.clusters.get(link.remote)
    return (
        remote is not None
        and remote.offline
        and not reader.offline
        and reader.data_plane.has_ztunnel
        and remote.data_plane.has_ztunnel
    )


def secret_entry(config: StackConfig, remote: str) -> SecretEntry | None:
    """Where each reading cluster has a kubeconfig for a cluster that something else writes."""
    cluster = config.clusters.get(remote)
    return cluster.kubeconfig.secret if cluster and cluster.kubeconfig else None


def primary(config: StackConfig, cluster: str) -> str:
    """The cluster whose control plane serves a cluster: itself, or the primary of a remote."""
    return config.clusters[cluster].control_plane or cluster


def served(config: StackConfig, cluster: str) -> tuple[str, ...]:
    """The names of the remotes that the control plane of a cluster serves beside its own."""
    return config.clusters[cluster].serves


def control_plane_address(config: StackConfig, remote: str) -> str | None:
    """Where a remote reaches its control plane; None where only the gateway of its primary says that."""
    cluster = config.clusters[remote]
    given = config.clusters[primary(config, remote)].gateway.addresses
    return cluster.control_plane_address or (given[0].address if given else None)


def reached_by_gateway(config: StackConfig, cluster: str) -> bool:
    """Whether remotes reach the control plane of a cluster by its gateway."""
    return any(config.clusters[remote].control_plane_address is None for remote in served(config, cluster))


def spans_networks(config: StackConfig) -> bool:
    """Whether calls of the mesh may leave a network.

    The networks of clusters in other stacks are not known here, and a cluster alone is to be joined by
    others: both count as several networks.
    """
    networks = {cluster.network for cluster in config.clusters.values()}
    return config.split or len(config.clusters) == 1 or len(networks) > 1


def has_gateway(config: StackConfig, cluster: str) -> bool:
    """Whether a cluster has an east-west gateway.

    By default it has one where the mesh has several networks, and where remotes reach its control plane by
    it.
    """
    own = config.clusters[cluster]
    if own.gateway.enabled is not None:
        return own.gateway.enabled and has_sidecars(config)
    return has_sidecars(config) and (spans_networks(config) or reached_by_gateway(config, cluster))


def has_hbone_gateway(config: StackConfig, cluster: str) -> bool:
    """Whether a cluster has an east-west gateway for ambient workloads, which is another one."""
    own = config.clusters[cluster]
    return own.data_plane.has_ztunnel and own.gateway.enabled is not False


def has_sidecars(config: StackConfig) -> bool:
    """Whether any cluster of the stack has workloads with sidecars.

    Sidecars take the endpoints of an ambient cluster for addresses that they can reach, and wait for them,
    unless that cluster has a gateway for sidecars, too.
    """
    return any(cluster.data_plane.has_sidecars for cluster in config.clusters.values())


def leads_sidecars(config: StackConfig, cluster: str) -> bool:
    """Whether a cluster has its own control plane, and that serves sidecars, there or in remotes.

    istiod reads the configuration in its own cluster, also for its remotes.
    """
    own = config.clusters[cluster]
    return own.control_plane is None and (own.data_plane.has_sidecars or bool(own.serves))


def outliving(config: StackConfig) -> dict[str, dict[str, object]]:
    """What failover promises for each service, and to the clients of which clusters."""
    clients = [
        name
        for name, cluster in config.clusters.items()
        if cluster.data_plane.has_sidecars and leads_sidecars(config, primary(config, name))
    ]
    return {
        host: {"withinSeconds": failover.within_seconds, "prefer": failover.prefer.value, "clients": clients}
        for failover in config.failover
        for host in failover.hosts
    }


def sample_scope(config: StackConfig) -> bool | None:
    """Whether HelloWorld is global; None where its Services need not say so, since no cluster has ztunnel.

    Ambient callers and those with sidecars do not reach each other's services over networks: where it is of
    both kinds, each cluster keeps to its own.
    """
    clusters = config.clusters.values()
    if not any(cluster.data_plane.has_ztunnel for cluster in clusters):
        return None
    kinds = {cluster.data_plane.has_sidecars for cluster in clusters if cluster.hello_world.enabled}
    return len(kinds) < 2


def exposes(config: StackConfig, cluster: str) -> bool:
    """Whether a cluster declares what its gateway, and those of the remotes that it serves, expose.

    Between clusters of one network nothing needs to be exposed.
    """
    own = config.clusters[cluster]
    behind = (cluster, *served(config, cluster))
    return (
        own.control_plane is None
        and any(has_gateway(config, name) for name in behind)
        and (spans_networks(config) or bool(own.gateway.enabled))
    )


def ways_in(config: StackConfig, caller: str, target: str) -> tuple[str, ...]:
    """The clusters through whose gateways calls go; none between clusters of one network.

    istiod takes the gateway of the target, and where that has none, those of its network: see
    `selectNetworkGateways` in `pilot/pkg/xds/endpoints/ep_filters.go` of istio/istio.
    """
    network = config.clusters[target].network
    if config.clusters[caller].network == network:
        return ()
    if has_gateway(config, target):
        return (target,)
    return tuple(n for n, c in config.clusters.items() if c.network == network and has_gateway(config, n))


def _selected(sees: tuple[str, ...] | None, remote: str, clusters: Mapping[str, ClusterConfig]) -> bool:
    if sees is None:
        return True
    if remote in sees:
        return True
    found = clusters.get(remote)
    return found is not None and any(f"{key}={value}" in sees for key, value in found.labels.items())
