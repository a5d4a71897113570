"""The configuration with all defaults and overrides put together: for each cluster, all that concerns it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mesh.config.secrets import Path, Secrets
from mesh.config.sections.ambient import GatewayApiSection, StubSection
from mesh.config.sections.exposure import ExposureSection
from mesh.config.sections.failover import FailoverSection
from mesh.config.sections.gateway import GatewaySection
from mesh.config.sections.hello_world import HelloWorldSection
from mesh.config.sections.istio import IstioSection
from mesh.config.sections.mesh import MeshSection
from mesh.config.sections.observability import KialiSection, ObservabilitySection
from mesh.config.sections.reader import ReaderSection
from mesh.config.sections.trust import IntermediateSection, TrustSection
from mesh.config.types import DataPlane

_NOTHING = Secrets()


@dataclass(frozen=True, kw_only=True)
class Connection:
    """How the program reaches a cluster: a kubeconfig, by path or as contents, and a context in it.

    `proxy_url` is the proxy that the kubeconfig has for it. `awaited` is whether the contents are not known
    yet, because the same update creates the cluster: then nothing can read it, and `api_server` has no
    address.
    """

    context: str
    path: str
    contents: str | None = field(default=None, repr=False)
    proxy_url: str | None = None
    awaited: bool = False


@dataclass(frozen=True, kw_only=True)
class ApiServer:
    """How the other clusters reach a cluster's API server.

    `certificate_authority` is PEM, or `public` for the CAs that everybody knows; without one, it is the
    cluster's own CA. `client_certificate` and `client_key` are PEM, for what wants them of its clients.
    """

    server: str
    certificate_authority: str | None = None
    tls_server_name: str | None = None
    proxy_url: str | None = None
    client_certificate: str | None = None
    client_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class StackOutput:
    """An output of another stack, which only the engine reads; `stack` is its full name."""

    stack: str
    output: str


@dataclass(frozen=True, kw_only=True)
class SecretEntry:
    """A Secret in Istio's namespace of a reading cluster, and the key in it that has a kubeconfig."""

    name: str
    key: str


@dataclass(frozen=True, kw_only=True)
class PeersKubeconfig:
    """A kubeconfig for peers that is not made here: its text, or who has it."""

    text: str | None = field(default=None, repr=False)
    output: StackOutput | None = None
    secret: SecretEntry | None = None


@dataclass(frozen=True, kw_only=True)
class ClusterConfig:
    """One cluster, with its overrides already applied to the settings for all.

    `settings` are the paths of what the cluster's own entry sets, such as `istio.version`; `secrets` are
    those of the whole stack. `sees` selects the clusters that it discovers, and is None for all of them;
    `control_plane` is the cluster whose control plane serves it, or None for its own. `control_plane_address`
    is the address of that one, or None for the gateway there. `serves` are the remotes that its own control
    plane serves. `api_servers_from` has what differs for single reading clusters. `kubeconfig` is the one for
    peers, if the program does not make it. If istiod reads kubeconfigs from a folder, `kubeconfig_folder` has
    their places by remote cluster; otherwise istiod reads remote secrets, and it is empty. `revocation` is
    whether the mesh has CRLs.
    """

    name: str
    network: str
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    sees: tuple[str, ...] | None = None
    data_plane: DataPlane = DataPlane.SIDECAR
    control_plane: str | None = None
    control_plane_address: str | None = None
    serves: tuple[str, ...] = ()
    connection: Connection
    api_server: ApiServer
    api_servers_from: Mapping[str, ApiServer] = field(default_factory=dict[str, ApiServer])
    kubeconfig: PeersKubeconfig | None = None
    kubeconfig_folder: Mapping[str, SecretEntry] = field(default_factory=dict[str, SecretEntry])
    skip_unreachable: bool
    offline: bool
    istio: IstioSection
    intermediate: IntermediateSection
    revocation: bool
    gateway: GatewaySection
    exposure: ExposureSection
    stubs: tuple[StubSection, ...] = ()
    reader: ReaderSection
    hello_world: HelloWorldSection
    observability: ObservabilitySection
    settings: frozenset[str] = frozenset()
    secrets: Secrets = _NOTHING

    def api_server_for(self, reader: str) -> ApiServer:
        """How one other cluster reaches the API server."""
        return self.api_servers_from.get(reader, self.api_server)

    def access_setting(self, reader: str | None) -> str:
        """Where the stack file says how a cluster, or every other one, gets into the API server."""
        if self.kubeconfig is not None:
            return f"{self.path('reader')}.kubeconfig"
        server = f"clusters.{self.name}.apiServer"
        return f"{server}.from.{reader}" if reader in self.api_servers_from else server

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
    gateway_api: GatewayApiSection = field(default_factory=GatewayApiSection)
    waypoints: tuple[str, ...] = ()
    failover: tuple[FailoverSection, ...] = ()
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
    def awaited(self) -> tuple[str, ...]:
        """The names of the clusters whose kubeconfig is not known yet."""
        return tuple(name for name, cluster in self.online.items() if cluster.connection.awaited)

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
