"""Reads everything about pairs of clusters that call each other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio.addresses import given
from mesh.istio.hosts import cluster_domain, selected_hosts, service_host
from mesh.istio.kubeconfig_folder import written_by_others
from mesh.istio.names import remote_secret_name, revision_label
from mesh.istio.revisions import Revision, following, revisions, running, serving
from mesh.istio.values import istiod, istiod_identity
from mesh.live.ambient import read_ambient
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.concurrent import for_each
from mesh.live.facts import (
    Answers,
    ClusterFacts,
    LinkFacts,
    NextRevision,
    Pair,
    PairFacts,
    PathFacts,
    RemoteSecret,
    TokenCheck,
)
from mesh.live.gateways import read_gateway
from mesh.live.istio_system import (
    SYSTEM,
    check_token,
    network_label,
    read_client_certificate,
    read_istiod_pods,
    read_istiods,
    read_remote_secrets,
    read_trust,
    read_written_secrets,
)
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.sample import read_sample, read_sample_path
from mesh.live.ztunnel import read_path
from mesh.plan import exposes, has_gateway, has_hbone_gateway, primary, ways_in
from mesh.samples import names as sample


@dataclass(frozen=True, kw_only=True)
class Connections:
    """The API servers that answer, why others give no answer, and why there is no way in, by cluster."""

    apis: Mapping[str, KubernetesApi]
    unreachable: Mapping[str, str]
    refused: Mapping[str, str]

    def problem(self, name: str) -> str | None:
        """Why a cluster cannot be read."""
        return self.unreachable.get(name) or self.refused.get(name)


def connect(config: StackConfig, names: Iterable[str]) -> Connections:
    """Connect to some of the stack's clusters at once."""
    unreachable: dict[str, str] = {}
    refused: dict[str, str] = {}

    def one(name: str) -> KubernetesApi | None:
        try:
            api = KubernetesApi.connect(config.clusters[name].connection)
            api.get("/version")
        except UnreachableError as error:
            unreachable[name] = str(error)
            return None
        except RefusedError as error:
            refused[name] = str(error)
            return None
        return api

    connected = for_each(names, one)
    return Connections(
        apis={name: api for name, api in connected.items() if api is not None},
        unreachable=unreachable,
        refused=refused,
    )


def concerned(config: StackConfig, pairs: Iterable[Pair]) -> tuple[str, ...]:
    """The clusters that calls between pairs depend on, but for those that are offline.

    Besides the two, these are the clusters whose gateways lead to the target, and whose control planes serve
    them.
    """
    names = [name for p in pairs for name in (p.caller, p.target, *ways_in(config, p.caller, p.target))]
    served = (primary(config, name) for name in names)
    return tuple(name for name in dict.fromkeys((*names, *served)) if name in config.online)


def read_pairs(
    config: StackConfig, pairs: Sequence[Pair], answers: Mapping[str, Answers], connections: Connections
) -> dict[Pair, PairFacts]:
    """All facts about some pairs; the path of a call is read only where it had no answer.

    Args:
        config: of the stack.
        pairs: the pairs to read; the stack has all clusters in them.
        answers: of each caller's client.
        connections: of all clusters that the pairs depend on.
    """
    clusters = read_cluster_facts(config, concerned(config, pairs), connections)
    found = read_links(config, pairs, clusters)
    gateways = {pair: _gateways(config, pair, clusters) for pair in pairs}
    unanswered = [
        pair
        for pair in pairs
        if pair.caller != pair.target
        and pair.caller in connections.apis
        and not answers[pair.caller].by.get(pair.target)
    ]
    paths = for_each(
        unanswered,
        lambda pair: _path(
            connections.apis[pair.caller], clusters[pair.caller], clusters[pair.target], gateways[pair]
        ),
    )
    return {
        pair: PairFacts(
            caller=clusters[pair.caller],
            target=clusters[pair.target],
            gateways=gateways[pair],
            link=found.get(pair),
            path=paths.get(pair),
            answers=answers[pair.caller],
        )
        for pair in pairs
    }


def read_cluster_facts(
    config: StackConfig, names: Iterable[str], connections: Connections
) -> dict[str, ClusterFacts]:
    """Everything about some clusters that their API servers and istiods state, by name.

    Where an API server does not answer one question, or refuses it, nothing else is known of its cluster.
    Of the primaries of remotes, `names` has those that are not offline.
    """
    found = for_each(names, lambda name: _cluster(config, config.clusters[name], connections))
    return {name: _with_control_plane(facts, found) for name, facts in found.items()}


def _with_control_plane(facts: ClusterFacts, found: Mapping[str, ClusterFacts]) -> ClusterFacts:
    """The facts about a remote with what its primary says of its control plane."""
    if facts.primary is None or facts.unreachable or facts.refused:
        return facts
    own = found.get(facts.primary)
    if own is None:
        return replace(facts, control_plane_unknown=f"{facts.primary} is offline in the stack file")
    if why := own.unreachable or own.refused:
        return replace(facts, control_plane_unknown=why)
    return replace(
        facts,
        exposed=own.exposed if facts.has_gateway else (),
        revision=own.revision,
        next=own.next,
        istiods={
            name: replace(one, told=facts.istiods.get(name, one).told) for name, one in own.istiods.items()
        },
        mesh_config=own.mesh_config,
        gateway=replace(facts.gateway, hosts=own.gateway.hosts),
        trust=replace(facts.trust, cacerts=own.trust.cacerts),
        remote_secrets=own.remote_secrets,
        written_secrets=own.written_secrets,
    )


def read_links(
    config: StackConfig, pairs: Iterable[Pair], clusters: Mapping[str, ClusterFacts]
) -> dict[Pair, LinkFacts]:
    """What the control planes of callers have to find targets; each token is tried once.

    A control plane needs nothing to find its own cluster.
    """
    kubeconfigs = {
        text
        for facts in clusters.values()
        for s in (*facts.remote_secrets, *facts.written_secrets.values())
        for text in s.kubeconfigs.values()
    }
    ambient = any(facts.data_plane.has_ztunnel for facts in clusters.values())
    tokens = for_each(kubeconfigs, lambda text: check_token(text, ambient=ambient))
    links = (pair for pair in pairs if pair.target != clusters[pair.caller].control_plane)
    return {pair: _link(config, pair, clusters[pair.caller], tokens) for pair in links}


def _read(api: KubernetesApi, cluster: ClusterConfig) -> ClusterFacts:
    try:
        control_plane = read_istiod_pods(api)
        return ClusterFacts(
            name=cluster.name,
            network=cluster.network,
            primary=cluster.control_plane,
            network_label=network_label(api.find(SYSTEM)),
            istiods=read_istiods(api, control_plane, map(_label, revisions(cluster))),
            gateway=read_gateway(api, given(cluster)),
            trust=read_trust(api),
            remote_secrets=read_remote_secrets(api),
            written_secrets=read_written_secrets(api, written_by_others(cluster)),
            sample=read_sample(api, ambient=not cluster.data_plane.has_sidecars),
            ambient=read_ambient(api, cluster, control_plane) if cluster.data_plane.has_ztunnel else None,
        )
    except UnreachableError as error:
        return ClusterFacts(name=cluster.name, network=cluster.network, unreachable=str(error))
    except RefusedError as error:
        return ClusterFacts(name=cluster.name, network=cluster.network, refused=str(error))


def _cluster(config: StackConfig, cluster: ClusterConfig, connections: Connections) -> ClusterFacts:
    if cluster.name not in connections.apis:
        return ClusterFacts(
            name=cluster.name,
            network=cluster.network,
            data_plane=cluster.data_plane,
            revision=_label(running(cluster)),
            next=_next(cluster),
            unreachable=connections.unreachable.get(cluster.name),
            refused=connections.refused.get(cluster.name),
        )
    facts = _read(connections.apis[cluster.name], cluster)
    # What is secret must not come into a report.
    secret = config.is_secret(cluster.path("istio.values.istiod.meshConfig"))
    values = istiod_identity(cluster, config.mesh) if secret else istiod(cluster, config.mesh)
    return replace(
        facts,
        data_plane=cluster.data_plane,
        revision=_label(running(cluster)),
        next=_next(cluster),
        has_gateway=has_gateway(config, cluster.name),
        has_hbone_gateway=has_hbone_gateway(config, cluster.name),
        exposed=selected_hosts(cluster) if exposes(config, cluster.name) else (),
        domain=cluster_domain(cluster),
        mesh_config=values["meshConfig"],
    )


def _next(cluster: ClusterConfig) -> NextRevision | None:
    found = following(cluster)
    if found is None:
        return None
    return NextRevision(revision=_label(found), version=found.version, moved=serving(cluster) == found)


def _label(revision: Revision) -> str:
    return revision_label(revision.name)


def _gateways(
    config: StackConfig, pair: Pair, clusters: Mapping[str, ClusterFacts]
) -> tuple[ClusterFacts, ...]:
    """The clusters through whose gateways calls go; those that are offline are left out."""
    return tuple(clusters[way] for way in ways_in(config, pair.caller, pair.target) if way in clusters)


def _path(
    api: KubernetesApi, caller: ClusterFacts, target: ClusterFacts, gateways: Iterable[ClusterFacts]
) -> PathFacts:
    """How the caller's client reaches the sample in another cluster."""
    ways = _ways(caller, target, gateways)
    if not PairFacts(caller=caller, target=target).ambient:
        return read_sample_path(api, caller.sample.client_pod, ways)
    host = service_host(sample.SERVICE, sample.NAMESPACE, caller.domain)
    return read_path(api, node=caller.sample.client_node, host=host, ways=ways)


def _ways(caller: ClusterFacts, target: ClusterFacts, gateways: Iterable[ClusterFacts]) -> tuple[str, ...]:
    """Where calls to the sample in another cluster go: to gateways, or in one network to its pods."""
    if PairFacts(caller=caller, target=target).ambient:
        there = target.ambient and target.ambient.gateway
        return tuple(address.authority for address in there.addresses) if there else ()
    if caller.network == target.network:
        return target.sample.addresses
    return tuple(address.authority for facts in gateways for address in facts.gateway.addresses)


def _link(
    config: StackConfig, pair: Pair, caller: ClusterFacts, tokens: Mapping[str, TokenCheck]
) -> LinkFacts:
    target, reading = config.clusters[pair.target], caller.control_plane
    if written := written_by_others(config.clusters[reading]).get(pair.target):
        there = caller.written_secrets.get(pair.target)
        secrets = (there,) if there else ()
    else:
        secrets = tuple(s for s in caller.remote_secrets if _is_for(s, pair.target))
    kubeconfig = next((s.kubeconfigs[pair.target] for s in secrets if pair.target in s.kubeconfigs), None)
    return LinkFacts(
        secrets=secrets,
        token=tokens.get(kubeconfig) if kubeconfig else None,
        kubeconfig=kubeconfig,
        certificate=read_client_certificate(kubeconfig) if kubeconfig else None,
        setting=target.access_setting(reading),
        own=target.kubeconfig is None,
        written=written,
    )


def _is_for(secret: RemoteSecret, cluster: str) -> bool:
    """Whether a remote secret is for a cluster, or has the name of the one that should be."""
    return cluster in secret.kubeconfigs or secret.name == remote_secret_name(cluster)
