"""Whether the program gets into the clusters, and peers into each other's API servers. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.live.facts import CertificateFault, ObservedCluster, PeerAccess

_SEE = "docs/troubleshooting.md#peers-do-not-get-in"


def problems(clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    """A problem for each cluster without a way in.

    A cluster that gives no answer may be away, and is none. One that answers and refuses would be skipped in
    silence where the stack has `skipUnreachable` for it: the provider makes no difference.
    """
    for name, observed in clusters.items():
        if observed.refused:
            yield Problem(path=f"clusters.{name}", message=observed.refused)


def peer_problems(config: StackConfig, found: Mapping[str, PeerAccess]) -> Iterator[Problem]:
    """A problem for each API server into which no peer would get, whatever the network lets through."""
    for name, access in found.items():
        cluster = config.clusters[name]
        if access.refused is None:
            continue
        if cluster.reader.kubeconfig is not None:
            path, expected = f"{cluster.path('reader')}.kubeconfig", "expected one by which peers get in"
        else:
            key, expected = _expected(cluster, access)
            path = f"clusters.{name}.apiServer.{key}"
        yield Problem(path=path, message=f"no peer would get in: {access.refused}; {expected} ({_SEE})")


def unchecked(found: Mapping[str, PeerAccess]) -> Iterator[str]:
    """A warning for each API server that this machine cannot reach as peers do: only they may reach it."""
    for name, access in found.items():
        if access.unreachable:
            yield (
                f"whether peers get into the API server of {name} is not checked: {access.unreachable}. "
                f"Ignore this where only peers can reach it ({_SEE})"
            )


def _expected(cluster: ClusterConfig, access: PeerAccess) -> tuple[str, str]:
    """The setting that is wrong, and what is expected of it."""
    if access.certificate in (None, CertificateFault.TIME):
        return "server", "expected an API server with a certificate that is valid"
    if access.certificate is CertificateFault.NAMES:
        names = f": {', '.join(access.names)}" if access.names else ""
        return "tlsServerName", f"expected a name that its certificate has{names}"
    if access.public:
        return "certificateAuthority", "expected `public`, which fits there"
    if cluster.api_server.certificate_authority is None:
        return "certificateAuthority", "expected the CA of what answers there: it is not that of the cluster"
    return "certificateAuthority", "expected the CA of what answers there"
