"""The configuration after all decisions: for each cluster, everything that concerns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mesh.config.schema import (
    ExposureSection,
    HelloWorldSection,
    IntermediateSection,
    IstioSection,
    MeshSection,
    ReaderSection,
    TrustSection,
)


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How the program reaches a cluster: a kubeconfig, by path or as contents, and a context in it."""

    context: str
    path: str
    contents: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class ApiServer:
    """How the other clusters reach a cluster's API server; `certificate_authority` is PEM."""

    server: str
    certificate_authority: str | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """One cluster, with what is set for all and what is overridden for it already put together."""

    name: str
    network: str
    connection: Connection
    api_server: ApiServer
    skip_unreachable: bool
    istio: IstioSection
    intermediate: IntermediateSection
    exposure: ExposureSection
    reader: ReaderSection
    hello_world: HelloWorldSection


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """A whole mesh, or the part of it that a stack looks after.

    `clusters` by name, in the order of the stack file; `peers` are the clusters of other stacks, with the
    full name of each one's stack.
    """

    mesh: MeshSection
    trust: TrustSection
    clusters: Mapping[str, ClusterConfig]
    peers: Mapping[str, str]

    @property
    def split(self) -> bool:
        """Whether other stacks are parts of the same mesh."""
        return self.trust.shared or self.trust.stack is not None or bool(self.peers)
