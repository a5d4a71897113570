"""The configuration with all defaults and overrides put together: for each cluster, all that concerns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mesh.config.schema import (
    ExposureSection,
    GatewaySection,
    HelloWorldSection,
    IntermediateSection,
    IstioSection,
    KialiSection,
    MeshSection,
    ObservabilitySection,
    ReaderSection,
    TrustSection,
)
from mesh.config.secrets import Path, Secrets

_NOTHING = Secrets()


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How the program reaches a cluster: a kubeconfig, by path or as contents, and a context in it.

    `proxy_url` is the proxy that the kubeconfig has for it.
    """

    context: str
    path: str
    contents: str | None = field(default=None, repr=False)
    proxy_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class ApiServer:
    """How the other clusters reach a cluster's API server.

    `certificate_authority` is PEM, or `public` for the CAs that everybody knows; without one, it is the
    cluster's own CA.
    """

    server: str
    certificate_authority: str | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """One cluster, with what is set for all and what is overridden for it already put together.

    `settings` are the paths of what the cluster's own entry sets, such as `istio.version`; `secrets` are
    those of the whole stack. `sees` selects the clusters that it discovers, and is None for all of them;
    `control_plane` is the cluster whose control plane serves it, None for its own.
    """

    name: str
    network: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    sees: tuple[str, ...] | None = None
    control_plane: str | None = None
    connection: Connection
    api_server: ApiServer
    skip_unreachable: bool
    offline: bool
    istio: IstioSection
    intermediate: IntermediateSection
    gateway: GatewaySection
    exposure: ExposureSection
    reader: ReaderSection
    hello_world: HelloWorldSection
    observability: ObservabilitySection
    settings: frozenset[str] = frozenset()
    secrets: Secrets = _NOTHING

    def sets(self, setting: str) -> bool:
        """Whether the cluster's own entry has this setting, something below it, or a value in its place."""
        return any(_overlap(path, setting) for path in self.settings)

    def path(self, setting: str) -> str:
        """Where the stack file sets what holds for this cluster.

        Args:
            setting: a section or a setting in it that clusters may override, such as `istio.version`.

        Returns:
            `clusters.east.istio.version` where the cluster overrides it, else `istio.version`.
        """
        return f"clusters.{self.name}.{setting}" if self.sets(setting) else setting

    def secret_values(self, chart: str) -> frozenset[Path]:
        """Where the user's values for a chart hold secrets; an empty path where all of them are."""
        place = ("istio", "values", chart)
        return self.secrets.below(*place) | self.secrets.below("clusters", self.name, *place)


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """A whole mesh, or the part of it that a stack manages.

    `reader` is what is set for all clusters; `clusters` by name, in the order of the stack file; `peers` are
    the clusters of other stacks, with the full name of each one's stack; `waves` are those of a rollout.
    `settings` are the paths of all that the stack file sets, such as `clusters.east.istio.version`; `secrets`
    what of that Pulumi encrypts, and `plain` every other value by its path.
    """

    mesh: MeshSection
    trust: TrustSection
    reader: ReaderSection
    kiali: KialiSection
    clusters: Mapping[str, ClusterConfig]
    peers: Mapping[str, str]
    waves: tuple[tuple[str, ...], ...] = ()
    settings: frozenset[str] = frozenset()
    secrets: Secrets = _NOTHING
    plain: Mapping[Path, object] = field(default_factory=dict[Path, object], repr=False)

    @property
    def online(self) -> Mapping[str, ClusterConfig]:
        """The clusters that an update may change, by name."""
        return {name: cluster for name, cluster in self.clusters.items() if not cluster.offline}

    @property
    def offline(self) -> tuple[str, ...]:
        """The names of the clusters that are away."""
        return tuple(name for name, cluster in self.clusters.items() if cluster.offline)

    @property
    def split(self) -> bool:
        """Whether other stacks are parts of the same mesh."""
        return self.trust.shared or self.trust.stack is not None or bool(self.peers)

    def sets(self, setting: str) -> bool:
        """Whether the stack file has this setting, or something below it."""
        return any(_overlap(path, setting) for path in self.settings)

    def is_secret(self, path: str) -> bool:
        """Whether Pulumi encrypts what is at a path, so that no message may repeat it."""
        return any(found[:1] == (path.partition(".")[0],) for found in self.secrets.paths)


def _overlap(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.")
