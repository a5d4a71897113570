"""Whether the program gets into the clusters, and peers into each other's API servers. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import ApiServer, StackConfig
from mesh.live.facts import AccessFault, ObservedCluster, PeerAccess, Way

_SEE = "docs/troubleshooting.md#peers-do-not-get-in"


def problems(clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    """A problem for each cluster without a way in.

    A cluster that gives no answer may be away, and is none. One that answers and refuses would be skipped in
    silence where the stack has `skipUnreachable` for it: the provider makes no difference.
    """
    for name, observed in clusters.items():
        if observed.refused:
            yield Problem(path=f"clusters.{name}", message=observed.refused)


def peer_problems(config: StackConfig, found: Mapping[Way, PeerAccess]) -> Iterator[Problem]:
    """A problem for each API server into which no peer would get, whatever the network lets through."""
    for way, access in found.items():
        cluster = config.clusters[way.cluster]
        if access.refused is None:
            continue
        path, who = cluster.access_setting(way.reader), way.reader or "no peer"
        if cluster.kubeconfig is not None:
            expected = "expected one by which peers get in"
        else:
            key, expected = _expected(cluster.api_server_for(way.reader or ""), access)
            path = f"{path}.{key}"
        verb = "would not get in" if way.reader else "would get in"
        yield Problem(path=path, message=f"{who} {verb}: {access.refused}; {expected} ({_SEE})")


def unchecked(found: Mapping[Way, PeerAccess]) -> Iterator[str]:
    """A warning for each API server that this machine cannot reach as peers do: only they may reach it."""
    for way, access in found.items():
        if access.unreachable:
            yield (
                f"whether {way.reader or 'peers'} get{'s' if way.reader else ''} into the API server of "
                f"{way.cluster} is not checked: {access.unreachable}. "
                f"Ignore this where only peers can reach it ({_SEE})"
            )


def _expected(server: ApiServer, access: PeerAccess) -> tuple[str, str]:
    """The setting that is wrong, and what is expected of it."""
    if access.fault in (None, AccessFault.TIME):
        return "server", "expected an API server with a certificate that is valid"
    if access.fault is AccessFault.CLIENT:
        return "clientCertificate", "expected one, with its key, that what answers there takes"
    if access.fault is AccessFault.PROXY:
        return "proxyUrl", "expected a proxy that connects to it"
    if access.fault is AccessFault.NAMES:
        names = f": {', '.join(access.names)}" if access.names else ""
        return "tlsServerName", f"expected a name that its certificate has{names}"
    if access.public:
        return "certificateAuthority", "expected `public`, which fits there"
    if server.certificate_authority is None:
        return "certificateAuthority", "expected the CA of what answers there: it is not that of the cluster"
    return "certificateAuthority", "expected the CA of what answers there"
