"""What the clusters have of trust and tokens, read from their API servers; no key, no token leaves here."""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from mesh.config.resolved import Connection, StackConfig
from mesh.istio.names import token_generation
from mesh.live import in_place
from mesh.live.kubernetes_api import Api, ApiError, ExecError, UnreachableError
from mesh.live.proxies import injected, workload_trust
from mesh.pki.validation import certificates, name

_SECRETS = "/api/v1/namespaces/istio-system/secrets"
_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class ClusterTrust:
    """One cluster; `unreachable` says why it could not be looked at.

    `published` are the roots that istiod works with, `handed` those in its `cacerts`, `chain` the signing
    certificate and those up to its root, `tokens` when each generation of the reader's token was made,
    `reads_with` the generation by which this cluster reads another, `shown` how many proxies show a
    certificate of which intermediate and root.
    """

    unreachable: str | None = None
    published: tuple[x509.Certificate, ...] = ()
    handed: tuple[x509.Certificate, ...] = ()
    chain: tuple[x509.Certificate, ...] = ()
    tokens: Mapping[int, datetime] = field(default_factory=dict[int, datetime])
    reads_with: Mapping[str, int] = field(default_factory=dict[str, int])
    shown: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])


def look(config: StackConfig, *, workloads: bool) -> dict[str, ClusterTrust]:
    """Every cluster of the stack, by name; the certificates of proxies only on request: each is asked."""
    connections = {name: cluster.connection for name, cluster in config.clusters.items()}

    def cluster(connection: Connection) -> ClusterTrust:
        return _cluster(connection, workloads=workloads)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        found = pool.map(cluster, connections.values())
        return dict(zip(connections, found, strict=True))


def _cluster(connection: Connection, *, workloads: bool) -> ClusterTrust:
    found = in_place.read(connection)
    if found.unreachable:
        return ClusterTrust(unreachable=found.unreachable)
    generations = {target: token_generation(secret) for target, secret in found.tokens.items()}
    try:
        api = Api.connect(connection)
        return ClusterTrust(
            published=_parsed(found.published or ""),
            handed=_parsed(found.cacerts.roots) if found.cacerts else (),
            chain=_parsed(found.cacerts.certificate + found.cacerts.chain) if found.cacerts else (),
            tokens=_made(api),
            reads_with={target: number for target, number in generations.items() if number is not None},
            shown=_shown(api) if workloads else {},
        )
    except (ApiError, UnreachableError) as error:
        return ClusterTrust(unreachable=str(error))


def _parsed(pem: str) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(dict.fromkeys(certificates(pem)))
    except ValueError:
        return ()


def _made(api: Api) -> dict[int, datetime]:
    secrets = api.list(_SECRETS, fieldSelector="type=kubernetes.io/service-account-token")
    made: dict[int, datetime] = {}
    for secret in secrets:
        number = token_generation(str(secret["metadata"]["name"]))
        if number is not None:
            made[number] = datetime.fromisoformat(str(secret["metadata"]["creationTimestamp"]))
    return made


def _shown(api: Api) -> Counter[tuple[str, str]]:
    def issuers(pod: tuple[str, str]) -> tuple[str, str]:
        return _issuers(api, *pod)

    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return Counter(pool.map(issuers, injected(api.list("/api/v1/pods"))))


def _issuers(api: Api, namespace: str, pod: str) -> tuple[str, str]:
    try:
        path = workload_trust(api, namespace, pod).path
    except ExecError:
        return "not known", "not known"
    intermediate = name(path[1]) if len(path) > 1 else "not shown"
    return intermediate, name(path[len(path) - 1])
