"""The east-west gateway for ambient workloads, and those of other networks whose address is given."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

from mesh.config.resolved import ClusterConfig
from mesh.config.types import ServiceType
from mesh.istio.addresses import PeerAddress, discovered, given_hbone
from mesh.istio.control_plane import ControlPlane
from mesh.istio.gateway import gateway_service_of
from mesh.istio.hbone_values import patches
from mesh.istio.managed_gateway import managed_gateway
from mesh.istio.names import (
    EAST_WEST_CLASS,
    GATEWAY_ACCOUNT_ANNOTATION,
    GATEWAY_API,
    HBONE_GATEWAY,
    HBONE_PORT,
    NETWORK_LABEL,
    REMOTE_CLASS,
    remote_gateway_name,
)
from mesh.istio.namespace import FIELD_MANAGER
from mesh.istio.revisions import revision_labels
from mesh.secret_values import protected

_HAS_ADDRESS = "jsonpath={.status.loadBalancer.ingress[0]}"


class HboneGateway(pulumi.ComponentResource):
    """A Gateway, of which istiod makes pods and a Service, and the addresses that peers use.

    It needs no ztunnel: it passes connections on.
    `ready` are the resources that exist once its pods are ready.
    """

    ready: list[pulumi.Resource]
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
        """Declare the gateway."""
        super().__init__("mesh:index:HboneGateway", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        infrastructure: dict[str, Any] = {"labels": {NETWORK_LABEL: cluster.network}}
        needed: list[pulumi.Resource] = [*control_plane.ready]
        if data := patches(cluster):
            settings = kubernetes.core.v1.ConfigMap(
                f"{name}-settings",
                metadata={"name": HBONE_GATEWAY, "namespace": namespace},
                data=data,
                opts=child,
            )
            infrastructure["parametersRef"] = {"group": "", "kind": "ConfigMap", "name": HBONE_GATEWAY}
            needed.append(settings)
        stated = given_hbone(cluster)
        gateway, pods = managed_gateway(
            f"{cluster.name}-{HBONE_GATEWAY}",
            name=HBONE_GATEWAY,
            namespace=namespace,
            gateway_class=EAST_WEST_CLASS,
            # By it, peers find the addresses of the Service, in place of those that are given.
            labels={**({} if stated else {NETWORK_LABEL: cluster.network}), **revision_labels(cluster)},
            infrastructure=infrastructure,
            tls={"mode": "Terminate", "options": {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"}},
            needed=needed,
            opts=child,
        )
        self.ready = [gateway, pods]
        if cluster.gateway.service.type == ServiceType.LOAD_BALANCER and not stated:
            self.ready.append(self._address(f"{name}-service-address", namespace, gateway, pods))
        found = self._discovered(f"{name}-service", namespace, gateway)
        addresses = (
            pulumi.Output.from_input([str(address) for address in stated])
            if stated
            else found.apply(lambda known: [str(address) for address in known])
        )
        self.addresses = protected(addresses, cluster.secrets)
        self.register_outputs({"addresses": self.addresses})

    def _address(
        self, name: str, namespace: pulumi.Input[str], gateway: CustomResource, pods: pulumi.Resource
    ) -> kubernetes.core.v1.ServicePatch:
        """What is done once the load balancer has given the Service an address."""
        return kubernetes.core.v1.ServicePatch(
            name,
            metadata={
                "name": gateway.id.apply(lambda _: HBONE_GATEWAY),
                "namespace": namespace,
                "annotations": {**FIELD_MANAGER, "pulumi.com/waitFor": _HAS_ADDRESS},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[pods]),
        )

    def _discovered(
        self, name: str, namespace: pulumi.Input[str], gateway: CustomResource
    ) -> pulumi.Output[Sequence[PeerAddress]]:
        """The addresses that peers find by the Gateway: those of its Service."""
        service = kubernetes.core.v1.Service.get(
            name,
            pulumi.Output.all(namespace, gateway.id).apply(lambda ids: f"{ids[0]}/{HBONE_GATEWAY}"),
            opts=pulumi.ResourceOptions(parent=self, depends_on=self.ready),
        )
        return gateway_service_of(service).apply(lambda known: discovered(known, port=HBONE_PORT))


def remote_gateway(
    cluster: ClusterConfig,
    network: str,
    address: pulumi.Output[PeerAddress],
    *,
    namespace: pulumi.Input[str],
    control_plane: ControlPlane,
    opts: pulumi.ResourceOptions,
) -> CustomResource:
    """Shows a cluster's control plane where the gateway of another network is.

    istiod finds no address of it otherwise, and expects the account of the Gateway that is named in the
    annotation (`GatewaySA` in `pilot/pkg/serviceregistry/kube/conversion.go` in istio/istio).
    """
    name = remote_gateway_name(network)
    return CustomResource(
        f"{cluster.name}-{name}",
        api_version=GATEWAY_API,
        kind="Gateway",
        metadata={
            "name": name,
            "namespace": namespace,
            "labels": {NETWORK_LABEL: network},
            "annotations": {GATEWAY_ACCOUNT_ANNOTATION: HBONE_GATEWAY},
        },
        spec={
            "gatewayClassName": REMOTE_CLASS,
            "addresses": address.apply(lambda a: [{"type": _type(a.address), "value": a.address}]),
            "listeners": [
                {
                    "name": "mesh",
                    "port": address.apply(lambda a: a.port),
                    "protocol": "HBONE",
                    "tls": {"mode": "Passthrough"},
                }
            ],
        },
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=control_plane.ready)),
    )


def _type(address: str) -> str:
    """As the Gateway API calls an address of that form."""
    try:
        ip_address(address)
    except ValueError:
        return "Hostname"
    return "IPAddress"
