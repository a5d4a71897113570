"""What ambient workloads need on the nodes of a cluster."""

import pulumi
from pulumi_kubernetes.helm.v3 import Release

from mesh.config.resolved import ClusterConfig
from mesh.config.sections.mesh import MeshSection
from mesh.istio import ambient_values
from mesh.istio.control_plane import ControlPlane
from mesh.istio.names import CNI, ZTUNNEL
from mesh.istio.release import istio_release
from mesh.istio.revisions import serving


class DataPlane(pulumi.ComponentResource):
    """The charts `cni` and `ztunnel`: an agent and a proxy on each node.

    `ready` is what everything waits for that needs ambient workloads, and what goes after all of that: pods
    without a ztunnel lose their network.

    Helm takes the agents for ready while the pod of one node is not, since as many may be unavailable
    (`daemonSetReady` in `pkg/kube/ready.go` of helm/helm). So nothing waits for them but ztunnel, of which
    none may be, and which is ready only once the agent of its node has connected it to the pods there
    (`src/inpod/workloadmanager.rs` in istio/ztunnel).
    """

    ready: list[pulumi.Resource]

    def __init__(
        self,
        name: str,
        cluster: ClusterConfig,
        *,
        mesh: MeshSection,
        namespace: pulumi.Input[str],
        control_plane: ControlPlane,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare both."""
        super().__init__("mesh:index:DataPlane", name, None, opts)
        cni: Release = istio_release(
            cluster,
            "cni",
            name=CNI,
            version=serving(cluster).version,
            namespace=namespace,
            values=ambient_values.cni(cluster),
            opts=pulumi.ResourceOptions(parent=self, depends_on=control_plane.ready),
        )
        ztunnel = istio_release(
            cluster,
            "ztunnel",
            name=ZTUNNEL,
            version=serving(cluster).version,
            namespace=namespace,
            values=ambient_values.ztunnel(cluster, mesh.trust_domain),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*control_plane.ready, cni]),
        )
        self.ready = [ztunnel]
