"""Reads what `python -m mesh check` looks at: all clusters, and connections from inside each to others."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio.hosts import covers, exposed_hosts, service_host
from mesh.istio.names import (
    ISTIOD_CONTAINER,
    ISTIOD_HOST,
    ISTIOD_PORT,
    NAMESPACE,
    NETWORK_LABEL,
    NO_REVISION,
    PROXY_CONTAINER,
    REMOTE_CLASS,
)
from mesh.kubeconfig.accepted import accepted
from mesh.kubeconfig.credentials import token_end
from mesh.kubeconfig.read import entries
from mesh.live.admission import read_injection, read_validation
from mesh.live.ambient import GATEWAYS, read_hbone_gateway_pods
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.concurrent import for_each
from mesh.live.enrolment import read_enrolment
from mesh.live.facts import ClusterFacts, LinkFacts, Pair, PairFacts
from mesh.live.gateways import read_gateway_pods
from mesh.live.inspected import (
    AmbientInspection,
    ClusterInspection,
    ExposedService,
    Handshake,
    InjectedPod,
    LinkInspection,
    MeshInspection,
    Reach,
)
from mesh.live.istio_system import read_istiod_pods, read_reader_tokens, read_signing
from mesh.live.kubernetes_api import ExecError, KubernetesApi
from mesh.live.pairs import Connections, read_cluster_facts, read_links
from mesh.live.pods import TLS_MODE, address, containers, environment, has_proxy, runs, with_port
from mesh.live.reach import Service, Target, reach, shake_hands, starting_point
from mesh.live.revisions import read_injectors, read_namespaces, served_proxies, serving_revision
from mesh.mappings import Json, as_map, at
from mesh.plan import callable_from, exposes, primary, remotes, ways_in

_LOG_SECONDS = 300
_LOG_BYTES = 200_000
_HANDSHAKES = 3
"""So many services behind a gateway are tried: one of them may close what is not its protocol."""
_SYSTEM_NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", NAMESPACE)
# Controllers say this of what they try again, mostly while istiod starts; the last of a Service of another
# network that was deleted, before they hear that its workloads are without it
# (`pilot/pkg/serviceregistry/ambient/multicluster.go` of istio/istio).
_AGAIN = re.compile(r"retry|the object has been modified|to coalesce workloads")
_ERROR = re.compile(r"\terror\t|\tfatal\t|ACK ERROR|config for \S+ rejected")
_HEALTH_PORT = 15021


def inspect(config: StackConfig, connections: Connections) -> MeshInspection:
    """Read all clusters that are not offline, then connect from each to those that it sees."""
    facts = read_cluster_facts(config, config.online, connections)
    clusters = for_each(facts, lambda name: _cluster(config, config.clusters[name], facts[name], connections))
    readable = {
        name
        for name, found in facts.items()
        if not (found.unreachable or found.refused or found.control_plane_unknown)
    }
    pairs = [
        Pair(caller=caller, target=target)
        for caller in config.clusters
        for target in callable_from(config, caller)
        if {caller, target} <= readable
    ]
    found = read_links(config, pairs, facts)
    ways = {pair: _ways(config, pair, clusters) for pair in pairs}
    # Its primary's control plane connects to the API servers of peers, and none of a remote.
    own = {pair: link for pair, link in found.items() if facts[pair.caller].primary is None}
    reached = for_each(readable, lambda name: _reached(connections.apis[name], name, ways, own))
    return MeshInspection(
        clusters={
            name: replace(cluster, untried=reached[name].untried) if name in reached else cluster
            for name, cluster in clusters.items()
        },
        links={
            pair: _link(pair, found.get(pair), ways[pair], clusters, reached[pair.caller]) for pair in pairs
        },
    )


def _cluster(
    config: StackConfig, cluster: ClusterConfig, facts: ClusterFacts, connections: Connections
) -> ClusterInspection:
    if facts.unreachable or facts.refused:
        return ClusterInspection(facts=facts)
    api = connections.apis[cluster.name]
    try:
        pods = api.list("/api/v1/pods")
        services = api.list("/api/v1/services")
        namespaces = read_namespaces(api)
        domain = _domain(api) if cluster.control_plane is None else facts.domain
        shows = exposes(config, cluster.name)
        labelled = _labelled(services, cluster.exposure.labels, domain) if shows else None
        # What got its labels after the last update is not exposed yet, which has a check of its own.
        shown = (h for h in labelled or () if any(covers(pattern, h) for pattern in facts.gateway.hosts))
        hosts = exposed_hosts(cluster, shown)
        return ClusterInspection(
            facts=facts,
            istio=cluster.istio.version,
            kubernetes=str(api.get("/version")["gitVersion"]),
            clock=api.clock_ahead(),
            injection=read_injection(api),
            named_injections={
                name: read_injection(api, name) for name in facts.revisions if name != NO_REVISION
            },
            injectors=read_injectors(api),
            namespaces=namespaces,
            served=served_proxies(pods),
            signing=read_signing(api) if facts.next else {},
            # Nothing reads Istio's objects in a remote, so nothing checks them.
            validation=read_validation(api) if cluster.control_plane is None else None,
            pods=tuple(_pod(pod) for pod in pods if runs(pod) and has_proxy(pod)),
            services=dict(_ports(services)),
            exposed=tuple(_exposed(services, pods, hosts, domain)),
            labelled=labelled,
            passes=any(_is_shown(service, hosts, domain) for service in services),
            pod=_entrance(pods),
            errors=_errors(api, ambient=cluster.data_plane.has_ztunnel),
            tokens=read_reader_tokens(api),
            remote_networks=dict(_remote_networks(api)),
            sees=frozenset(remotes(config, primary(config, cluster.name))),
            members=frozenset({*config.clusters, *config.peers}),
            networks=None if config.peers else frozenset(c.network for c in config.clusters.values()),
            ambient=read_enrolment(api, pods, services, namespaces)
            if cluster.data_plane.has_ztunnel
            else AmbientInspection(),
        )
    except UnreachableError as error:
        return ClusterInspection(facts=replace(_stated(facts), unreachable=str(error)))
    except RefusedError as error:
        return ClusterInspection(facts=replace(_stated(facts), refused=str(error)))


def _stated(facts: ClusterFacts) -> ClusterFacts:
    """What the stack says of a cluster, and nothing that was read."""
    return ClusterFacts(name=facts.name, network=facts.network, revision=facts.revision, next=facts.next)


def _pod(pod: Json) -> InjectedPod:
    metadata, variables = pod["metadata"], environment(pod, PROXY_CONTAINER)
    return InjectedPod(
        namespace=str(metadata["namespace"]),
        name=str(metadata["name"]),
        owner=_owner(pod),
        image=str(containers(pod)[PROXY_CONTAINER].get("image")),
        network=variables.get("ISTIO_META_NETWORK"),
        cluster_id=variables.get("ISTIO_META_CLUSTER_ID"),
        revision=serving_revision(pod) or NO_REVISION,
    )


def _owner(pod: Json) -> str:
    """What kubectl calls the object that makes the pod again, or the pod where nothing does."""
    owners: Sequence[Json] = at(pod, "metadata", "ownerReferences") or []
    name = str(pod["metadata"]["name"])
    if not owners:
        return f"pod/{name}"
    kind, owner = str(owners[0]["kind"]), str(owners[0]["name"])
    template = at(pod, "metadata", "labels", "pod-template-hash")
    if kind == "ReplicaSet" and template and owner.endswith(f"-{template}"):
        return f"deployment/{owner.removesuffix(f'-{template}')}"
    return f"{kind.lower()}/{owner}"


def _ports(services: Iterable[Json]) -> Iterable[tuple[str, frozenset[str]]]:
    for service in services:
        namespace, name = (str(service["metadata"][key]) for key in ("namespace", "name"))
        if namespace in _SYSTEM_NAMESPACES or (namespace, name) == ("default", "kubernetes"):
            continue
        ports: Sequence[Json] = at(service, "spec", "ports") or []
        yield f"{namespace}/{name}", frozenset(f"{p['port']}/{p.get('protocol', 'TCP')}" for p in ports)


def _exposed(
    services: Iterable[Json], pods: Sequence[Json], hosts: Iterable[str], domain: str
) -> Iterable[ExposedService]:
    """Services that peers reach through the gateway, and whose pods take mutual TLS."""
    ready = [pod for pod in pods if runs(pod) and at(pod, "metadata", "labels", TLS_MODE) == "istio"]
    for service in services:
        namespace = str(service["metadata"]["namespace"])
        selector = as_map(at(service, "spec", "selector")) or {}
        behind = any(
            pod["metadata"]["namespace"] == namespace
            and selector.items() <= (as_map(pod["metadata"].get("labels")) or {}).items()
            for pod in ready
        )
        if selector and behind and _is_shown(service, hosts, domain):
            yield ExposedService(host=_host(service, domain), port=_tcp_ports(service)[0])


def _is_shown(service: Json, hosts: Iterable[str], domain: str) -> bool:
    """Whether the gateway passes connections to a service: it has a port, and a host of the Gateway."""
    host = _host(service, domain)
    return bool(_tcp_ports(service)) and any(covers(pattern, host) for pattern in hosts)


def _tcp_ports(service: Json) -> list[int]:
    ports: Sequence[Json] = at(service, "spec", "ports") or []
    return [int(port["port"]) for port in ports if port.get("protocol", "TCP") == "TCP"]


def _host(service: Json, domain: str) -> str:
    return service_host(str(service["metadata"]["name"]), str(service["metadata"]["namespace"]), domain)


def _labelled(services: Iterable[Json], labels: Mapping[str, str], domain: str) -> tuple[str, ...] | None:
    """The hosts of the services that have all of some labels; None where there are no labels."""
    if not labels:
        return None
    found = (s for s in services if labels.items() <= (as_map(s["metadata"].get("labels")) or {}).items())
    return tuple(sorted(_host(service, domain) for service in found))


def _domain(api: KubernetesApi) -> str:
    """The DNS domain of the cluster's services, as istiod has it."""
    for pod in read_istiod_pods(api):
        arguments: Sequence[str] = at(containers(pod).get(ISTIOD_CONTAINER), "args") or []
        if "--domain" in arguments[:-1]:
            return arguments[arguments.index("--domain") + 1]
    return "cluster.local"


def _errors(api: KubernetesApi, *, ambient: bool) -> dict[str, tuple[str, ...]]:
    """Lines with an error in the newest part of the logs of istiod and gateways, by pod.

    ztunnel is left out: it logs each connection that comes to nothing as an error.
    """
    hbone = read_hbone_gateway_pods(api) if ambient else ()
    found: dict[str, tuple[str, ...]] = {}
    for pods, container in (
        (read_istiod_pods(api), ISTIOD_CONTAINER),
        ((*read_gateway_pods(api), *hbone), PROXY_CONTAINER),
    ):
        for pod in filter(runs, pods):
            name = str(pod["metadata"]["name"])
            text = api.log(NAMESPACE, name, container, seconds=_LOG_SECONDS, most_bytes=_LOG_BYTES)
            errors = (line for line in text.splitlines() if _ERROR.search(line))
            if lines := tuple(line for line in errors if not _AGAIN.search(line)):
                found[name] = lines
    return found


def _remote_networks(api: KubernetesApi) -> Iterable[tuple[str, str]]:
    for gateway in api.list(GATEWAYS):
        network = at(gateway, "metadata", "labels", NETWORK_LABEL)
        if at(gateway, "spec", "gatewayClassName") == REMOTE_CLASS and network:
            yield f"{gateway['metadata']['namespace']}/{gateway['metadata']['name']}", str(network)


@dataclass(frozen=True, kw_only=True)
class _Ways:
    """Where calls from one cluster to another go.

    `gateways` are the clusters by whose gateways, `targets` the addresses of these and of the gateway for
    ambient workloads, and `services` what is
    tried behind the first of them, by host name. In one network there is a `pod` instead. `control_plane` is
    where a remote reaches that of its primary.
    """

    gateways: tuple[ClusterFacts, ...] = ()
    targets: tuple[Target, ...] = ()
    services: Mapping[str, Service] = field(default_factory=dict[str, Service])
    pod: Target | None = None
    control_plane: Target | None = None


def _ways(config: StackConfig, pair: Pair, clusters: Mapping[str, ClusterInspection]) -> _Ways:
    target = clusters[pair.target]
    serves = config.clusters[pair.caller].control_plane == pair.target
    istiod = Target(address=with_port(ISTIOD_HOST, ISTIOD_PORT), tls=True) if serves else None
    if config.clusters[pair.caller].network == config.clusters[pair.target].network:
        return _Ways(pod=Target(address=target.pod) if target.pod else None, control_plane=istiod)
    names = (name for name in ways_in(config, pair.caller, pair.target) if name in clusters)
    gateways = tuple(clusters[name].facts for name in names)
    # While nothing is exposed, istiod opens no port.
    addresses = [a for facts in gateways for a in facts.gateway.addresses] if target.passes else []
    targets = tuple(Target(address=address.authority) for address in addresses)
    own, peer = clusters[pair.caller].facts, target.facts
    hbone = peer.ambient.gateway if own.data_plane.has_ztunnel and peer.ambient else None
    by_hbone = tuple(Target(address=a.authority) for a in (hbone.addresses if hbone else ()))
    return _Ways(
        gateways=gateways,
        targets=(*targets, *by_hbone),
        services={
            exposed.host: Service(address=first.address, name=f"outbound_.{exposed.port}_._.{exposed.host}")
            for first in targets[:1]
            for exposed in target.exposed[:_HANDSHAKES]
        },
        control_plane=istiod,
    )


def _entrance(pods: Sequence[Json]) -> str | None:
    """The address of a pod of Istio's own, or else of one with a proxy, and a port that it listens on."""
    running = [pod for pod in pods if runs(pod) and address(pod)]
    istiod = [pod for pod in running if ISTIOD_CONTAINER in containers(pod) and _is_in(pod, NAMESPACE)]
    proxies = sorted(filter(has_proxy, running), key=lambda pod: not _is_in(pod, NAMESPACE))
    for found, port in ((istiod, ISTIOD_PORT), (proxies, _HEALTH_PORT)):
        if found:
            return with_port(str(address(found[0])), port)
    return None


def _is_in(pod: Json, namespace: str) -> bool:
    return pod["metadata"]["namespace"] == namespace


def _api_server(link: LinkFacts) -> Target | None:
    """The API server in a remote secret; None where istiod would not use it either.

    A proxy with credentials in its URL is left alone: they would become an argument of a command.
    """
    try:
        (cluster,) = entries(accepted(link.kubeconfig or ""), "clusters")
    except ValueError:
        return None
    server = urlsplit(str(at(cluster, "cluster", "server")))
    proxy: str | None = at(cluster, "cluster", "proxy-url")
    if proxy and urlsplit(proxy).username is not None:
        return None
    return Target(address=with_port(server.hostname or "", server.port or 443), tls=True, proxy=proxy)


@dataclass(frozen=True, kw_only=True)
class _Reached:
    """What came of the connections from one cluster; `untried` is why none could be tried."""

    untried: str | None = None
    targets: Mapping[Target, Reach] = field(default_factory=dict[Target, Reach])
    services: Mapping[Service, Handshake] = field(default_factory=dict[Service, Handshake])


def _reached(
    api: KubernetesApi, name: str, ways: Mapping[Pair, _Ways], found: Mapping[Pair, LinkFacts]
) -> _Reached:
    """Connect from a pod with a proxy to all peers."""
    own = [way for pair, way in ways.items() if pair.caller == name]
    api_servers = (_api_server(link) for pair, link in found.items() if pair.caller == name)
    peers = (target for way in own for target in (*way.targets, way.pod, way.control_plane))
    targets = [target for target in (*api_servers, *peers) if target]
    if not targets:
        return _Reached()
    pod = starting_point(api)
    if pod is None:
        return _Reached(untried="no pod with a proxy runs there")
    services = (service for way in own for service in way.services.values())
    try:
        return _Reached(targets=reach(api, pod, targets), services=shake_hands(api, pod, services))
    except ExecError as error:
        return _Reached(untried=str(error))


def _link(
    pair: Pair,
    link: LinkFacts | None,
    ways: _Ways,
    clusters: Mapping[str, ClusterInspection],
    reached: _Reached,
) -> LinkInspection:
    caller, target = clusters[pair.caller], clusters[pair.target]
    server = _api_server(link) if link and caller.facts.primary is None else None
    return LinkInspection(
        pair=PairFacts(caller=caller.facts, target=target.facts, gateways=ways.gateways, link=link),
        caller=caller,
        target=target,
        api_server=reached.targets.get(server) if server else None,
        gateways=tuple(reached.targets[t] for t in ways.targets if t in reached.targets),
        pod=reached.targets.get(ways.pod) if ways.pod else None,
        control_plane=reached.targets.get(ways.control_plane) if ways.control_plane else None,
        handshakes={h: reached.services[s] for h, s in ways.services.items() if s in reached.services},
        expires=token_end(link.kubeconfig) if link and link.kubeconfig else None,
        mutual=pair.caller in target.sees,
    )
