"""The gateway by which other networks reach a cluster's services."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.resolved import ClusterConfig
from mesh.istio import values
from mesh.istio.control_plane import ControlPlane
from mesh.istio.release import istio_release


class EastWestGateway(pulumi.ComponentResource):
    """The chart `gateway` as an east-west gateway, and the addresses that it was given."""

    release: kubernetes.helm.v3.Release
    addresses: pulumi.Output[list[str]]

    def __init__(
        self,
        name: str,
        *,
        cluster: ClusterConfig,
        namespace: pulumi.Input[str],
        control_plane: ControlPlane,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mesh:index:EastWestGateway", name, None, opts)
        self.release = istio_release(
            cluster.name,
            "gateway",
            name=values.GATEWAY_NAME,
            namespace=namespace,
            istio=cluster.istio,
            values=values.gateway(cluster),
            # The pod's image is filled in by istiod's injector.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[control_plane.istiod]),
        )
        service = kubernetes.core.v1.Service.get(
            f"{name}-service",
            # By `id` it waits for the release, and has no status to look into where that has failed.
            pulumi.Output.all(namespace, self.release.id).apply(
                lambda found: f"{found[0]}/{values.GATEWAY_NAME}"
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.addresses = service.status.apply(_addresses)
        self.register_outputs({"addresses": self.addresses})


def _addresses(status: Any) -> list[str]:
    """IP addresses and host names in a Service's status."""
    balancer = status.load_balancer if status else None
    ingress: list[Any] = (balancer.ingress if balancer else None) or []
    return [entry.ip or entry.hostname for entry in ingress]
