"""The east-west gateway, by which other networks reach a cluster's services."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.resolved import ClusterConfig
from mesh.istio import values
from mesh.istio.addresses import gateway_addresses
from mesh.istio.control_plane import ControlPlane
from mesh.istio.names import GATEWAY
from mesh.istio.release import istio_release
from mesh.secret_values import protected

_ALL_OF_IT = ["metadata", "spec", "status", "__inputs"]


class EastWestGateway(pulumi.ComponentResource):
    """The chart `gateway` as an east-west gateway, and the addresses of its Service.

    What it exposes is declared apart, in `exposure`.
    """

    release: kubernetes.helm.v3.Release
    addresses: pulumi.Output[list[str]]

    def __init__(
        self,
        name: str,
        cluster: ClusterConfig,
        *,
        namespace: pulumi.Input[str],
        control_plane: ControlPlane,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mesh:index:EastWestGateway", name, None, opts)
        self.release = istio_release(
            cluster,
            "gateway",
            name=GATEWAY,
            namespace=namespace,
            values=values.gateway(cluster),
            # The pod's image is filled in by istiod's injector.
            opts=pulumi.ResourceOptions(parent=self, depends_on=control_plane.ready),
        )
        service = kubernetes.core.v1.Service.get(
            f"{name}-service",
            # The release's ID makes it wait for the release; where that failed, there is no Service to read.
            pulumi.Output.all(namespace, self.release.id).apply(lambda ids: f"{ids[0]}/{GATEWAY}"),
            opts=pulumi.ResourceOptions(
                parent=self,
                # Annotations and more in it come from the values.
                additional_secret_outputs=_ALL_OF_IT if cluster.secret_values("gateway") else None,
            ),
        )
        # Nested, because `Output.all` would turn both into plain maps.
        addresses = service.spec.apply(
            lambda spec: service.status.apply(lambda status: _addresses(spec, status))
        )
        self.addresses = protected(pulumi.Output.unsecret(addresses), cluster.secrets)
        self.register_outputs({"addresses": self.addresses})


def _addresses(spec: Any, status: Any) -> list[str]:
    balancer = status.load_balancer if status else None
    ingress: list[Any] = (balancer.ingress if balancer else None) or []
    external: list[str] = (spec.external_ips if spec else None) or []
    return list(gateway_addresses(((entry.ip, entry.hostname) for entry in ingress), external))
