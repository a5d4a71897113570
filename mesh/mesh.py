"""The whole mesh: its root CA, its clusters, and the remote secrets between them."""

import contextlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence, Set
from ipaddress import ip_address

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.cluster import Cluster, Primary
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.discovery.reader import Reader
from mesh.discovery.remote_secret import RemoteCluster, remote_secret
from mesh.field_conflicts import take_back
from mesh.istio.addresses import Node, PeerGateway, hbone_ways, ways, without_port
from mesh.istio.names import NAMESPACE
from mesh.istio.revisions import serving
from mesh.istio.values import Ways
from mesh.mappings import Json
from mesh.observability.kiali import KialiReader, kiali_secret
from mesh.observability.names import KIALI_READER
from mesh.offline import OfflineCluster, declare, providers_to_nowhere
from mesh.pki.certificates import earliest, fingerprint, join
from mesh.pki.rotation import plan_roots
from mesh.plan import Link, cluster_plan, control_plane_address, primary, remote_secrets, remotes
from mesh.provider import GivenKubeconfig, kubernetes_provider
from mesh.secret_values import transformation
from mesh.stacks import contract
from mesh.stacks.membership import REMOTE_SECRETS, of_cluster, of_link
from mesh.stacks.references import StackReferences
from mesh.stacks.state import MESH, RecordedResource
from mesh.trust.intermediate_ca import RevocationLists
from mesh.trust.root_ca import RootCA

_NONE: Mapping[str, GivenKubeconfig] = {}


class Mesh(pulumi.ComponentResource):
    """An Istio mesh over the clusters of `config`.

    Clusters are created in parallel; remote secrets join them. Root CAs and further clusters may come from
    other stacks: the mesh reads their outputs, and never changes what they own. It does not create clusters,
    and it decides nothing by itself that `config` could decide.
    """

    root: RootCA
    clusters: dict[str, Cluster]
    offline: dict[str, OfflineCluster]

    def __init__(
        self,
        name: str,
        config: StackConfig,
        certificates: Mapping[str, str],
        revocation_lists: Mapping[str, str],
        kept: Set[str],
        recorded: Sequence[RecordedResource],
        labelled: Mapping[str, Sequence[str]],
        nodes: Mapping[str, Sequence[Node]],
        gateway_api: Mapping[str, Sequence[Json]],
        kubeconfigs: Mapping[str, GivenKubeconfig] = _NONE,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the mesh.

        Args:
            name: of the component.
            config: the stack's configuration.
            certificates: the ones that clusters sign with now, as PEM by name.
            revocation_lists: the CRLs that clusters have now, as PEM by name.
            kept: logical names of namespaces that existed before the stack.
            recorded: what the state has, for clusters that are away.
            labelled: hosts of Services that clusters expose by label, by the cluster's name.
            nodes: the nodes of clusters whose gateway uses their addresses, by the cluster's name.
            gateway_api: the definitions of the Gateway API to create in a cluster, by its name.
            kubeconfigs: those that come from other resources, by the cluster's name.
            opts: of the component.
        """
        own = pulumi.ResourceOptions(transformations=[take_back, transformation(config.secrets)])
        super().__init__(MESH, name, None, pulumi.ResourceOptions.merge(own, opts))
        child = pulumi.ResourceOptions(parent=self)
        self._config = config
        self._awaited = {name: kubeconfigs[name].contents for name in config.awaited if name in kubeconfigs}
        others = StackReferences(config, child)
        self.root = RootCA(
            f"{name}-root",
            mesh_id=config.mesh.id,
            roots=plan_roots(config.trust),
            secrets=config.secrets,
            elsewhere=others.root if config.trust.stack else None,
            opts=child,
        )
        offline = {name: of_cluster(recorded, name) for name in config.offline}
        providers = {
            **{
                name: kubernetes_provider(cluster, kubeconfigs.get(name), child)
                for name, cluster in config.online.items()
            },
            **providers_to_nowhere(recorded, offline, child),
        }
        given = _given(config, others)
        self.offline = {
            name: OfflineCluster(config.clusters[name], resources, self, providers, given.get(name))
            for name, resources in offline.items()
        }
        self.clusters = {}
        around = {resource.name: resource.type for resource in recorded if resource.type in REMOTE_SECRETS}

        def watch(link: Link, remote: RemoteCluster) -> kubernetes.core.v1.Secret:
            kind = around.get(link.name)
            parent = pulumi.ComponentResource(kind, link.name, None, child) if kind else self
            return remote_secret(
                link.secret,
                namespace=self.clusters[link.cluster].namespace,
                remote=remote,
                opts=pulumi.ResourceOptions(parent=parent, provider=providers[link.cluster]),
            )

        # A remote needs its primary: it comes after it.
        with self._sharing_lists(revocation_lists.values(), others) as revocation:
            for cluster in sorted(config.online.values(), key=lambda one: one.control_plane is not None):
                self.clusters[cluster.name] = Cluster(
                    cluster.name,
                    cluster,
                    cluster_plan(config, cluster.name),
                    mesh=config.mesh,
                    root=self.root,
                    certificate=certificates.get(cluster.name, ""),
                    kept=kept,
                    labelled=labelled.get(cluster.name, ()),
                    kubeconfig=given.get(cluster.name),
                    ways=self._ways(cluster.name, others),
                    nodes=nodes.get(cluster.name, ()),
                    gateway_api=gateway_api.get(cluster.name, ()),
                    primary=self._primary(cluster, watch) if cluster.control_plane else None,
                    revocation=revocation,
                    awaited=self._awaited.get(cluster.name),
                    opts=pulumi.ResourceOptions(parent=self, providers=[providers[cluster.name]]),
                )
                self._lead_to_other_networks(cluster.name, others)
        for link in remote_secrets(config):
            if link.cluster in offline or self._made_with_its_remote(link):
                continue  # among what is recorded of that cluster, or made before what needs it
            if link.remote in offline:
                declare(of_link(recorded, link), self, providers)
                continue
            own = self.clusters.get(link.remote)
            watch(
                link,
                own.as_remote(link.cluster) if own else others.remote_cluster(link.remote, link.cluster),
            )
        self._declare_kiali()
        self.register_outputs({"rootFingerprint": self.root_fingerprint})

    @contextlib.contextmanager
    def _sharing_lists(
        self, current: Iterable[str], others: StackReferences
    ) -> Generator[RevocationLists | None]:
        """The CRLs for every cluster, known once all are declared; `current` are those that they have now."""
        revoked = self._config.trust.revoked
        if revoked is None:
            yield None
            return
        lists, state = _deferred()
        try:
            yield RevocationLists(declared=lists, current=join(*dict.fromkeys(current)))
        except BaseException as error:
            # The SDK waits for every output, after an error too.
            state(_failed(error))
            raise
        state(self._revocation_lists(revoked, others))

    def _revocation_lists(
        self, revoked: Sequence[str], others: StackReferences
    ) -> pulumi.Output[Sequence[str]]:
        """The CRLs of all CAs of the mesh; none while a peer's is unknown."""
        intermediates = (
            *(c.intermediate.revocation_list for c in self.clusters.values() if c.intermediate),
            *(cluster.revocation_list for cluster in self.offline.values()),
        )
        given = self._config.trust.revocation_lists
        own = pulumi.Output.all(
            *self.root.revocation_lists(revoked),
            *(one for one in intermediates if one is not None),
            *([given] if given else ()),
        )
        if not self._config.peers:
            return own
        return pulumi.Output.all(own, others.revocation_lists).apply(
            lambda known: [*known[0], *known[1].values()] if all(known[1].values()) else []
        )

    def _ways(self, cluster: str, others: StackReferences) -> Ways | pulumi.Output[Ways]:
        """The addresses of other gateways for a cluster's istiod, including those of other stacks."""
        config = self._config
        if not config.peers:
            return ways(config, cluster)
        return others.gateways.apply(lambda peers: ways(config, cluster, peers))

    def _lead_to_other_networks(self, name: str, others: StackReferences) -> None:
        """Tell a cluster the addresses of gateways for ambient workloads that it cannot find."""
        config, cluster = self._config, self.clusters[name]
        for network, address in hbone_ways(config, name).items():
            cluster.lead_to(network, pulumi.Output.from_input(address))
        if not (config.peers and config.clusters[name].data_plane.has_ztunnel):
            return
        own = hbone_ways(config, name)

        def lead(peers: Mapping[str, PeerGateway]) -> None:
            """Which there are, a preview knows, too: the engine reads other stacks in both."""
            for network in hbone_ways(config, name, peers).keys() - own.keys():
                cluster.lead_to(network, found.apply(lambda known, network=network: known[network]))

        found = others.gateways.apply(lambda peers: hbone_ways(config, name, peers))
        pulumi.Output.unsecret(others.gateways).apply(lead)

    def _primary(
        self, remote: ClusterConfig, watch: Callable[[Link, RemoteCluster], pulumi.Resource]
    ) -> Primary:
        """What a remote needs of the cluster whose control plane serves it."""
        link = Link(cluster=remote.control_plane or "", remote=remote.name)
        fixed = control_plane_address(self._config, remote.name)
        cluster = self.clusters.get(link.cluster)
        if cluster is None:  # it is away, and has all that it had
            recorded = self.offline[link.cluster].gateway_addresses
            return Primary(address=fixed or _first_address(link, recorded), ready=(), watch=lambda _: ())
        made = link in remote_secrets(self._config)
        return Primary(
            address=fixed
            or pulumi.Output.from_input(cluster.gateway_addresses).apply(
                lambda addresses: _first_address(link, addresses)
            ),
            ready=cluster.serving,
            watch=lambda seen: (watch(link, seen),) if made else (),
        )

    def _made_with_its_remote(self, link: Link) -> bool:
        own = self._config.clusters.get(link.remote)
        return own is not None and own.control_plane == link.cluster and not own.offline

    def _declare_kiali(self) -> None:
        """Kiali's access to all clusters but its own, which has the Secret already if it is away."""
        kiali = self._config.kiali
        if kiali.cluster is None:
            return
        found = {
            name: KialiReader(
                f"{name}-{KIALI_READER}",
                self._config.clusters[name],
                namespace=cluster.namespace,
                home=kiali.cluster,
                awaited=self._awaited.get(name),
                opts=pulumi.ResourceOptions(parent=cluster),
            ).kubeconfig
            for name, cluster in self.clusters.items()
            if name != kiali.cluster
        }
        away = {name: cluster.kiali_kubeconfig(kiali.cluster) for name, cluster in self.offline.items()}
        if (home := self.clusters.get(kiali.cluster)) is not None:
            kiali_secret(
                f"{kiali.cluster}-kiali-secret",
                home.namespace if kiali.namespace == NAMESPACE else kiali.namespace,
                {
                    **found,
                    **{name: kubeconfig for name, kubeconfig in away.items() if kubeconfig is not None},
                },
                pulumi.ResourceOptions(parent=home),
            )

    @property
    def root_fingerprint(self) -> pulumi.Output[str]:
        """SHA-256 of the certificate of the root that signs."""
        return self.root.signing.certificate_pem.apply(fingerprint)

    @property
    def first_expiry(self) -> pulumi.Output[str]:
        """When the first of the CA certificates expires, in UTC (RFC 3339)."""
        intermediates = (
            *(c.intermediate.expires for c in self.clusters.values() if c.intermediate),
            *(cluster.expires for cluster in self.offline.values()),
        )
        times = [self.root.signing.expires, *(time for time in intermediates if time is not None)]
        return pulumi.Output.all(*times).apply(earliest)

    def contract(self) -> pulumi.Output[dict[str, object]]:
        """What other stacks of the mesh read, a secret as a whole; see `mesh.stacks.contract`."""
        return pulumi.Output.secret(
            {
                **contract.identity(self._config),
                "roots": {
                    str(generation): {
                        "certificate": root.certificate_pem,
                        "privateKey": root.private_key_pem,
                        "expires": root.expires,
                    }
                    for generation, root in self.root.generated.items()
                    if self._config.trust.shared
                },
                "clusters": {
                    name: {
                        **contract.gateway(self._config.clusters[name]),
                        "kubeconfig": cluster.kubeconfig,
                        **({"kubeconfigsFrom": found} if (found := cluster.kubeconfigs_from) else {}),
                        **({"revocationList": found} if (found := self._stated_lists(name)) else {}),
                    }
                    for name, cluster in self._readable().items()
                    if cluster.kubeconfig is not None
                },
            }
        )

    def describe(self) -> dict[str, dict[str, pulumi.Input[object]]]:
        """Network, API server, Istio version and gateway addresses of each cluster, by its name.

        Also the clusters that it sees, where the stack file selects them, and its data plane, where that is
        not sidecars alone.
        """
        return {name: self._describe(cluster) for name, cluster in self._config.clusters.items()}

    def _describe(self, cluster: ClusterConfig) -> dict[str, pulumi.Input[object]]:
        server, awaited = cluster.api_server.server, self._awaited.get(cluster.name)
        common: dict[str, pulumi.Input[object]] = {
            "network": cluster.network,
            "apiServer": pulumi.Output.unsecret(awaited).apply(lambda _: server) if awaited else server,
        }
        if cluster.sees is not None:
            common["sees"] = list(remotes(self._config, cluster.name))
        if cluster.data_plane.has_ztunnel:
            common["dataPlane"] = cluster.data_plane.value
        if cluster.control_plane is not None:
            common |= {"role": "remote", "controlPlane": cluster.control_plane}
        if cluster.offline:
            offline = self.offline[cluster.name]
            return {
                **common,
                "istioVersion": offline.istio_version or "",
                "gatewayAddresses": offline.gateway_addresses,
                "offline": True,
            }
        return {
            **common,
            "istioVersion": serving(cluster).version,
            "gatewayAddresses": self.clusters[cluster.name].gateway_addresses,
        }

    def _stated_lists(self, cluster: str) -> pulumi.Output[str] | None:
        """The CRLs of the CAs that sign for a cluster, without the root's own."""
        trust, signing = self._config.trust, primary(self._config, cluster)
        if trust.revoked is None:
            return None
        if (away := self.offline.get(signing)) is not None:
            own = away.revocation_list
        else:
            intermediate = self.clusters[signing].intermediate
            own = intermediate.revocation_list if intermediate else None
        parts = [part for part in (own, trust.revocation_lists) if part is not None]
        return pulumi.Output.all(*parts).apply(lambda pems: join(*pems))

    def _readable(self) -> dict[str, Reader | OfflineCluster]:
        """Who has the kubeconfigs of each cluster for its peers."""
        return {**{name: cluster.reader for name, cluster in self.clusters.items()}, **self.offline}


def _deferred() -> tuple[pulumi.Output[Sequence[str]], Callable[[pulumi.Output[Sequence[str]]], None]]:
    """An output, and the function that resolves it later."""
    return pulumi.deferred_output()


def _failed(error: BaseException) -> pulumi.Output[Sequence[str]]:
    """An output that fails with the program's error."""

    def fail(_: object) -> Sequence[str]:
        raise error

    return pulumi.Output.from_input(None).apply(fail)


def _given(config: StackConfig, others: StackReferences) -> dict[str, pulumi.Output[str]]:
    """The kubeconfigs for peers that the configuration gives, by cluster."""
    found: dict[str, pulumi.Output[str]] = {}
    for name, cluster in config.clusters.items():
        if (given := cluster.kubeconfig) is None:
            continue
        if given.text is not None:
            found[name] = pulumi.Output.secret(given.text)
        elif given.output is not None:
            found[name] = others.kubeconfig(cluster, given.output)
    return found


def _first_address(link: Link, addresses: Iterable[str]) -> str:
    """The address of a primary's gateway that its remote can use.

    A host name is none: with it, the chart makes the Service of istiod in the remote an alias, and the API
    server asks port 443 of that name, which no gateway opens.

    Raises:
        pulumi.RunError: there is none.
    """
    found = list(addresses)
    for address in found:
        with contextlib.suppress(ValueError):
            return str(ip_address(without_port(address)))
    what = f"has host names only: {', '.join(found)}" if found else "has no address"
    raise pulumi.RunError(
        f"clusters.{link.remote}.controlPlaneAddress: {link.remote} is served by {link.cluster}, whose "
        f"gateway {what}; expected an IP address, there or here: "
        "docs/networks-and-roles.md#primary-and-remote"
    )
