"""What `python -m mesh check` reads beside the facts of `mesh.live.facts`, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mesh.istio.names import NO_REVISION
from mesh.live.facts import ClusterFacts, Pair, PairFacts
from mesh.mappings import Json


@dataclass(frozen=True, kw_only=True)
class Injection:
    """What a new pod would get from the injector; `problem` says why it would get nothing.

    `revision` is that of the control plane that would serve it. `unknown` says why this could not be tried.
    """

    image: str | None = None
    revision: str = NO_REVISION
    network: str | None = None
    cluster_id: str | None = None
    problem: str | None = None
    unknown: str | None = None


@dataclass(frozen=True, kw_only=True)
class Injector:
    """A webhook configuration that injects new pods.

    `revision` is that of its control plane, and `tag` the tag that it stands for. `hooks` has the selectors
    of namespaces and pods of each of its webhooks.
    """

    name: str
    revision: str
    tag: str | None = None
    hooks: tuple[tuple[Json, Json], ...] = ()


@dataclass(frozen=True, kw_only=True)
class InjectedPod:
    """A running pod with a proxy, and what the proxy was given when the pod was made.

    `owner` is the object behind it in kubectl's form, such as `deployment/helloworld`. `image` is that of the
    proxy, and `revision` that of its control plane.
    """

    namespace: str
    name: str
    owner: str
    image: str
    network: str | None
    cluster_id: str | None
    revision: str = NO_REVISION


@dataclass(frozen=True, kw_only=True)
class ExposedService:
    """A service behind the gateway that pods with a proxy answer: host name and a port."""

    host: str
    port: int


@dataclass(frozen=True, kw_only=True)
class AmbientService:
    """A Service as ambient clients see it: its labels and those of its namespace, and the pods behind it.

    `pods` are those that run, of which `enrolled` send their traffic to ztunnel and `injected` have a proxy.
    `waypoint` is the one that its labels name, as `namespace/name`.
    """

    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    namespace_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    pods: int = 0
    enrolled: int = 0
    injected: int = 0
    waypoint: str | None = None


@dataclass(frozen=True, kw_only=True)
class Policy:
    """An AuthorizationPolicy or a RequestAuthentication for a waypoint, or one that istiod does not take.

    `refused` is why not, and `waypoint` whether it has targets, by which it holds at a waypoint.
    """

    spec: Json = field(default_factory=dict[str, Any])
    waypoint: bool = False
    refused: str | None = None


@dataclass(frozen=True, kw_only=True)
class AmbientInspection:
    """What ambient workloads of a cluster depend on, by `namespace/name`.

    `missed` are the pods that should be enrolled by their labels, and are not. `waypoints` has the number of
    ready pods of each. `policies` have their kind in front of namespace and name.
    """

    services: Mapping[str, AmbientService] = field(default_factory=dict[str, AmbientService])
    missed: tuple[str, ...] = ()
    waypoints: Mapping[str, int] = field(default_factory=dict[str, int])
    policies: Mapping[str, Policy] = field(default_factory=dict[str, Policy])


@dataclass(frozen=True, kw_only=True)
class ClusterInspection:
    """One cluster; where its API server does not answer, only `facts` says something.

    `istio` is the version that the stack has, `kubernetes` that of the API server, `clock` how many seconds
    its clock is ahead of this machine's. `validation` says why the API server cannot have Istio's objects
    checked by istiod. `services` has the ports of each service by `namespace/name`, each such as `80/TCP`.
    `errors` has the errors of the last minutes in the logs, by pod. `remote_networks` has the network of each
    Gateway that stands for the gateway of another cluster, by `namespace/name`. `sees` are
    the clusters that it should have remote secrets for, and `members` all of the mesh; `networks` are those
    of the mesh, None where some clusters are in other stacks. `labelled` has the hosts of the Services that
    have the labels of what it exposes, and None where it exposes nothing by labels. `passes` is whether the
    gateway has a service to pass connections to. `pod` is the address with a port of a pod to which pods in
    the same network can connect. `untried` says why no connection to peers could be tried from inside.
    `ambient` is empty where the stack has no ambient workloads.

    `injection` is what a pod without a revision gets, and `named_injections` what pods get that name one of
    the stack's revisions. `injectors` has all webhooks that inject new pods, `namespaces` the labels of each
    namespace, and `served` how many proxies each control plane serves, by revision and namespace. `signing`
    is when the intermediate of each pod of istiod expires, by revision and pod; it is read only if there are
    two control planes.
    """

    facts: ClusterFacts
    istio: str = ""
    kubernetes: str = ""
    clock: float | None = None
    injection: Injection = Injection()
    named_injections: Mapping[str, Injection] = field(default_factory=dict[str, Injection])
    injectors: tuple[Injector, ...] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    served: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    signing: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict[str, Mapping[str, datetime]])
    validation: str | None = None
    pods: tuple[InjectedPod, ...] = ()
    services: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    exposed: tuple[ExposedService, ...] = ()
    pod: str | None = None
    untried: str | None = None
    errors: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    tokens: Mapping[int, datetime] = field(default_factory=dict[int, datetime])
    remote_networks: Mapping[str, str] = field(default_factory=dict[str, str])
    sees: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    networks: frozenset[str] | None = None
    labelled: tuple[str, ...] | None = None
    passes: bool = True
    ambient: AmbientInspection = AmbientInspection()


@dataclass(frozen=True, kw_only=True)
class Reach:
    """A connection from inside a cluster to `address`, a host with a port; `failure` is why there was none.

    `connect_ms` is how many milliseconds it took, None where that is not known.
    """

    address: str
    failure: str | None = None
    connect_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class Handshake:
    """Mutual TLS with a service behind a gateway, from inside another cluster, as far as it came.

    `closed` is whether the connection was closed before the service's certificate came, `distrusted` why that
    certificate is not trusted.
    """

    closed: bool = False
    distrusted: str | None = None


@dataclass(frozen=True, kw_only=True)
class LinkInspection:
    """What a cluster has of a remote one.

    `api_server`, `gateways` and, in one network, `pod` are connections from inside the cluster; `handshakes`
    are those with services behind the gateway, by host name. `expires` is when the token in the remote secret
    does, None where it does not. `caller` and `target` are the two clusters; `mutual` is whether the target
    sees the caller, too. `control_plane` is how a remote reaches that of its primary, the target.
    """

    pair: PairFacts
    caller: ClusterInspection
    target: ClusterInspection
    api_server: Reach | None = None
    gateways: tuple[Reach, ...] = ()
    pod: Reach | None = None
    control_plane: Reach | None = None
    handshakes: Mapping[str, Handshake] = field(default_factory=dict[str, Handshake])
    expires: datetime | None = None
    mutual: bool = True


@dataclass(frozen=True, kw_only=True)
class MeshInspection:
    """All clusters that are not offline, by name, and all links between them."""

    clusters: Mapping[str, ClusterInspection]
    links: Mapping[Pair, LinkInspection]


@dataclass(frozen=True, kw_only=True)
class Readiness:
    """What a cluster has before there is a mesh; `unreachable` or `refused` says why nothing is known.

    `istio` is the version that the stack has, `kubernetes` that of the API server, `clock` how many seconds
    its clock is ahead of this machine's. `denied` has what the user may not create, such as `namespaces`.
    `nodes` counts the nodes that are ready and take pods. `pods_unreachable` says why the API server cannot
    connect to pods. `waiting` has the Services that have waited for a load balancer's address for more than a
    minute; `load_balancer` is whether one has an address, None where that is not known, and `balanced`
    whether the gateway needs it.
    """

    name: str
    unreachable: str | None = None
    refused: str | None = None
    istio: str = ""
    kubernetes: str = ""
    clock: float | None = None
    denied: tuple[str, ...] = ()
    nodes: int = 0
    pods_unreachable: str | None = None
    waiting: tuple[str, ...] = ()
    load_balancer: bool | None = None
    balanced: bool = True
