"""Reads certificates and tokens of all clusters; no private key and no token is kept."""

from collections.abc import Iterator, Mapping

from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio.kubeconfig_folder import written_by_others
from mesh.istio.names import token_generation
from mesh.kubeconfig.credentials import token_end
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.concurrent import for_each
from mesh.live.facts import ClusterTrust, CredentialEnd
from mesh.live.istio_system import (
    read_client_certificate,
    read_reader_tokens,
    read_remote_secrets,
    read_trust,
    read_written_secrets,
    token_secrets,
)
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.proxies import count_issuers
from mesh.live.ztunnel import read_holders


def read_cluster_trust(config: StackConfig, *, workloads: bool) -> dict[str, ClusterTrust]:
    """Every cluster by name that is not offline; proxies are asked for their certificates only on request."""

    def one(name: str) -> ClusterTrust:
        return _cluster(config.clusters[name], workloads=workloads)

    return for_each(config.online, one)


def _ends(kubeconfigs: Mapping[str, str]) -> Iterator[CredentialEnd]:
    for remote, text in kubeconfigs.items():
        if found := read_client_certificate(text):
            yield CredentialEnd(remote=remote, subject=found.subject, expires=found.expires)
        if end := token_end(text):
            yield CredentialEnd(remote=remote, subject="", expires=end)


def _cluster(cluster: ClusterConfig, *, workloads: bool) -> ClusterTrust:
    try:
        api = KubernetesApi.connect(cluster.connection)
        remote_secrets = read_remote_secrets(api)
        secrets = token_secrets(remote_secrets)
        written = read_written_secrets(api, written_by_others(cluster))
        kubeconfigs = {
            remote: text
            for secret in (*remote_secrets, *written.values())
            if secret.labelled
            for remote, text in secret.kubeconfigs.items()
        }
        generations = {remote: token_generation(secret) for remote, secret in secrets.items()}
        return ClusterTrust(
            trust=read_trust(api),
            reader_tokens=read_reader_tokens(api),
            remote_tokens={remote: number for remote, number in generations.items() if number is not None},
            ends=tuple(_ends(kubeconfigs)),
            proxies=count_issuers(api) if workloads else {},
            holders=read_holders(api) if workloads and cluster.data_plane.has_ztunnel else None,
        )
    except UnreachableError as error:
        return ClusterTrust(unreachable=str(error))
    except RefusedError as error:
        return ClusterTrust(refused=str(error))
