"""Reads certificates and tokens of all clusters; no private key and no token is kept."""

from mesh.config.resolved import Connection, StackConfig
from mesh.istio.names import token_generation
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.concurrent import for_each
from mesh.live.facts import ClusterTrust
from mesh.live.istio_system import read_reader_tokens, read_remote_secrets, read_trust, token_secrets
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.proxies import count_issuers


def read_cluster_trust(config: StackConfig, *, workloads: bool) -> dict[str, ClusterTrust]:
    """Every cluster by name that is not offline; proxies are asked for their certificates only on request."""

    def one(name: str) -> ClusterTrust:
        return _cluster(config.clusters[name].connection, workloads=workloads)

    return for_each(config.online, one)


def _cluster(connection: Connection, *, workloads: bool) -> ClusterTrust:
    try:
        api = KubernetesApi.connect(connection)
        secrets = token_secrets(read_remote_secrets(api))
        generations = {remote: token_generation(secret) for remote, secret in secrets.items()}
        return ClusterTrust(
            trust=read_trust(api),
            reader_tokens=read_reader_tokens(api),
            remote_tokens={remote: number for remote, number in generations.items() if number is not None},
            proxies=count_issuers(api) if workloads else {},
        )
    except UnreachableError as error:
        return ClusterTrust(unreachable=str(error))
    except RefusedError as error:
        return ClusterTrust(refused=str(error))
