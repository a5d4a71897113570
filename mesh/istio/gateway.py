"""The east-west gateway, by which other networks reach a cluster's services."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.resolved import ClusterConfig
from mesh.istio import values
from mesh.istio.addresses import GatewayService, Node, discovered, given
from mesh.istio.control_plane import ControlPlane
from mesh.istio.names import GATEWAY
from mesh.istio.release import istio_release
from mesh.istio.revisions import serving
from mesh.secret_values import protected

_ALL_OF_IT = ["metadata", "spec", "status", "__inputs"]


class EastWestGateway(pulumi.ComponentResource):
    """The chart `gateway` as an east-west gateway, and the addresses that peers use.

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
        nodes: Sequence[Node],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the gateway; `nodes` are those of its cluster, if its addresses are theirs."""
        super().__init__("mesh:index:EastWestGateway", name, None, opts)
        self.release = istio_release(
            cluster,
            "gateway",
            name=GATEWAY,
            version=serving(cluster).version,
            namespace=namespace,
            values=values.gateway(cluster),
            # The pod's image is filled in by istiod's injector.
            opts=pulumi.ResourceOptions(parent=self, depends_on=control_plane.ready),
        )
        # Read where its addresses are not used, too: policies look at what it opens.
        found = self._discovered(f"{name}-service", cluster, namespace, nodes)
        stated = [str(address) for address in given(cluster)]
        addresses = pulumi.Output.from_input(stated) if stated else found
        self.addresses = protected(addresses, cluster.secrets)
        self.register_outputs({"addresses": self.addresses})

    def _discovered(
        self, name: str, cluster: ClusterConfig, namespace: pulumi.Input[str], nodes: Sequence[Node]
    ) -> pulumi.Output[list[str]]:
        """The addresses that istiod finds by the Service."""
        service = kubernetes.core.v1.Service.get(
            name,
            # The release's ID makes it wait for the release; where that failed, there is no Service to read.
            pulumi.Output.all(namespace, self.release.id).apply(lambda ids: f"{ids[0]}/{GATEWAY}"),
            opts=pulumi.ResourceOptions(
                parent=self,
                # Annotations and more in it come from the values.
                additional_secret_outputs=_ALL_OF_IT if cluster.secret_values("gateway") else None,
            ),
        )
        addresses = gateway_service_of(service).apply(
            lambda known: [str(address) for address in discovered(known, nodes)]
        )
        return pulumi.Output.unsecret(addresses)


def gateway_service_of(service: kubernetes.core.v1.Service) -> pulumi.Output[GatewayService | None]:
    """What counts of the Service of a gateway that is read; None in a preview before it exists."""
    # Nested, because `Output.all` would turn them into plain maps.
    return service.metadata.apply(
        lambda metadata: service.spec.apply(
            lambda spec: service.status.apply(lambda status: _service(metadata, spec, status))
        )
    )


def _service(metadata: Any, spec: Any, status: Any) -> GatewayService | None:
    if spec is None:
        return None  # in a preview
    balancer = status.load_balancer if status else None
    ingress: list[Any] = (balancer.ingress if balancer else None) or []
    ports: list[Any] = spec.ports or []
    return GatewayService(
        type=spec.type,
        labels=metadata.labels or {},
        annotations=metadata.annotations or {},
        ports={port.port: port.node_port for port in ports},
        reported=[entry.ip or entry.hostname or "" for entry in ingress],
        external_ips=spec.external_ips or (),
    )
