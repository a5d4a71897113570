"""What was read from clusters, as plain data: what it means is decided elsewhere, without a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from mesh.config.resolved import SecretEntry
from mesh.config.types import DataPlane
from mesh.istio.addresses import PeerAddress
from mesh.istio.names import NO_REVISION
from mesh.pki.client_certificate import ClientCertificate
from mesh.pki.renewal import Held


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The pods behind a label: how many exist, are ready, have a proxy, and send their traffic to ztunnel.

    `labelled` counts those that the mesh should take in as ambient, by a label of their own or of their
    namespace.
    """

    pods: int = 0
    ready: int = 0
    injected: int = 0
    labelled: int = 0
    enrolled: int = 0


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A DaemonSet: how many nodes should have its pod, and on how many it is ready."""

    wanted: int = 0
    ready: int = 0


@dataclass(frozen=True, kw_only=True)
class Ztunnel:
    """The DaemonSet of ztunnel, and the cluster and the network that its template gives to it."""

    daemon: Daemon = Daemon()
    cluster_id: str | None = None
    network: str | None = None


@dataclass(frozen=True, kw_only=True)
class HboneGateway:
    """The east-west gateway for ambient workloads.

    `network` is its label, `listens` whether it has the listener by which istiod takes it for a gateway of
    its network. `programmed` is what istiod says, `problem` why it is not. `addresses` are those that peers
    use as the stack has it, `given` whether the stack gives them, and `requested` the one that its Service
    asks a load balancer for. `workload` are its pods, of which `programmed` says nothing.
    """

    network: str | None = None
    listens: bool = False
    programmed: bool = False
    problem: str | None = None
    addresses: tuple[PeerAddress, ...] = ()
    given: bool = False
    requested: str | None = None
    workload: Workload = Workload()


@dataclass(frozen=True, kw_only=True)
class Ambient:
    """What ambient workloads of a cluster need; what does not exist is None.

    `gateway_api` is whether the API server knows the Gateway API. `told` are the addresses of gateways of
    other networks that are written into the cluster, by network. `connected` has the names of the ztunnel
    pods that are connected to istiod, None where no istiod could be asked.
    """

    gateway_api: bool = True
    cni: Daemon | None = None
    ztunnel: Ztunnel | None = None
    gateway: HboneGateway | None = None
    told: Mapping[str, tuple[PeerAddress, ...]] = field(default_factory=dict[str, tuple[PeerAddress, ...]])
    ztunnels: tuple[str, ...] = ()
    connected: frozenset[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Cacerts:
    """The Secret `cacerts` as PEM texts; a key that the Secret lacks is empty.

    `private_key` is empty, too, where the reader of the Secret has no use for it. `tls` is whether its keys
    are those of the type `kubernetes.io/tls`; its chain is then what istiod makes of them.
    """

    certificate: str
    chain: str
    roots: str
    private_key: str = field(default="", repr=False)
    tls: bool = False
    revocation_lists: str = ""


@dataclass(frozen=True, kw_only=True)
class ObservedTrust:
    """The CA of a cluster.

    `cacerts` is what istiod is configured with, None where the Secret does not exist. `published_roots` is
    the trust bundle (PEM) that istiod has loaded and gives to workloads; empty before istiod has started.
    `published_lists` are the CRLs (PEM) that it gives to workloads.
    """

    cacerts: Cacerts | None = None
    published_roots: str = ""
    published_lists: str = ""


@dataclass(frozen=True, kw_only=True)
class ObservedControlPlane:
    """The settings of a running istiod: its identity, and whether it can rotate a root.

    `multi_root` is `ISTIO_MULTIROOT_MESH`; `xds_agent` is `PROXY_CONFIG_XDS_AGENT` in the metadata that
    proxies get. The IDs are None where istiod does not state them. `mesh_config` is the mesh configuration in
    its ConfigMap, which istiod drops if it cannot parse it; `network` what proxies are told, and
    `cluster_domain` the DNS domain that istiod runs with.
    """

    cluster_id: str | None = None
    mesh_id: str | None = None
    network: str | None = None
    cluster_domain: str | None = None
    mesh_config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    multi_root: bool = False
    xds_agent: bool = False


class AccessFault(StrEnum):
    """Why there is no way in to an API server: its certificate, that of the client, or a proxy."""

    AUTHORITY = "another CA"
    NAMES = "other names"
    TIME = "not valid now"
    CLIENT = "client certificate"
    PROXY = "proxy"


@dataclass(frozen=True, kw_only=True)
class Way:
    """How peers get into the API server of a cluster: one reader, or with None all that have no other way."""

    cluster: str
    reader: str | None = None


@dataclass(frozen=True, kw_only=True)
class PeerAccess:
    """What a peer would find at the address of an API server.

    `unreachable` says why this machine got no answer, `refused` why no peer gets in, and `fault` what that
    is, as far as it is known. Where it is the server's certificate, `names` are those that it has, as far as
    they are known, and `public` is whether public roots would do.
    """

    unreachable: str | None = None
    refused: str | None = None
    fault: AccessFault | None = None
    names: tuple[str, ...] = ()
    public: bool = False


@dataclass(frozen=True, kw_only=True)
class Holders:
    """The certificates that the ztunnels and the gateway for ambient workloads of a cluster hold.

    `not_asked` says why some of these pods could not be asked.
    """

    held: tuple[Held, ...] = ()
    not_asked: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class ObservedCluster:
    """A cluster as an update will find it; `unreachable` or `refused` says why nothing else is known.

    `unreachable` is no answer; `refused` is no way in: a kubeconfig or login that is of no use, or an answer
    that refuses.

    `identity` is the UID of the namespace kube-system, which no other cluster has, and None where it may not
    be read. `namespace_uid` and `network`, a label, are those of istio-system. `primary` is the cluster whose
    control plane serves this one, None where it has its own, and `injected_network` what its proxies then
    get. `token_secrets` has, for each remote cluster, the name of the Secret that the token in the remote
    secret comes from. `control_planes` are the istiods that exist, those of all revisions.
    """

    unreachable: str | None = None
    refused: str | None = None
    identity: str | None = None
    namespace_uid: str | None = None
    network: str | None = None
    primary: str | None = None
    injected_network: str | None = None
    trust: ObservedTrust = ObservedTrust()
    control_planes: tuple[ObservedControlPlane, ...] = ()
    token_secrets: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def control_plane(self) -> ObservedControlPlane | None:
        """One of them, for what all share, such as mesh and cluster ID; None without any."""
        return next(iter(self.control_planes), None)


@dataclass(frozen=True, kw_only=True)
class ObjectAddress:
    """An object by its path, or any object of the list at a path with labels as in `a=b,c=d`."""

    path: str
    selector: str | None = None


@dataclass(frozen=True, kw_only=True)
class FoundObject:
    """Who made an object: the first manager of its fields, and the Helm release as `namespace/name`."""

    maker: str | None = None
    release: str | None = None


@dataclass(frozen=True, kw_only=True)
class FoundObjects:
    """Those of some objects that a cluster has; `unknown` is why that is not known."""

    by_address: Mapping[ObjectAddress, FoundObject] = field(default_factory=dict[ObjectAddress, FoundObject])
    unknown: str | None = None


@dataclass(frozen=True, kw_only=True)
class GatewayDefinition:
    """A definition of the Gateway API: the version of its bundle, and who made it, as far as it is said.

    `versions` are those that are served, `fields` those below `spec` of v1.
    """

    bundle: str | None = None
    maker: str | None = None
    versions: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class FoundGatewayApi:
    """The definitions of the Gateway API that a cluster has of those that matter, by plural name.

    `unreachable` is no answer, and `refused` why they may not be read.
    """

    definitions: Mapping[str, GatewayDefinition] = field(default_factory=dict[str, GatewayDefinition])
    unreachable: str | None = None
    refused: str | None = None


@dataclass(frozen=True, kw_only=True)
class LabelledServices:
    """The Services with some labels, each as name and namespace.

    `unreachable` is no answer, and `refused` why they may not be read.
    """

    names: tuple[tuple[str, str], ...] = ()
    unreachable: str | None = None
    refused: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrafficRule:
    """A DestinationRule or a VirtualService, with its hosts as they are written: short, or with wildcards."""

    kind: str
    namespace: str
    name: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TrafficRules:
    """The rules by which proxies of a cluster's workloads call services.

    `unreachable` is why there was no answer, `refused` why they may not be read.
    """

    rules: tuple[TrafficRule, ...] = ()
    unreachable: str | None = None
    refused: str | None = None


@dataclass(frozen=True, kw_only=True)
class ProxiedPods:
    """How many of the users' running pods have their traffic carried by what, by namespace.

    `enrolled` are those of ztunnel, `sidecars` those with a proxy of their own, and `without_hbone` those of
    them whose proxy cannot tunnel to ambient pods. `unreachable` is no answer, and `refused` why they may not
    be read.
    """

    enrolled: Mapping[str, int] = field(default_factory=dict[str, int])
    sidecars: Mapping[str, int] = field(default_factory=dict[str, int])
    without_hbone: Mapping[str, int] = field(default_factory=dict[str, int])
    unreachable: str | None = None
    refused: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServedProxies:
    """How many proxies of a cluster each control plane serves, by revision and namespace.

    The revision is `default` for a control plane without one. `unreachable` is why there was no answer,
    `refused` why they may not be read.
    """

    by_revision: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    unreachable: str | None = None
    refused: str | None = None


@dataclass(frozen=True, kw_only=True)
class CredentialEnd:
    """A client certificate or a token by which a cluster reads a remote one, and when it expires.

    `subject` is the name in a certificate, empty for a token.
    """

    remote: str
    subject: str
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class ClusterTrust:
    """Certificates and tokens in one cluster; `unreachable` or `refused` says why nothing else is known.

    `unreachable` is no answer; `refused` is no way in: a kubeconfig or login that is of no use, or an answer
    that refuses.

    `reader_tokens` has the creation time of each generation of the reader's token, `remote_tokens` the
    generation with which this cluster reads each remote cluster. `ends` has the credentials that end by which
    it reads remote clusters. `proxies` counts proxies by the common names
    of the intermediate and the root of their certificate. `holders` is None where the stack has no ambient
    workloads there, or nobody was asked.
    """

    unreachable: str | None = None
    refused: str | None = None
    trust: ObservedTrust = ObservedTrust()
    reader_tokens: Mapping[int, datetime] = field(default_factory=dict[int, datetime])
    remote_tokens: Mapping[str, int] = field(default_factory=dict[str, int])
    ends: tuple[CredentialEnd, ...] = ()
    proxies: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    holders: Holders | None = None


@dataclass(frozen=True, kw_only=True)
class RemoteSecret:
    """A Secret by which istiod finds other clusters; `kubeconfigs` by data key."""

    name: str
    labelled: bool
    kubeconfigs: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The east-west gateway: its pods, its addresses, and whether it exposes services.

    `addresses` are those that peers use as the stack has it, and `given` is whether the stack gives them;
    `discovered` are those that istiod finds by the Service.
    `service` is the Service's type, such as `LoadBalancer`, and None where the Service does not exist;
    `requested` is the address that it asks the load balancer for. `hosts` are those of the Istio Gateways
    that pass TLS through on the gateway's port, and `own_hosts` those of the stack's own among them.
    """

    workload: Workload = Workload()
    addresses: tuple[PeerAddress, ...] = ()
    given: bool = False
    discovered: tuple[PeerAddress, ...] = ()
    service: str | None = None
    requested: str | None = None
    hosts: tuple[str, ...] = ()
    own_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sample:
    """HelloWorld in a cluster; `dns_capture` is whether the client's proxy answers DNS queries.

    `client_node` is the node of the pod that calls. `addresses` are those of the servers' pods, each with its
    port. `labels` are those of the Service, and
    `namespace_labels` those of its namespace; `waypoint` is the one through which ambient clients call it, as
    `namespace/name`, and `waypoint_pods` are its pods.
    """

    service: bool = False
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    namespace_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    waypoint: str | None = None
    waypoint_pods: Workload = Workload()
    server: Workload = Workload()
    addresses: tuple[str, ...] = ()
    client: Workload = Workload()
    client_pod: str | None = None
    client_node: str | None = None
    dns_capture: bool = False


@dataclass(frozen=True, kw_only=True)
class Istiod:
    """A control plane of a cluster: the pods of one revision, and what they say.

    `versions` are those of its pods, by their images. `remotes` has the sync status of each remote cluster,
    by the pod that was asked. `mesh_configs` has the mesh configuration in its ConfigMap, and those that its
    pods have loaded, by where each is. `told` are the addresses of gateways of other networks in that
    ConfigMap, by network.
    """

    workload: Workload = Workload()
    versions: tuple[str, ...] = ()
    remotes: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    mesh_configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    told: Mapping[str, tuple[PeerAddress, ...]] = field(default_factory=dict[str, tuple[PeerAddress, ...]])


@dataclass(frozen=True, kw_only=True)
class NextRevision:
    """The next control plane of a cluster; `moved` is whether it serves new pods."""

    revision: str
    version: str
    moved: bool = False


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """One cluster; `unreachable` or `refused` says why nothing else is known.

    `unreachable` is no answer; `refused` is no way in: a kubeconfig or login that is of no use, or an answer
    that refuses.

    `network` is the configured network, `network_label` the label of istio-system, `has_gateway` whether the
    stack has an east-west gateway here, `exposed` the hosts that the stack exposes but for those of Services
    that it finds by labels, and `domain` the DNS domain of the cluster's services. `revision` is that of the
    control plane which the stack has, `next` the one that it is on its way to, and `istiods` has those that
    are there, by revision: `default` is the one without. `mesh_config` is the mesh configuration that the
    stack has. `written_secrets` has, by remote cluster, the Secret that something else writes in place of a
    remote secret, with its kubeconfig by the cluster that istiod takes it for, or none where it lacks the
    key. `ambient` is what is there for ambient workloads, None where the stack has none in the cluster;
    `has_hbone_gateway` is whether the stack has a gateway for them.

    Where the control plane of another cluster serves this one, `primary` is that cluster: what is said of
    istiod, its mesh configuration, its CA, its remote secrets and what is exposed is then said of it, and
    `control_plane_unknown` is why none of that is known.
    """

    name: str
    network: str
    unreachable: str | None = None
    refused: str | None = None
    primary: str | None = None
    control_plane_unknown: str | None = None
    network_label: str | None = None
    data_plane: DataPlane = DataPlane.SIDECAR
    ambient: Ambient | None = None
    has_hbone_gateway: bool = False
    has_gateway: bool = True
    exposed: tuple[str, ...] = ()
    domain: str = "cluster.local"
    revision: str = NO_REVISION
    next: NextRevision | None = None
    istiods: Mapping[str, Istiod] = field(default_factory=dict[str, Istiod])
    mesh_config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    gateway: Gateway = Gateway()
    trust: ObservedTrust = ObservedTrust()
    remote_secrets: tuple[RemoteSecret, ...] = ()
    written_secrets: Mapping[str, RemoteSecret] = field(default_factory=dict[str, RemoteSecret])
    sample: Sample = Sample()

    @property
    def control_plane(self) -> str:
        """The cluster whose control plane serves this one."""
        return self.primary or self.name

    @property
    def revisions(self) -> tuple[str, ...]:
        """The revisions of the stack's control planes, the running one first."""
        return (self.revision, self.next.revision) if self.next else (self.revision,)

    @property
    def declared(self) -> Mapping[str, Istiod]:
        """The stack's control planes, by revision; one that does not exist has no pods."""
        return {revision: self.istiods.get(revision, Istiod()) for revision in self.revisions}

    @property
    def serving_revision(self) -> str:
        """The revision of the control plane that serves new pods."""
        return self.next.revision if self.next and self.next.moved else self.revision


@dataclass(frozen=True, kw_only=True)
class TokenCheck:
    """What the remote API server answered to the token of a remote secret.

    `refused` is HTTP 401. `wrong_server` says why what answers there is not the API server, for example its
    certificate, and `fault` what that is, as far as it is known. `denied` lists what the token may not do,
    such as `list services`. `problem` says why the server could not be asked from here.
    """

    refused: bool = False
    wrong_server: str | None = None
    fault: AccessFault | None = None
    denied: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class LinkFacts:
    """What a cluster has to find a remote one: the remote secrets for it, and what their token may do.

    `kubeconfig` is the one in them, with the token, and `certificate` the client's in it. `setting` is where
    the stack file says how the cluster gets in there, `own` whether the token is one of the program's.
    `written` is the Secret that something else writes in place of a remote secret.
    """

    secrets: tuple[RemoteSecret, ...] = ()
    token: TokenCheck | None = None
    kubeconfig: str | None = field(default=None, repr=False)
    certificate: ClientCertificate | None = None
    setting: str = ""
    own: bool = True
    written: SecretEntry | None = None


@dataclass(frozen=True, kw_only=True)
class PathFacts:
    """How the caller's proxy reaches the target; read only for pairs without an answer.

    `endpoints` are the addresses with ports that the proxy would call. `probed` is the address that a
    connection was tried to, of a gateway or, in one network, of a pod, and `probe` why it failed; None where
    it was established.
    """

    endpoints: tuple[str, ...] = ()
    probe: str | None = None
    probed: str | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Calls from the client in cluster `caller` that the service in cluster `target` should answer."""

    caller: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The outcome of one client's calls.

    `by` counts answers by the cluster that gave them, `failures` failed calls by reason. `problem` says why
    no call could be made.
    """

    calls: int = 0
    by: Mapping[str, int] = field(default_factory=dict[str, int])
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class PairFacts:
    """All that is known of a pair.

    `gateways` are the clusters through whose gateways calls go: none between clusters of one network. `link`
    is what the caller's control plane has of the target, None where it serves the target itself.
    """

    caller: ClusterFacts
    target: ClusterFacts
    gateways: tuple[ClusterFacts, ...] = ()
    link: LinkFacts | None = None
    path: PathFacts | None = None
    answers: Answers = Answers()

    @property
    def direct(self) -> bool:
        """Whether pods of the two reach each other: they are on one network."""
        return self.caller.network == self.target.network

    @property
    def ambient(self) -> bool:
        """Whether HelloWorld is ambient in both: it has sidecars wherever a cluster has some."""
        return not (self.caller.data_plane.has_sidecars or self.target.data_plane.has_sidecars)


@dataclass(frozen=True, kw_only=True)
class HelmRevision:
    """Helm's record of one revision of a release.

    `status` is Helm's, such as `deployed` or `pending-upgrade`; `secret` is the name of the Secret with the
    record.
    """

    namespace: str
    release: str
    number: int
    status: str
    secret: str


@dataclass(frozen=True, kw_only=True)
class HelmRelease:
    """A deployed Helm release in istio-system, with the values that its user gave."""

    name: str
    chart: str
    version: str
    values: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True, kw_only=True)
class GatewayInstalled:
    """The east-west gateway as somebody installed it.

    `type`, `annotations` and `source_ranges` are those of its Service, and `selector` has the labels by which
    its Deployment finds its pods. No update can change those.
    """

    type: str
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    source_ranges: tuple[str, ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class InstalledMesh:
    """What makes a cluster a member of a mesh, whoever built it.

    `unreachable` is no answer; `refused` is no way in, or an answer that refuses. `identity`, `network`,
    `trust` (without the private key) and `control_plane` are as in `ObservedCluster`. `version` is that of
    istiod, `revisions` are those of all istiods. `values` are those that the chart of istiod was rendered
    with, by Helm or by istioctl, as its user gave them; None where the cluster does not have them.
    `environment` are the variables of istiod with a plain value.
    `gateway` is the one of the usual name, and `other_gateways` has others with the label of a network, as
    namespace and name of the Service. `exposing` has the hosts of Istio Gateways that pass TLS through, by
    namespace and name. `ambient` is whether there is a ztunnel.
    """

    unreachable: str | None = None
    refused: str | None = None
    identity: str | None = None
    network: str | None = None
    trust: ObservedTrust = ObservedTrust()
    control_plane: ObservedControlPlane | None = None
    version: str | None = None
    revisions: tuple[str, ...] = ()
    values: Mapping[str, Any] | None = field(default=None, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    releases: tuple[HelmRelease, ...] = ()
    remote_secrets: tuple[RemoteSecret, ...] = ()
    gateway: GatewayInstalled | None = None
    other_gateways: tuple[tuple[str, str], ...] = ()
    exposing: Mapping[tuple[str, str], tuple[str, ...]] = field(
        default_factory=dict[tuple[str, str], tuple[str, ...]]
    )
    ambient: bool = False
