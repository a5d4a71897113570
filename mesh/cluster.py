"""One member of the mesh and all that is in it."""

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.resolved import ClusterConfig
from mesh.config.schema import MeshSection
from mesh.discovery.reader import Reader
from mesh.istio.control_plane import ControlPlane
from mesh.istio.exposure import cross_network_gateway
from mesh.istio.gateway import EastWestGateway
from mesh.samples.hello_world import HelloWorld
from mesh.trust.intermediate_ca import IntermediateCA
from mesh.trust.root_ca import RootCA

NAMESPACE = "istio-system"


class Cluster(pulumi.ComponentResource):
    """Trust, control plane, east-west gateway, reader and, on request, the sample in one cluster.

    It gets its cluster's provider by `opts` and waits for no other cluster.
    """

    name: str
    namespace: pulumi.Output[str]
    intermediate: IntermediateCA
    control_plane: ControlPlane
    gateway: EastWestGateway
    exposure: pulumi.Resource
    reader: Reader

    def __init__(
        self,
        config: ClusterConfig,
        *,
        mesh: MeshSection,
        root: RootCA,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mesh:index:Cluster", config.name, None, opts)
        self.name = config.name
        child = pulumi.ResourceOptions(parent=self)
        self.namespace = kubernetes.core.v1.Namespace(
            f"{config.name}-{NAMESPACE}",
            metadata={"name": NAMESPACE, "labels": {"topology.istio.io/network": config.network}},
            opts=_adopted(child) if config.intermediate.existing else child,
        ).metadata.name
        self.intermediate = IntermediateCA(
            f"{config.name}-intermediate",
            mesh_id=mesh.id,
            cluster=config.name,
            namespace=self.namespace,
            intermediate=config.intermediate,
            root=root,
            opts=child,
        )
        self.control_plane = ControlPlane(
            f"{config.name}-control-plane",
            cluster=config,
            mesh=mesh,
            namespace=self.namespace,
            cacerts=self.intermediate.secret,
            opts=child,
        )
        self.gateway = EastWestGateway(
            f"{config.name}-east-west-gateway",
            cluster=config,
            namespace=self.namespace,
            control_plane=self.control_plane,
            opts=child,
        )
        self.exposure = cross_network_gateway(config, self.namespace, self.control_plane, child)
        self.reader = Reader(
            f"{config.name}-reader",
            cluster=config,
            namespace=self.namespace,
            control_plane=self.control_plane,
            opts=child,
        )
        if config.hello_world.enabled:
            HelloWorld(
                f"{config.name}-hello-world", cluster=config, control_plane=self.control_plane, opts=child
            )
        self.register_outputs({"gatewayAddresses": self.gateway.addresses})


def _adopted(opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """For a namespace that is there before the mesh, with the `cacerts` in it: it stays the user's."""
    own = pulumi.ResourceOptions(
        import_=NAMESPACE, ignore_changes=["metadata", "spec"], retain_on_delete=True
    )
    return pulumi.ResourceOptions.merge(opts, own)
