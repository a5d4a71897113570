"""All keys of `Pulumi.<stack>.yaml`. `mesh.config.sections` has the sections.

A cluster may carry the sections `istio`, `gateway`, `exposure`, `reader`, `helloWorld`, `observability` and
`trust.intermediate`, and the setting `sees`, again: what is set there overrides, for that cluster alone, what
is set for all.
"""

from typing import Annotated

from pydantic import BeforeValidator, Field

from mesh.config.sections.ambient import GatewayApiSection
from mesh.config.sections.base import Section, switch
from mesh.config.sections.cluster import ClusterSection, PeerSection
from mesh.config.sections.exposure import ExposureSection
from mesh.config.sections.failover import FailoverSection
from mesh.config.sections.gateway import GatewaySection
from mesh.config.sections.hello_world import HelloWorldSection
from mesh.config.sections.istio import IstioSection
from mesh.config.sections.mesh import MeshSection
from mesh.config.sections.observability import KialiSection, ObservabilitySection
from mesh.config.sections.reader import ReaderSection
from mesh.config.sections.rollout import RolloutSection
from mesh.config.sections.trust import TrustSection
from mesh.config.types import ClusterSelector, DataPlane, DnsLabel


class StackSections(Section):
    """All keys of the project's configuration."""

    mesh: MeshSection = Field(description="Identity of the mesh.", examples=["{id: dev}"])
    istio: IstioSection = Field(
        default=IstioSection(), description="Istio's charts.", examples=["{version: 1.31.0}"]
    )
    trust: TrustSection = Field(
        default=TrustSection(), description="Certificate authorities.", examples=["{root: {}}"]
    )
    data_plane: DataPlane = Field(
        default=DataPlane.SIDECAR,
        description="How workloads take part in the mesh: with a proxy each (`sidecar`), with one a node "
        "(`ambient`), or some so and some so (`both`). See [Ambient](ambient.md).",
        examples=["ambient"],
    )
    gateway_api: GatewayApiSection = Field(
        default=GatewayApiSection(),
        description="Where the definitions of the Gateway API come from.",
        examples=["{manifest: gateway-api.yaml}"],
    )
    waypoints: tuple[DnsLabel, ...] = Field(
        default=(),
        description="Namespaces whose services are called through a waypoint, the same in every ambient "
        "cluster. See [Ambient](ambient.md#waypoints).",
        examples=["[shop]"],
    )
    gateway: GatewaySection = Field(
        default=GatewaySection(),
        description="The east-west gateways.",
        examples=["{service: {type: NodePort}}"],
    )
    sees: tuple[ClusterSelector, ...] | None = Field(
        default=None,
        description="Clusters whose services each cluster discovers and can call: names, or labels as "
        "`region=eu`. Default: all.",
        examples=["[hub]"],
    )
    exposure: ExposureSection = Field(
        default=ExposureSection(),
        description="What each cluster exposes to the others.",
        examples=['{hosts: ["*.local"]}'],
    )
    failover: tuple[FailoverSection, ...] = Field(
        default=(),
        description="Services that outlive a cluster. See [Failover](failover.md).",
        examples=["[{hosts: [checkout.shop.svc.cluster.local], withinSeconds: 10}]"],
    )
    reader: ReaderSection = Field(
        default=ReaderSection(),
        description="The accounts that other clusters use to discover services.",
        examples=["{tokenGenerations: [1]}"],
    )
    hello_world: Annotated[
        HelloWorldSection, BeforeValidator(switch, json_schema_input_type=bool | HelloWorldSection)
    ] = Field(
        default=HelloWorldSection(),
        description="The sample, for tests and `python -m mesh verify`.",
        examples=["{enabled: true}"],
    )
    observability: Annotated[
        ObservabilitySection, BeforeValidator(switch, json_schema_input_type=bool | ObservabilitySection)
    ] = Field(
        default=ObservabilitySection(),
        description="Metrics and alerts, in clusters with the Prometheus Operator.",
        examples=["{enabled: true}"],
    )
    kiali: KialiSection = Field(
        default=KialiSection(),
        description="One Kiali for all clusters.",
        examples=["{cluster: east}"],
    )
    clusters: dict[DnsLabel, ClusterSection] = Field(
        description="The clusters of the mesh, by name.", examples=["{east: {context: east}}"]
    )
    peers: dict[DnsLabel, PeerSection] = Field(
        default={},
        description="Clusters of the mesh that are in other stacks, by name.",
        examples=["{west: {stack: organization/istio-mesh/west}}"],
    )
    rollout: RolloutSection = Field(
        default=RolloutSection(),
        description="The order in which `python -m mesh rollout` updates clusters. See "
        "[Roll out in waves](rollout.md).",
        examples=["{waves: [[canary], [eu, us]]}"],
    )
