"""The entries of `clusters` and `peers`."""

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr

from mesh.config.sections.ambient import StubSection
from mesh.config.sections.api_server import ApiServerSection
from mesh.config.sections.base import Section, switch
from mesh.config.sections.exposure import ExposureSection
from mesh.config.sections.gateway import GatewaySection
from mesh.config.sections.hello_world import HelloWorldSection
from mesh.config.sections.istio import IstioSection
from mesh.config.sections.observability import ObservabilitySection
from mesh.config.sections.reader import ReaderSection
from mesh.config.sections.trust import ClusterTrustSection
from mesh.config.types import ClusterSelector, DataPlane, DnsLabel, GatewayAddress, StackName


class ClusterSection(Section):
    """One cluster of the mesh."""

    context: str = Field(description="Context in the kubeconfig.", examples=["east"], min_length=1)
    kubeconfig: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Path of the kubeconfig, absolute or relative to the project's folder. Default: the file "
        "that has the context among those in the environment variable `KUBECONFIG`, else `~/.kube/config`.",
        examples=["~/.kube/config"],
    )
    kubeconfig_contents: SecretStr | None = Field(
        default=None,
        description="Contents of the kubeconfig, instead of a path. Set it with `--secret`.",
        examples=["{secure: …}"],
    )
    network: DnsLabel | None = Field(
        default=None,
        description="Istio's network. Pods of clusters on one network reach each other. Default: "
        "`net-<cluster>`.",
        examples=["net-east"],
    )
    labels: dict[str, str] = Field(
        default={},
        description="Labels of the cluster, by which `sees` can select it.",
        examples=["{region: eu}"],
    )
    sees: tuple[ClusterSelector, ...] | None = Field(
        default=None, description="Overrides `sees`.", examples=["[hub]"]
    )
    data_plane: DataPlane | None = Field(
        default=None, description="Overrides `dataPlane`.", examples=["ambient"]
    )
    control_plane: DnsLabel | None = Field(
        default=None,
        description="Cluster whose control plane serves this one, which then has none of its own. See "
        "[Networks and roles](networks-and-roles.md).",
        examples=["east"],
    )
    control_plane_address: GatewayAddress | None = Field(
        default=None,
        description="Address at which this cluster reaches that control plane, on the ports 15012 and 15017. "
        "Default: that of the gateway of its cluster.",
        examples=["198.51.100.7"],
    )
    skip_unreachable: bool = Field(
        default=False,
        description="Skip this cluster with a warning while its API server gives no answer. An answer that "
        "refuses is an error.",
        examples=["true"],
    )
    offline: bool = Field(
        default=False,
        description="Whether this cluster is away: it and its remote secrets stay as they are, and nothing "
        "asks its API server. See [Clusters that are away](offline.md).",
        examples=["true"],
    )
    api_server: ApiServerSection = Field(
        default=ApiServerSection(),
        description="How other clusters reach the API server.",
        examples=["{server: https://203.0.113.10:6443}"],
    )
    istio: IstioSection | None = Field(
        default=None, description="Overrides `istio`.", examples=["{version: 1.31.0}"]
    )
    trust: ClusterTrustSection = Field(
        default=ClusterTrustSection(),
        description="Overrides `trust.intermediate`.",
        examples=["{intermediate: {generation: 2}}"],
    )
    gateway: GatewaySection | None = Field(
        default=None, description="Overrides `gateway`.", examples=["{service: {type: NodePort}}"]
    )
    stubs: tuple[StubSection, ...] = Field(
        default=(),
        description="Services that only other clusters have, and that ambient workloads of this one call. "
        "See [Ambient](ambient.md#exposure).",
        examples=["[{namespace: shop, name: cart, ports: {http: 80}}]"],
    )
    exposure: ExposureSection | None = Field(
        default=None, description="Overrides `exposure`.", examples=['{hosts: ["*.shop.svc.cluster.local"]}']
    )
    reader: ReaderSection | None = Field(
        default=None, description="Overrides `reader`.", examples=["{tokenGenerations: [1, 2]}"]
    )
    hello_world: Annotated[
        HelloWorldSection | None,
        BeforeValidator(switch, json_schema_input_type=bool | HelloWorldSection | None),
    ] = Field(
        default=None, description="Overrides `helloWorld`. `true` or `false` is enough.", examples=["true"]
    )
    observability: Annotated[
        ObservabilitySection | None,
        BeforeValidator(switch, json_schema_input_type=bool | ObservabilitySection | None),
    ] = Field(
        default=None,
        description="Overrides `observability`. `true` or `false` is enough.",
        examples=["true"],
    )


class PeerSection(Section):
    """A cluster of the same mesh that another stack looks after."""

    stack: StackName = Field(
        description="Full name of the stack that has the cluster.", examples=["organization/istio-mesh/west"]
    )
