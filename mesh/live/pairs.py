"""Reads everything about pairs of clusters that call each other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio.addresses import given
from mesh.istio.hosts import cluster_domain, selected_hosts
from mesh.istio.kubeconfig_folder import written_by_others
from mesh.istio.names import remote_secret_name
from mesh.istio.values import istiod, istiod_identity
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.concurrent import for_each
from mesh.live.facts import (
    Answers,
    ClusterFacts,
    LinkFacts,
    Pair,
    PairFacts,
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
    read_mesh_configs,
    read_remote_secrets,
    read_sync_statuses,
    read_told_gateways,
    read_trust,
    read_written_secrets,
)
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.pods import workload
from mesh.live.sample import read_sample, read_sample_path


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


def read_pairs(
    config: StackConfig, pairs: Sequence[Pair], answers: Mapping[str, Answers], connections: Connections
) -> dict[Pair, PairFacts]:
    """All facts about some pairs; the path of a call is read only where it had no answer.

    Args:
        config: of the stack.
        pairs: the pairs to read; the stack has all clusters in them.
        answers: of each caller's client.
        connections: of all clusters in the pairs.
    """
    clusters = read_cluster_facts(config, {pair.caller for pair in pairs}, connections)
    found = read_links(config, pairs, clusters)
    unanswered = [
        pair
        for pair in pairs
        if pair.caller != pair.target
        and pair.caller in connections.apis
        and not answers[pair.caller].by.get(pair.target)
    ]
    paths = for_each(
        unanswered,
        lambda pair: read_sample_path(
            connections.apis[pair.caller],
            clusters[pair.caller].sample.client_pod,
            clusters[pair.target].gateway.addresses,
        ),
    )
    return {
        pair: PairFacts(
            caller=clusters[pair.caller],
            target=clusters[pair.target],
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
    """
    return for_each(names, lambda name: _cluster(config, config.clusters[name], connections))


def read_links(
    config: StackConfig, pairs: Iterable[Pair], clusters: Mapping[str, ClusterFacts]
) -> dict[Pair, LinkFacts]:
    """What callers have to find targets, for pairs of two clusters; each token is tried once."""
    kubeconfigs = {
        text
        for facts in clusters.values()
        for s in (*facts.remote_secrets, *facts.written_secrets.values())
        for text in s.kubeconfigs.values()
    }
    tokens = for_each(kubeconfigs, check_token)
    links = (pair for pair in pairs if pair.caller != pair.target)
    return {pair: _link(config, pair, clusters[pair.caller], tokens) for pair in links}


def _read(api: KubernetesApi, cluster: ClusterConfig) -> ClusterFacts:
    try:
        control_plane = read_istiod_pods(api)
        return ClusterFacts(
            name=cluster.name,
            network=cluster.network,
            network_label=network_label(api.find(SYSTEM)),
            istiod=workload(control_plane),
            remotes=read_sync_statuses(api, control_plane),
            mesh_configs=read_mesh_configs(api, control_plane),
            told=read_told_gateways(api),
            gateway=read_gateway(api, given(cluster)),
            trust=read_trust(api),
            remote_secrets=read_remote_secrets(api),
            written_secrets=read_written_secrets(api, written_by_others(cluster)),
            sample=read_sample(api),
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
            unreachable=connections.unreachable.get(cluster.name),
            refused=connections.refused.get(cluster.name),
        )
    facts = _read(connections.apis[cluster.name], cluster)
    # What is secret must not come into a report.
    secret = config.is_secret(cluster.path("istio.values.istiod.meshConfig"))
    values = istiod_identity(cluster, config.mesh) if secret else istiod(cluster, config.mesh)
    return replace(
        facts,
        exposed=selected_hosts(cluster),
        domain=cluster_domain(cluster),
        mesh_config=values["meshConfig"],
    )


def _link(
    config: StackConfig, pair: Pair, caller: ClusterFacts, tokens: Mapping[str, TokenCheck]
) -> LinkFacts:
    target = config.clusters[pair.target]
    if written := written_by_others(config.clusters[pair.caller]).get(pair.target):
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
        setting=target.access_setting(pair.caller),
        own=target.kubeconfig is None,
        written=written,
    )


def _is_for(secret: RemoteSecret, cluster: str) -> bool:
    """Whether a remote secret is for a cluster, or has the name of the one that should be."""
    return cluster in secret.kubeconfigs or secret.name == remote_secret_name(cluster)
