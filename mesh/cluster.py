"""One cluster of the mesh and all that is in it."""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

import pulumi

from mesh.config.resolved import ClusterConfig
from mesh.config.sections.mesh import MeshSection
from mesh.discovery.reader import Reader
from mesh.discovery.remote_secret import RemoteCluster
from mesh.istio.addresses import Node, PeerAddress
from mesh.istio.control_plane import ControlPlane
from mesh.istio.data_plane import DataPlane
from mesh.istio.exposure import cross_network_gateway, exposed_istiod
from mesh.istio.failover import Failover
from mesh.istio.gateway import EastWestGateway
from mesh.istio.gateway_api import definitions
from mesh.istio.hbone_gateway import HboneGateway, remote_gateway
from mesh.istio.names import CONTROL_PLANE_ANNOTATION, NAMESPACE, NETWORK_LABEL
from mesh.istio.namespace import namespace
from mesh.istio.revisions import oldest
from mesh.istio.stub import stub_service
from mesh.istio.values import Ways
from mesh.istio.waypoint import Waypoint
from mesh.mappings import Json
from mesh.observability.monitoring import Monitoring
from mesh.plan import ClusterPlan
from mesh.samples import names as sample
from mesh.samples.hello_world import HelloWorld
from mesh.trust.intermediate_ca import IntermediateCA, RevocationLists
from mesh.trust.root_ca import RootCA


@dataclass(frozen=True, kw_only=True)
class Primary:
    """The cluster whose control plane serves a remote.

    `address` is where the remote reaches it, once the resources in `ready` exist. `watch` lets it see the
    remote, and gives what that needs.
    """

    address: pulumi.Input[str]
    ready: Sequence[pulumi.Resource]
    watch: Callable[[RemoteCluster], Sequence[pulumi.Resource]]


class Cluster(pulumi.ComponentResource):
    """Intermediate CA, control plane, reader, and where they are planned east-west gateways, in one cluster.

    On request, what ambient workloads need, HelloWorld, and what monitors the mesh, too.

    It gets its cluster's provider by `opts`, and waits for no other cluster but a remote for its primary. It
    does not own the cluster itself, the remote secrets in it (the mesh does), or the workloads of its users.
    A remote has no CA: its primary's istiod signs for its workloads.
    """

    name: str
    namespace: pulumi.Output[str]
    intermediate: IntermediateCA | None
    control_plane: ControlPlane
    gateway: EastWestGateway | None
    data_plane: DataPlane | None
    hbone_gateway: HboneGateway | None
    exposure: pulumi.Resource | None
    serving: Sequence[pulumi.Resource]
    """What leads remotes to its control plane."""
    reader: Reader

    def __init__(
        self,
        name: str,
        config: ClusterConfig,
        plan: ClusterPlan,
        *,
        mesh: MeshSection,
        root: RootCA,
        certificate: str,
        kept: Set[str],
        labelled: Iterable[str],
        kubeconfig: pulumi.Output[str] | None,
        ways: Ways | pulumi.Output[Ways],
        nodes: Sequence[Node] = (),
        gateway_api: Sequence[Json] = (),
        primary: Primary | None = None,
        revocation: RevocationLists | None = None,
        awaited: pulumi.Output[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the cluster.

        `certificate` is the one that it signs with now, as PEM, or empty if unknown; `kept` has the logical
        names of namespaces that existed before the stack, and `labelled` the hosts of Services that it
        exposes by label. `kubeconfig` is the one for peers, if the configuration gives it. `ways` are the
        addresses of other gateways for its istiod. `nodes` are its own nodes, if its gateway uses their
        addresses. `primary` is the cluster that serves it, if it is a remote. `gateway_api` are the
        definitions of the Gateway API to create, and `revocation` the mesh's CRLs, if it has any. `awaited`
        is the kubeconfig of the cluster itself, if it is not known yet.
        """
        super().__init__("mesh:index:Cluster", name, None, opts)
        self.name = name
        self._config = config
        child = pulumi.ResourceOptions(parent=self)
        is_kept = f"{name}-{NAMESPACE}" in kept
        made = namespace(
            f"{name}-{NAMESPACE}",
            NAMESPACE,
            {NETWORK_LABEL: config.network},
            annotations={CONTROL_PLANE_ANNOTATION: config.control_plane} if config.control_plane else None,
            kept=is_kept,
            opts=_adopted(child) if config.intermediate.existing and not is_kept else child,
        )
        # With a secret network, all of the metadata is secret for the SDK, and so would be all that is in it.
        self.namespace = pulumi.Output.unsecret(made)
        self.intermediate = None
        if primary is None:
            self.intermediate = IntermediateCA(
                f"{name}-intermediate",
                mesh_id=mesh.id,
                cluster=name,
                namespace=self.namespace,
                intermediate=config.intermediate,
                root=root,
                secrets=config.secrets,
                current=certificate,
                retain=not is_kept,
                revocation=revocation,
                opts=child,
            )
        self.control_plane = ControlPlane(
            f"{name}-control-plane",
            config,
            mesh=mesh,
            namespace=self.namespace,
            ways=ways,
            cacerts=self.intermediate.secret if self.intermediate else None,
            address=primary.address if primary else None,
            definitions=definitions(name, gateway_api, child),
            opts=child,
        )
        self.reader = Reader(
            f"{name}-reader",
            config,
            namespace=self.namespace,
            control_plane=self.control_plane,
            given=kubeconfig,
            awaited=awaited,
            opts=child,
        )
        if primary is not None:
            # Without it, pods get no proxy, and proxies no certificate.
            seen = primary.watch(self._as_remote(str(config.control_plane), self.reader.ready))
            self.control_plane.ready += [*primary.ready, *seen]
        self.gateway = self.exposure = None
        if plan.gateway:
            self.gateway = EastWestGateway(
                f"{name}-east-west-gateway",
                config,
                namespace=self.namespace,
                control_plane=self.control_plane,
                nodes=nodes,
                opts=child,
            )
        if plan.exposure:
            self.exposure = cross_network_gateway(config, self.namespace, self.control_plane, labelled, child)
        self.data_plane = self._data_plane(mesh) if config.data_plane.has_ztunnel else None
        self.hbone_gateway = None
        if plan.hbone_gateway:
            self.hbone_gateway = HboneGateway(
                f"{name}-hbone-gateway",
                config,
                namespace=self.namespace,
                control_plane=self.control_plane,
                opts=child,
            )
        self.serving = (
            exposed_istiod(config, self.namespace, self.control_plane, child) if plan.serves else ()
        )
        for failover in plan.failover:
            for host in failover.hosts:
                Failover(
                    f"{name}-failover-{host}",
                    failover,
                    host=host,
                    istio_version=oldest(config).version,
                    namespace=self.namespace,
                    control_plane=self.control_plane,
                    opts=child,
                )
        hello_world = self._workloads(plan, kept)
        # The gateway of ambient workloads resets calls as soon as a pod begins to end.
        self._before_peers = hello_world if self.hbone_gateway else []
        if config.observability.enabled:
            Monitoring(f"{name}-monitoring", config, plan, namespace=self.namespace, opts=child)
        self.register_outputs({"gatewayAddresses": self.gateway_addresses})

    def _data_plane(self, mesh: MeshSection) -> DataPlane:
        return DataPlane(
            f"{self.name}-data-plane",
            self._config,
            mesh=mesh,
            namespace=self.namespace,
            control_plane=self.control_plane,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _workloads(self, plan: ClusterPlan, kept: Set[str]) -> list[pulumi.Resource]:
        """HelloWorld, which is given, and the waypoints of its namespace and of others."""
        child = pulumi.ResourceOptions(parent=self)
        nodes = self.data_plane.ready if self.data_plane and not self._config.data_plane.has_sidecars else []
        hello_world: list[pulumi.Resource] = []
        if self._config.hello_world.enabled:
            made = HelloWorld(
                f"{self.name}-hello-world",
                self._config,
                ready=[*self.control_plane.ready, *nodes],
                plan=plan,
                kept=kept,
                opts=child,
            )
            hello_world.append(made)
        for stub in self._config.stubs:
            # HelloWorld may make the namespace.
            after = pulumi.ResourceOptions(depends_on=hello_world)
            stub_service(self.name, stub, pulumi.ResourceOptions.merge(child, after))
        for place in plan.waypoints:
            Waypoint(
                f"{self.name}-waypoint-{place}",
                cluster=self._config,
                namespace=place,
                control_plane=self.control_plane,
                sample=hello_world if place == sample.NAMESPACE else [],
                opts=child,
            )
        return hello_world

    def lead_to(self, network: str, address: pulumi.Output[PeerAddress]) -> None:
        """Tell its ambient workloads where the gateway of another network is."""
        remote_gateway(
            self._config,
            network,
            address,
            namespace=self.namespace,
            control_plane=self.control_plane,
            opts=pulumi.ResourceOptions(parent=self),
        )

    @property
    def gateway_addresses(self) -> pulumi.Input[Sequence[str]]:
        """The addresses of its gateways; none where it has no gateway."""
        found = [gateway.addresses for gateway in (self.gateway, self.hbone_gateway) if gateway]
        if len(found) < 2:
            return found[0] if found else []
        return pulumi.Output.all(*found).apply(lambda lists: [a for one in lists for a in one])

    def as_remote(self, reader: str) -> RemoteCluster:
        """What one other cluster needs of it.

        Its gateways must be ready, too: a call that is sent there earlier, or after it is gone, fails.
        """
        gateway = self.gateway.release if self.gateway else None
        ambient = self.hbone_gateway.ready if self.hbone_gateway else ()
        ready = (
            *self.reader.ready,
            *filter(None, (gateway, self.exposure)),
            *ambient,
            *self._before_peers,
        )
        return self._as_remote(reader, ready)

    def _as_remote(self, reader: str, ready: Sequence[pulumi.Resource]) -> RemoteCluster:
        kubeconfig = self.reader.kubeconfigs_from.get(reader, self.reader.kubeconfig)
        return RemoteCluster(
            name=self.name,
            kubeconfigs={self.name: kubeconfig} if kubeconfig else {},
            ready=ready,
        )


def _adopted(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """For a namespace that the user created, with `cacerts` in it: it stays the user's."""
    own = pulumi.ResourceOptions(
        import_=NAMESPACE, ignore_changes=["metadata", "spec"], retain_on_delete=True
    )
    return pulumi.ResourceOptions.merge(opts, own)
