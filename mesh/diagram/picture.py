"""What a picture of the mesh shows: clusters, who sees whom, and what is wrong. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import ServiceType
from mesh.istio.addresses import PeerAddress, given, given_hbone
from mesh.istio.names import GATEWAY_PORT, HBONE_PORT
from mesh.istio.revisions import revisions
from mesh.istio.values import service_type
from mesh.plan import callable_from

# A mesh of n clusters in which everybody sees everybody has n(n-1)/2 lines, of which nobody can follow one.
_MOST_CLUSTERS_WITH_LINES = 6


class Mark(Protocol):
    """A finding of a check: about a cluster, or about what it has of its peer."""

    @property
    def cluster(self) -> str:
        """The name of the cluster."""
        ...

    @property
    def peer(self) -> str | None:
        """The name of the other cluster, where something between two is wrong."""
        ...

    @property
    def reason(self) -> str:
        """The stable name of what is wrong."""
        ...

    @property
    def severity(self) -> str:
        """`error` or `warning`."""
        ...


class State(StrEnum):
    """How a cluster or the way between two is drawn, from good to bad."""

    PLAIN = "plain"
    OFFLINE = "offline"
    WARNING = "warning"
    ERROR = "error"


_WORST_LAST = tuple(State)
# They can be read on a light and on a dark page.
COLOURS: Mapping[State, str] = {
    State.PLAIN: "#57606a",
    State.OFFLINE: "#8c959f",
    State.WARNING: "#bf8700",
    State.ERROR: "#d1242f",
}


@dataclass(frozen=True, kw_only=True)
class Node:
    """A cluster: `below` are lines under its name, `reasons` what is wrong with it.

    `network` is the one that it shares with others; None where it has one of its own.
    """

    name: str
    below: tuple[str, ...]
    network: str | None = None
    state: State = State.PLAIN
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Edge:
    """Two clusters of which one sees the other, and where it is `mutual`, that sees it too.

    With `direct`, calls go from pod to pod, and through no gateway. `reasons` is what is wrong between them.
    """

    one: str
    other: str
    mutual: bool = True
    direct: bool = False
    state: State = State.PLAIN
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A mesh by its ID, with the clusters in the order of the stack file.

    With `hub`, all clusters see all others, and `edges` has only those with something wrong. `port` is
    that of all gateways, None where they have different ones.
    """

    mesh: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    hub: bool = False
    port: int | None = GATEWAY_PORT

    @property
    def way(self) -> str:
        """The port of the gateways in words that follow others; empty where there are several."""
        return f", port {self.port}" if self.port else ""


def picture(config: StackConfig, marks: Sequence[Mark] = ()) -> Picture:
    """The mesh of a stack: its clusters, and those of other stacks that they see.

    Args:
        config: of the stack, or of all stacks of a split mesh put together.
        marks: the findings of a check; each is drawn between its two clusters, or at its cluster where there
            is no other, or one that is not in the mesh.
    """
    names = frozenset((*config.clusters, *config.peers))
    peers = {name: stack for name, stack in config.peers.items() if name not in config.clusters}
    shared = Counter(cluster.network for cluster in config.clusters.values())
    nodes = [
        _node(
            cluster.name,
            (
                f"network {cluster.network}",
                *_control_plane(cluster),
                *(f"gateway {address}" for address in dict.fromkeys(_given(cluster))),
            ),
            cluster.network if shared[cluster.network] > 1 else None,
            [mark for mark in marks if mark.cluster == cluster.name and mark.peer not in names],
            offline=cluster.offline,
        )
        for cluster in config.clusters.values()
    ]
    nodes += [_node(name, (stack,), None, (), offline=False) for name, stack in peers.items()]
    offline = frozenset(config.offline)
    pairs: dict[frozenset[str], list[tuple[str, str]]] = {}
    for one in config.clusters:
        for other in callable_from(config, one):
            pairs.setdefault(frozenset((one, other)), []).append((one, other))
    # What a peer sees is said in its own stack; by default it sees all.
    edges = [
        _edge(
            *found[0],
            marks,
            offline,
            mutual=len(found) > 1 or found[0][1] in peers,
            direct=_on_one_network(config, *found[0]),
        )
        for found in pairs.values()
    ]
    complete = sum(map(len, pairs.values())) == len(config.clusters) * (len(nodes) - 1)
    hub = len(nodes) > _MOST_CLUSTERS_WITH_LINES and complete
    drawn = [edge for edge in edges if not hub or edge.reasons]
    port = _port(config)
    return Picture(mesh=config.mesh.id, nodes=tuple(nodes), edges=tuple(drawn), hub=hub, port=port)


def _port(config: StackConfig) -> int | None:
    """The port at which all gateways are called, as far as the configuration says it."""
    ports: set[int | None] = set()
    for cluster in config.clusters.values():
        if cluster.data_plane.has_sidecars:
            by_nodes = service_type(cluster) == ServiceType.NODE_PORT
            own = cluster.gateway.service.node_port if by_nodes else cluster.gateway.port
            ports |= {address.port for address in given(cluster)} or {own}
        if cluster.data_plane.has_ztunnel:
            ports |= {address.port for address in given_hbone(cluster)} or {HBONE_PORT}
    return ports.pop() if len(ports) == 1 else (None if ports else GATEWAY_PORT)


def _given(cluster: ClusterConfig) -> Iterator[PeerAddress]:
    if cluster.data_plane.has_sidecars:
        yield from given(cluster)
    if cluster.data_plane.has_ztunnel:
        yield from given_hbone(cluster)


def _on_one_network(config: StackConfig, one: str, other: str) -> bool:
    return other in config.clusters and config.clusters[one].network == config.clusters[other].network


def _control_plane(cluster: ClusterConfig) -> Iterator[str]:
    yield f"Istio {' and '.join(revision.version for revision in revisions(cluster))}"
    if cluster.data_plane.has_ztunnel:
        yield "sidecars and ambient" if cluster.data_plane.has_sidecars else "ambient"
    if cluster.control_plane is not None:
        yield f"control plane of {cluster.control_plane}"


def _node(
    name: str, below: tuple[str, ...], network: str | None, marks: Sequence[Mark], *, offline: bool
) -> Node:
    state, reasons = _judged(marks, otherwise=State.OFFLINE if offline else State.PLAIN)
    return Node(name=name, below=below, network=network, state=state, reasons=reasons)


def _edge(
    one: str, other: str, marks: Sequence[Mark], offline: frozenset[str], *, mutual: bool, direct: bool
) -> Edge:
    found = [mark for mark in marks if mark.peer is not None and {mark.cluster, mark.peer} == {one, other}]
    state, reasons = _judged(found, otherwise=State.OFFLINE if offline & {one, other} else State.PLAIN)
    return Edge(one=one, other=other, mutual=mutual, direct=direct, state=state, reasons=reasons)


def _judged(marks: Sequence[Mark], *, otherwise: State) -> tuple[State, tuple[str, ...]]:
    """The worst of the marks, and their reasons, errors first."""
    by_reason: Mapping[str, State] = {mark.reason: State(mark.severity) for mark in marks}
    reasons = sorted(by_reason, key=lambda reason: -_WORST_LAST.index(by_reason[reason]))
    return by_reason[reasons[0]] if reasons else otherwise, tuple(reasons)
