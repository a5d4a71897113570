"""One cluster of the mesh and all that is in it."""

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass

import pulumi

from mesh.config.resolved import ClusterConfig
from mesh.config.schema import MeshSection
from mesh.discovery.reader import Reader
from mesh.discovery.remote_secret import RemoteCluster
from mesh.istio.addresses import Node
from mesh.istio.control_plane import ControlPlane
from mesh.istio.exposure import cross_network_gateway, exposed_istiod
from mesh.istio.gateway import EastWestGateway
from mesh.istio.names import CONTROL_PLANE_ANNOTATION, NAMESPACE, NETWORK_LABEL
from mesh.istio.namespace import namespace
from mesh.istio.values import Ways
from mesh.observability.monitoring import Monitoring
from mesh.plan import ClusterPlan
from mesh.samples.hello_world import HelloWorld
from mesh.trust.intermediate_ca import IntermediateCA
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
    """Intermediate CA, control plane, reader, and where it is planned an east-west gateway, in one cluster.

    On request, HelloWorld and what monitors the mesh, too.

    It gets its cluster's provider by `opts`, and waits for no other cluster but a remote for its primary. It
    does not own the cluster itself, the remote secrets in it (the mesh does), or the workloads of its users.
    A remote has no CA: its primary's istiod signs for its workloads.
    """

    name: str
    namespace: pulumi.Output[str]
    intermediate: IntermediateCA | None
    control_plane: ControlPlane
    gateway: EastWestGateway | None
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
        primary: Primary | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the cluster.

        `certificate` is what it signs with now, as PEM, empty where that is not known; `kept` has the logical
        names of the namespaces that were there before the stack, and `labelled` the hosts of the Services
        that it exposes by their labels. `kubeconfig` is the one for peers, where the configuration gives it.
        `ways` are the addresses of other gateways that it is told, `nodes` its own nodes, if its gateway's
        addresses are theirs, and `primary` serves a remote.
        """
        super().__init__("mesh:index:Cluster", name, None, opts)
        self.name = name
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
            opts=child,
        )
        self.reader = Reader(
            f"{name}-reader",
            config,
            namespace=self.namespace,
            control_plane=self.control_plane,
            given=kubeconfig,
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
        self.serving = (
            exposed_istiod(config, self.namespace, self.control_plane, child) if plan.serves else ()
        )
        if config.hello_world.enabled:
            HelloWorld(
                f"{name}-hello-world",
                config,
                control_plane=self.control_plane,
                shared_ways=plan.shared_ways,
                kept=kept,
                opts=child,
            )
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
        gateway = self.gateway.release if self.gateway else None
        return self._as_remote(reader, (*self.reader.ready, *filter(None, (gateway, self.exposure))))

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
