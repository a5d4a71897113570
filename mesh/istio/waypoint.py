"""The waypoint of a namespace: the proxy through which its services are called."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.resolved import ClusterConfig
from mesh.istio.control_plane import ControlPlane
from mesh.istio.managed_gateway import managed_gateway
from mesh.istio.names import GLOBAL_LABEL, USE_WAYPOINT_LABEL, WAYPOINT, WAYPOINT_CLASS
from mesh.istio.revisions import revision_labels

# One of its own: the namespace may have labels of another patch.
_FIELD_MANAGER = {"pulumi.com/patchFieldManager": "istio-mesh-waypoint"}


class Waypoint(pulumi.ComponentResource):
    """A Gateway in a namespace, and the namespace's label that sends calls through it.

    The namespace is its users', and loses no more than the label with it.
    """

    def __init__(
        self,
        name: str,
        *,
        cluster: ClusterConfig,
        namespace: str,
        control_plane: ControlPlane,
        sample: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare both; `sample` is what makes the namespace, where that is in the stack."""
        super().__init__("mesh:index:Waypoint", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        _, pods = managed_gateway(
            f"{cluster.name}-{namespace}-{WAYPOINT}",
            name=WAYPOINT,
            namespace=namespace,
            gateway_class=WAYPOINT_CLASS,
            labels=revision_labels(cluster),
            # Of its Service: without it, ztunnels of other clusters call past the waypoint, and are refused.
            infrastructure={"labels": {GLOBAL_LABEL: "true"}},
            needed=[*control_plane.ready, *sample],
            opts=child,
        )
        kubernetes.core.v1.NamespacePatch(
            f"{cluster.name}-{namespace}-use-waypoint",
            metadata={
                "name": namespace,
                "labels": {USE_WAYPOINT_LABEL: WAYPOINT},
                "annotations": _FIELD_MANAGER,
            },
            # Else calls would go to pods that are not ready; and while they go, the label is gone already.
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[pods])),
        )
