"""One cluster of the mesh and all that is in it."""

from collections.abc import Iterable, Sequence, Set

import pulumi

from mesh.config.resolved import ClusterConfig
from mesh.config.schema import MeshSection
from mesh.discovery.reader import Reader
from mesh.discovery.remote_secret import RemoteCluster
from mesh.istio.addresses import Node
from mesh.istio.control_plane import ControlPlane
from mesh.istio.exposure import cross_network_gateway
from mesh.istio.gateway import EastWestGateway
from mesh.istio.names import NAMESPACE, NETWORK_LABEL
from mesh.istio.namespace import namespace
from mesh.istio.values import Ways
from mesh.observability.monitoring import Monitoring
from mesh.plan import ClusterPlan
from mesh.samples.hello_world import HelloWorld
from mesh.trust.intermediate_ca import IntermediateCA
from mesh.trust.root_ca import RootCA


class Cluster(pulumi.ComponentResource):
    """Intermediate CA, control plane, reader, and where it is planned an east-west gateway, in one cluster.

    On request, HelloWorld and what monitors the mesh, too.

    It gets its cluster's provider by `opts` and waits for no other cluster. It does not own the cluster
    itself, the remote secrets in it (the mesh does), or the workloads of its users.
    """

    name: str
    namespace: pulumi.Output[str]
    intermediate: IntermediateCA
    control_plane: ControlPlane
    gateway: EastWestGateway | None
    exposure: pulumi.Resource | None
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
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the cluster.

        `certificate` is what it signs with now, as PEM, empty where that is not known; `kept` has the logical
        names of the namespaces that were there before the stack, and `labelled` the hosts of the Services
        that it exposes by their labels. `kubeconfig` is the one for peers, where the configuration gives it.
        `ways` are the addresses of other gateways that it is told, `nodes` its own nodes, if its gateway's
        addresses are theirs.
        """
        super().__init__("mesh:index:Cluster", name, None, opts)
        self.name = name
        child = pulumi.ResourceOptions(parent=self)
        is_kept = f"{name}-{NAMESPACE}" in kept
        made = namespace(
            f"{name}-{NAMESPACE}",
            NAMESPACE,
            {NETWORK_LABEL: config.network},
            kept=is_kept,
            opts=_adopted(child) if config.intermediate.existing and not is_kept else child,
        )
        # With a secret network, all of the metadata is secret for the SDK, and so would be all that is in it.
        self.namespace = pulumi.Output.unsecret(made)
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
            opts=child,
        )
        self.control_plane = ControlPlane(
            f"{name}-control-plane",
            config,
            mesh=mesh,
            namespace=self.namespace,
            cacerts=self.intermediate.secret,
            ways=ways,
            opts=child,
        )
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
        self.reader = Reader(
            f"{name}-reader",
            config,
            namespace=self.namespace,
            control_plane=self.control_plane,
            given=kubeconfig,
            opts=child,
        )
        if config.hello_world.enabled:
            HelloWorld(f"{name}-hello-world", config, control_plane=self.control_plane, kept=kept, opts=child)
        if config.observability.enabled:
            Monitoring(f"{name}-monitoring", config, plan, namespace=self.namespace, opts=child)
        self.register_outputs({"gatewayAddresses": self.gateway_addresses})

    @property
    def gateway_addresses(self) -> pulumi.Input[Sequence[str]]:
        """The addresses of its gateway; none where it has no gateway."""
        return self.gateway.addresses if self.gateway else []

    def as_remote(self, reader: str) -> RemoteCluster:
        """What one other cluster needs of it.

        Its gateway must be ready, too: a call that is sent there earlier, or after it is gone, fails.
        """
        kubeconfig = self.reader.kubeconfigs_from.get(reader, self.reader.kubeconfig)
        gateway = self.gateway.release if self.gateway else None
        return RemoteCluster(
            name=self.name,
            kubeconfigs={self.name: kubeconfig} if kubeconfig else {},
            ready=(*self.reader.ready, *filter(None, (gateway, self.exposure))),
        )


def _adopted(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """For a namespace that the user created, with `cacerts` in it: it stays the user's."""
    own = pulumi.ResourceOptions(
        import_=NAMESPACE, ignore_changes=["metadata", "spec"], retain_on_delete=True
    )
    return pulumi.ResourceOptions.merge(opts, own)
