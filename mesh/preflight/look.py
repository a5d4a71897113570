"""What is in the clusters, and what of it an update would refuse."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.istio.addresses import Node
from mesh.live import gateway_api as live_gateway_api
from mesh.live import (
    gateways,
    istio_system,
    objects,
    peers,
    proxied_pods,
    services,
    traffic_rules,
    ztunnel,
)
from mesh.live import revisions as live_revisions
from mesh.live.concurrent import for_each
from mesh.live.facts import FoundGatewayApi, ObservedCluster, PeerAccess, Way
from mesh.plan import read_by_others
from mesh.preflight import (
    access,
    away,
    data_plane,
    definitions,
    exposure,
    failover,
    gateway_api,
    identity,
    inventory,
    namespaces,
    nodes,
    ownership,
    revisions,
    revocation,
    transitions,
)
from mesh.stacks.state import RecordedState


@dataclass(frozen=True, kw_only=True)
class Look:
    """The clusters as they are, the stack's state, and what follows from both.

    `by_peers` is what peers would find at each API server that answers, `kept` the logical names of the
    namespaces that were there before the stack, and `labelled` the hosts of the Services that clusters
    expose by their labels. `nodes` are those of the clusters whose gateway has their addresses, as far as
    they can be read, and `gateway_api` the names of those whose Gateway API is the stack's.
    """

    clusters: Mapping[str, ObservedCluster]
    by_peers: Mapping[Way, PeerAccess]
    recorded: RecordedState
    kept: frozenset[str]
    labelled: Mapping[str, Sequence[str]]
    nodes: Mapping[str, Sequence[Node]]
    gateway_api: frozenset[str]
    problems: Sequence[Problem]
    warnings: Sequence[str]


def look(config: StackConfig, state: Callable[[], RecordedState]) -> Look:
    """Read all clusters at once, and hold them against the configuration and the state.

    Args:
        config: of the stack.
        state: gives what the state has, once the clusters have been read.
    """
    clusters = istio_system.read_clusters(config)
    readable = [name for name, observed in clusters.items() if not observed.refused]
    answering = [name for name in readable if not clusters[name].unreachable]
    read_by_peers = read_by_others(config)
    by_peers = peers.read_peer_access(config, [name for name in answering if name in read_by_peers])
    labelled = for_each(
        [name for name in answering if config.clusters[name].exposure.labels],
        lambda name: services.read_labelled(
            config.clusters[name].connection, config.clusters[name].exposure.labels
        ),
    )
    recorded = state()
    gone = for_each(
        recorded.connections.keys() - config.clusters.keys(),
        lambda name: istio_system.read_cluster(recorded.connections[name]),
    )
    open_to_us = {name: clusters[name] for name in readable}
    members = ownership.members(config, open_to_us, recorded)
    missing = inventory.missing(config, recorded)
    looked_for = for_each(
        [name for name, observed in members.items() if missing[name] and not observed.unreachable],
        lambda name: objects.find_objects(
            config.clusters[name].connection, inventory.addresses(missing[name])
        ),
    )
    operators = for_each(
        [
            name
            for name, observed in open_to_us.items()
            if config.clusters[name].observability.enabled and not observed.unreachable
        ],
        lambda name: objects.find_objects(config.clusters[name].connection, definitions.ADDRESSES),
    )
    read = for_each(
        [
            name
            for name in dict.fromkeys((*nodes.used(config), *failover.by_region(config)))
            if name in answering
        ],
        lambda name: gateways.read_nodes_of(config.clusters[name].connection),
    )
    ambient = gateway_api.used(config, recorded)
    definitions_there = for_each(
        [name for name in ambient if name in answering],
        lambda name: live_gateway_api.read_gateway_api(config.clusters[name].connection),
    )
    # A new cluster has none, as a rule.
    new = {name: FoundGatewayApi() for name in ambient if name in config.awaited}
    gateway_apis = gateway_api.ownership(config, {**definitions_there, **new}, recorded)
    of_users = for_each(
        [name for name in config.online if name in answering and namespaces.addresses(config, name)],
        lambda name: objects.find_objects(
            config.clusters[name].connection, namespaces.addresses(config, name)
        ),
    )
    pods = for_each(
        [name for name in data_plane.used(config, recorded) if name in answering or name in gone],
        lambda name: proxied_pods.read_proxied_pods(
            config.clusters[name].connection if name in config.clusters else recorded.connections[name]
        ),
    )
    rules = for_each(
        [name for name in failover.used(config) if name in answering],
        lambda name: traffic_rules.read_traffic_rules(config.clusters[name].connection),
    )
    proxies = for_each(
        [name for name in revisions.used(config, recorded) if name in answering],
        lambda name: live_revisions.read_served_proxies(config.clusters[name].connection),
    )
    known = {name: found for name, found in read.items() if found is not None}
    holders = for_each(
        [
            name
            for name, observed in open_to_us.items()
            if config.clusters[name].data_plane.has_ztunnel
            and not observed.unreachable
            and transitions.roots_move(config, clusters)
        ],
        lambda name: ztunnel.read_holders_of(config.clusters[name].connection),
    )
    there = {name: found.by_address for name, found in looked_for.items()}
    return Look(
        clusters=clusters,
        by_peers=by_peers,
        recorded=recorded,
        labelled=exposure.hosts(config, labelled, recorded),
        kept=recorded.kept.union(*(ownership.adopted(missing[name], there[name]) for name in there)),
        nodes={name: known[name] for name in nodes.used(config) if name in known},
        gateway_api=gateway_apis.own,
        problems=(
            *access.problems(clusters),
            *access.peer_problems(config, by_peers),
            *exposure.problems(config, labelled),
            *ownership.problems(config, open_to_us, recorded),
            *ownership.leaving(gone, recorded, recorded.away - config.clusters.keys()),
            *ownership.unknown(looked_for),
            *(
                p
                for name in there
                for p in ownership.foreign(config.clusters[name], missing[name], there[name])
            ),
            *definitions.problems(config, operators),
            *nodes.problems(config, {n: known[n] for n in nodes.used(config) if n in known}),
            *failover.problems(config, rules),
            *gateway_apis.problems,
            *namespaces.problems(config, of_users),
            *data_plane.problems(config, pods),
            *revisions.problems(config, recorded, proxies),
            *identity.problems(config, members),
            *transitions.problems(config, members, recorded, datetime.now(UTC), holders),
            *revocation.problems(config, members, recorded),
        ),
        warnings=(
            *access.unchecked(by_peers),
            *away.warnings(config, clusters),
            *revocation.warnings(config, recorded),
            *data_plane.warnings(config, pods, recorded),
            *failover.warnings(config, known),
        ),
    )
