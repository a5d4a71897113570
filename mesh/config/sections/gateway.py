"""The section `gateway`: how other networks reach a cluster."""

from typing import Annotated

from pydantic import Field

from mesh.config.sections.base import Section
from mesh.config.types import (
    Cidr,
    GatewayAddress,
    IpFamily,
    IpFamilyPolicy,
    LoadBalancerPreset,
    NodePort,
    Port,
    Replicas,
    ServiceType,
)


class GatewayServiceSection(Section):
    """The Service of the east-west gateway."""

    type: ServiceType = Field(
        default=ServiceType.LOAD_BALANCER,
        description="Type of the Service: LoadBalancer, NodePort, or ClusterIP behind something of yours.",
        examples=["NodePort"],
    )
    preset: LoadBalancerPreset | None = Field(
        default=None,
        description="Annotations for an internal load balancer of a cloud. See "
        "[Gateways](gateways.md#internal-load-balancers).",
        examples=["aws-internal"],
    )
    annotations: dict[str, str] = Field(
        default={},
        description="Annotations of the Service, above those of the preset.",
        examples=['{metallb.io/address-pool: "mesh"}'],
    )
    source_ranges: tuple[Cidr, ...] = Field(
        default=(),
        description="Addresses from which the load balancer takes connections. Default: from everywhere.",
        examples=["[198.51.100.0/24]"],
    )
    ip_families: Annotated[tuple[IpFamily, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="IP families of the Service, the first one first. Default: the cluster's.",
        examples=["[IPv6]"],
    )
    ip_family_policy: IpFamilyPolicy | None = Field(
        default=None,
        description="Whether the Service has one IP family or two.",
        examples=["PreferDualStack"],
    )
    node_port: NodePort | None = Field(
        default=None,
        description="Port of the nodes, with the type NodePort. Default: one that Kubernetes chooses.",
        examples=[31443],
    )
    node_selector: dict[str, str] = Field(
        default={},
        description="Labels of the nodes whose external addresses other networks use, with the type "
        "NodePort. Default: all nodes.",
        examples=["{role: edge}"],
    )


class GatewayAddressSection(Section):
    """An address at which other networks reach a gateway."""

    address: GatewayAddress = Field(description="IP address or host name.", examples=["198.51.100.7"])
    port: Port | None = Field(
        default=None,
        description="Port at that address. Default: 15443, and 15008 for an ambient cluster.",
        examples=[31443],
    )


class GatewaySection(Section):
    """The east-west gateway: how other networks come in."""

    enabled: bool | None = Field(
        default=None,
        description="Whether the cluster has a gateway. Default: where the mesh has several networks, where "
        "the cluster is its only one, and where it serves others.",
        examples=["false"],
    )
    service: GatewayServiceSection = Field(
        default=GatewayServiceSection(), description="The gateway's Service.", examples=["{type: NodePort}"]
    )
    port: Port = Field(
        default=15443,
        description="Port of the Service for mutual TLS from other networks.",
        examples=[443],
    )
    addresses: tuple[GatewayAddressSection, ...] = Field(
        default=(),
        description="Addresses that other networks use, where the cluster cannot know them: NAT, a static "
        "address, a load balancer of your own. For one cluster only. Default: those of the Service.",
        examples=["[{address: 198.51.100.7, port: 31443}]"],
    )
    replicas: Replicas | None = Field(
        default=None,
        description="Number of pods at least, spread over nodes and zones. The chart's autoscaler adds more "
        "under load. Default: 1.",
        examples=[2],
    )
    network_policy: bool | None = Field(
        default=None,
        description="Whether a NetworkPolicy opens the gateway's ports, for namespaces that deny everything "
        "else. Default: as the chart does, which makes none.",
        examples=["true"],
    )
