"""Whether the clusters' certificates and CRLs allow what the configuration revokes. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.live.facts import ObservedCluster
from mesh.mappings import at
from mesh.pki.certificates import name, parse_readable, path_to_root
from mesh.pki.revocation import lacking, parse_readable_lists, serials
from mesh.stacks.state import RecordedState

_REVOKED = "trust.revoked"
_INTERMEDIATE = "mesh:index:IntermediateCA"
_CERTIFICATE = "tls:index/locallySignedCert:LocallySignedCert"


def problems(
    config: StackConfig, clusters: Mapping[str, ObservedCluster], recorded: RecordedState
) -> Iterator[Problem]:
    """What would make the mesh refuse its own workloads, or silently take back a revocation."""
    if config.trust.revoked is None:
        yield from _unseen(config, clusters)
        return
    yield from _roots(config, clusters)
    yield from _signing(config, clusters, recorded)
    yield from _existing(config, clusters)


def warnings(config: StackConfig, recorded: RecordedState) -> Iterator[str]:
    """Clusters that went offline before the mesh had CRLs: only an update of them can sign with their key."""
    if config.trust.revoked is None:
        return
    for resource in recorded.resources:
        cluster = resource.name.removesuffix("-intermediate")
        if resource.type != _INTERMEDIATE or cluster not in config.offline:
            continue
        if not config.clusters[cluster].intermediate.existing and "revocationList" not in resource.outputs:
            yield (
                f"{cluster} went offline before trust.revoked was set, and has no CRL: the other clusters "
                "refuse its workloads until it is back and `pulumi up` has run"
            )


def _unseen(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    """If the setting is removed, istiod keeps its CRLs until it restarts."""
    for cluster, found in clusters.items():
        own = config.clusters[cluster]
        if found.trust.cacerts is None or own.intermediate.existing or own.control_plane:
            continue
        if revoked := serials(parse_readable_lists(found.trust.cacerts.revocation_lists)):
            listed = ", ".join(f'"{serial}"' for serial in sorted(revoked))
            yield Problem(
                path=_REVOKED,
                message=f"the CRLs in {cluster} revoke {listed}, and without this setting they would be "
                f"removed, which istiod notices only when it restarts; expected [{listed}] to keep them, or "
                "[] to revoke nothing any more",
            )


def _roots(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    found = (
        certificate
        for cluster in clusters.values()
        if cluster.trust.cacerts
        for certificate in parse_readable(cluster.trust.cacerts.roots)
    )
    for certificate in dict.fromkeys(found):
        serial = f"{certificate.serial_number:x}"
        if serial in (config.trust.revoked or ()):
            yield Problem(
                path=_REVOKED,
                message=f"{serial} is the root {name(certificate)!r}, and with it everything would be "
                "refused; expected intermediates, and for a root its rotation "
                "(docs/runbooks/rotate-the-root.md)",
            )


def _signing(
    config: StackConfig, clusters: Mapping[str, ObservedCluster], recorded: RecordedState
) -> Iterator[Problem]:
    """The update that replaces a cluster's intermediate may revoke it."""
    made = {r.name: str(at(r.outputs, "certPem") or "") for r in recorded.resources if r.type == _CERTIFICATE}
    for cluster in config.online.values():
        own, found = cluster.intermediate, clusters.get(cluster.name)
        if cluster.control_plane or own.certificate:
            continue
        if own.existing:
            stays = found.trust.cacerts.certificate if found and found.trust.cacerts else ""
            instead = "expected another one in its cacerts first"
        else:
            stays = made.get(f"{cluster.name}-intermediate-g{own.generation}-certificate", "")
            instead = (
                f"expected clusters.{cluster.name}.trust.intermediate.generation {own.generation + 1} with it"
            )
        for certificate in parse_readable(stays)[:1]:
            serial = f"{certificate.serial_number:x}"
            if serial in (config.trust.revoked or ()):
                yield Problem(
                    path=_REVOKED,
                    message=f"{serial} is the intermediate with which {cluster.name} signs, and its "
                    f"workloads would be cut off; {instead} (docs/runbooks/leaked-key.md)",
                )


def _existing(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    """If others have an intermediate's key, its CRL must be given: for peers, and in the cluster."""
    given = parse_readable_lists(config.trust.revocation_lists or "")
    for cluster in config.online.values():
        found = clusters.get(cluster.name)
        if not cluster.intermediate.existing or cluster.control_plane or not found or not found.trust.cacerts:
            continue
        cacerts = found.trust.cacerts
        chain = parse_readable(f"{cacerts.certificate}\n{cacerts.chain}\n{cacerts.roots}")
        if not chain:
            continue
        roots = parse_readable(cacerts.roots)
        path = path_to_root(chain)
        for authority in lacking((c for c in path if c not in roots), given):
            yield Problem(
                path="trust.revocationLists",
                message=f"has no CRL of {name(authority)!r}, which signs in {cluster.name}: proxies would "
                "refuse every certificate under it; expected its CRL, which may be empty",
            )
        for authority in lacking(path, parse_readable_lists(cacerts.revocation_lists)):
            yield Problem(
                path=f"clusters.{cluster.name}.trust.intermediate.existing",
                message=f"cacerts in {cluster.name} has no CRL of {name(authority)!r}, and the program does "
                "not write it; expected the key ca-crl.pem with the CRLs of all CAs of the mesh",
            )
