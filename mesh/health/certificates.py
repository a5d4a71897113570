"""The report on a stack's certificates and tokens: where each is used, and what differs. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from mesh.config.resolved import StackConfig
from mesh.health.declared import DeclaredCertificate
from mesh.health.finding import PUT_BACK, without
from mesh.live.facts import ClusterTrust, Holders
from mesh.pki.certificates import fingerprint, name, parse_readable, path_to_root
from mesh.pki.profile import root_common_name
from mesh.pki.renewal import RENEW, late
from mesh.pki.revocation import parse_readable_lists, serials
from mesh.pki.rotation import STEPS


class _Row(BaseModel):
    """A part of the report; nothing in it is secret."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class CertificateRow(_Row):
    """A CA certificate of the stack, or one that only a cluster has; `used` says where and for what."""

    what: str
    subject: str
    issuer: str
    fingerprint: str
    serial: str
    expires: datetime
    days_left: int
    in_stack: bool
    used: tuple[str, ...]


class TokenRow(_Row):
    """A token of a cluster's reader: its age in days, and the clusters that use it."""

    cluster: str
    generation: int
    age_days: int
    used_by: tuple[str, ...]


class RevokedRow(_Row):
    """A revoked serial number, and the clusters whose workloads have a CRL with it."""

    serial: str
    clusters: tuple[str, ...]


class AccessRow(_Row):
    """A client certificate or a token that ends, by which a cluster reads another one.

    `subject` is the name in a certificate.
    """

    reader: str
    cluster: str
    what: str
    subject: str
    expires: datetime
    days_left: int


class WorkloadRow(_Row):
    """How many proxies of a cluster have a certificate of an intermediate, under a root."""

    cluster: str
    intermediate: str
    root: str
    proxies: int


class ZtunnelRow(_Row):
    """How many certificates of workloads the ztunnels of a cluster hold of an intermediate, under a root."""

    cluster: str
    intermediate: str
    root: str
    ztunnels: int
    certificates: int


class TrustReport(_Row):
    """The whole report; `findings` are the differences between the clusters and the stack.

    `waiting` says what the next phase of a root rotation has to wait for, as far as holders were asked.
    """

    stack: str
    phase: str | None
    certificates: tuple[CertificateRow, ...]
    tokens: tuple[TokenRow, ...]
    revoked: tuple[RevokedRow, ...] = ()
    access: tuple[AccessRow, ...] = ()
    workloads: tuple[WorkloadRow, ...]
    ztunnels: tuple[ZtunnelRow, ...] = ()
    waiting: tuple[str, ...] = ()
    findings: tuple[str, ...]

    def expiring_within(self, days: int) -> tuple[CertificateRow | AccessRow, ...]:
        """The certificates and tokens that have fewer days left than that."""
        return tuple(row for row in (*self.certificates, *self.access) if row.days_left < days)


@dataclass(frozen=True, kw_only=True)
class _Cluster:
    """The certificates in one cluster: `chain` from the signing certificate up to its root."""

    facts: ClusterTrust
    published: tuple[x509.Certificate, ...]
    configured: tuple[x509.Certificate, ...]
    chain: tuple[x509.Certificate, ...]


def trust_report(
    stack: str,
    config: StackConfig,
    declared: Sequence[DeclaredCertificate],
    facts: Mapping[str, ClusterTrust],
    now: datetime,
) -> TrustReport:
    """The report on one stack."""
    clusters = {cluster: _parsed_cluster(found) for cluster, found in facts.items()}
    known = [entry.certificate for entry in declared]
    found = [
        c for cluster in clusters.values() for c in (*cluster.configured, *cluster.published, *cluster.chain)
    ]
    others = [
        DeclaredCertificate(what=_origin(config, c), certificate=c)
        for c in dict.fromkeys(found)
        if c not in known
    ]
    rows = (_row(entry, clusters, now, in_stack=entry.certificate in known) for entry in (*declared, *others))
    return TrustReport(
        stack=stack,
        phase=config.trust.phase,
        certificates=tuple(rows),
        tokens=tuple(_tokens(facts, now)),
        revoked=tuple(_revoked(config, facts)),
        access=tuple(
            AccessRow(
                reader=cluster,
                cluster=end.remote,
                what="client certificate" if end.subject else "token",
                subject=end.subject,
                expires=end.expires,
                days_left=(end.expires - now).days,
            )
            for cluster, found in facts.items()
            for end in found.ends
        ),
        workloads=tuple(
            WorkloadRow(cluster=cluster, intermediate=intermediate, root=root, proxies=proxies)
            for cluster, found in facts.items()
            for (intermediate, root), proxies in sorted(found.proxies.items())
        ),
        ztunnels=tuple(_ztunnels(facts)),
        waiting=tuple(_waiting(config, facts)),
        findings=tuple(without(finding, config.offline) for finding in _findings(config, declared, clusters)),
    )


def _revoked(config: StackConfig, clusters: Mapping[str, ClusterTrust]) -> Iterator[RevokedRow]:
    told = {name: serials(parse_readable_lists(c.trust.published_lists)) for name, c in clusters.items()}
    for serial in sorted({*(config.trust.revoked or ()), *(s for known in told.values() for s in known)}):
        yield RevokedRow(
            serial=serial, clusters=tuple(name for name, known in told.items() if serial in known)
        )


def _revocation_findings(config: StackConfig, cluster: str, found: ClusterTrust) -> Iterator[str]:
    """Where a cluster's CRLs differ from the stack; given CRLs may revoke more."""
    told = serials(parse_readable_lists(found.trust.published_lists))
    given = serials(parse_readable_lists(config.trust.revocation_lists or ""))
    wanted = frozenset(config.trust.revoked or ()) | given
    for serial in sorted(wanted - told):
        yield (
            f"{cluster} has not given its workloads a CRL that revokes {serial}: wait two minutes, and if "
            f"that does not help, {PUT_BACK}"
        )
    for serial in sorted(told - wanted):
        yield (
            f"{cluster} gives its workloads a CRL that revokes {serial}, but the stack does not revoke it: "
            f"{PUT_BACK}"
        )


def _ztunnels(clusters: Mapping[str, ClusterTrust]) -> Iterator[ZtunnelRow]:
    for cluster, found in clusters.items():
        by_issuer: dict[tuple[str, str], list[str]] = {}
        for one in found.holders.held if found.holders else ():
            if not one.identity:
                continue  # a gateway, which counts as a proxy
            root = ", ".join(map(name, parse_readable(one.root)))
            by_issuer.setdefault((one.intermediate, root), []).append(one.holder)
        for (intermediate, root), holders in sorted(by_issuer.items()):
            yield ZtunnelRow(
                cluster=cluster,
                intermediate=intermediate,
                root=root,
                ztunnels=len(set(holders)),
                certificates=len(holders),
            )


def _waiting(config: StackConfig, clusters: Mapping[str, ClusterTrust]) -> Iterator[str]:
    """Who must renew before the next phase; a gate refuses it for the same reasons."""
    following = STEPS.index(config.trust.phase) + 1
    if config.trust.next_root is None or following == len(STEPS):
        return
    for cluster, found in clusters.items():
        if found.holders is None:
            continue
        for why, pods in late(config.mesh.id, config.trust, following, found.holders.held).items():
            yield f"{STEPS[following]} waits for {', '.join(pods)} in {cluster}, which {why}: {RENEW}"


def _parsed_cluster(facts: ClusterTrust) -> _Cluster:
    cacerts = facts.trust.cacerts
    chain = _parsed("\n".join((cacerts.certificate, cacerts.chain, cacerts.roots))) if cacerts else ()
    return _Cluster(
        facts=facts,
        published=_parsed(facts.trust.published_roots),
        configured=_parsed(cacerts.roots) if cacerts else (),
        chain=path_to_root(chain) if chain else (),
    )


def _parsed(pem: str) -> tuple[x509.Certificate, ...]:
    return tuple(dict.fromkeys(parse_readable(pem)))


def _origin(config: StackConfig, certificate: x509.Certificate) -> str:
    """What a certificate is that this stack has not made."""
    trust = config.trust
    for root in (trust.root, trust.next_root) if trust.stack else ():
        if root is not None and name(certificate) == root_common_name(config.mesh.id, root.generation):
            return f"root {root.generation}, of {trust.stack}"
    return "not of the stack"


def _row(
    entry: DeclaredCertificate, clusters: Mapping[str, _Cluster], now: datetime, *, in_stack: bool
) -> CertificateRow:
    certificate = entry.certificate
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return CertificateRow(
        what=entry.what,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        fingerprint=fingerprint(pem),
        serial=f"{certificate.serial_number:x}",
        expires=certificate.not_valid_after_utc,
        days_left=(certificate.not_valid_after_utc - now).days,
        in_stack=in_stack,
        used=tuple(_uses(certificate, clusters)),
    )


def _uses(certificate: x509.Certificate, clusters: Mapping[str, _Cluster]) -> Iterator[str]:
    for cluster, found in clusters.items():
        if found.chain and certificate == found.chain[0]:
            yield f"signs workloads in {cluster}"
        elif certificate in found.chain:
            yield f"signs the intermediate of {cluster}"
        if certificate in found.published:
            yield f"trusted in {cluster}"


def _tokens(clusters: Mapping[str, ClusterTrust], now: datetime) -> Iterator[TokenRow]:
    for cluster, found in clusters.items():
        for generation, created in sorted(found.reader_tokens.items()):
            yield TokenRow(
                cluster=cluster,
                generation=generation,
                age_days=(now - created).days,
                used_by=tuple(
                    other
                    for other, facts in clusters.items()
                    if facts.remote_tokens.get(cluster) == generation
                ),
            )


def _findings(
    config: StackConfig, declared: Sequence[DeclaredCertificate], clusters: Mapping[str, _Cluster]
) -> Iterator[str]:
    intermediates = {entry.what: entry.certificate for entry in declared}
    for cluster, found in clusters.items():
        if reason := found.facts.unreachable or found.facts.refused:
            yield f"cannot read {cluster}: {reason}"
            continue
        for pod, why in (found.facts.holders or Holders()).not_asked.items():
            yield f"{pod} of {cluster} cannot be asked for its certificates: {why}"
        primary = config.clusters[cluster].control_plane
        if primary is not None:
            signed_by = clusters.get(primary)
            if signed_by and signed_by.configured and set(found.published) != set(signed_by.configured):
                yield (
                    f"istiod of {primary} has not given its roots to {cluster}, which it serves: wait two "
                    "minutes, and if that does not help, check what keeps it from writing there"
                )
            yield from _token_findings(config, cluster, clusters)
            continue
        if not found.chain:
            yield f"{cluster} has no cacerts: istiod there signs with a root of its own; {PUT_BACK}"
            continue
        own = intermediates.get(f"intermediate of {cluster}")
        if own is not None and found.chain[0] != own:
            yield (
                f"{cluster} signs with {name(found.chain[0])!r} ({found.chain[0].serial_number:x}), which is "
                f"not the intermediate in the stack's state; {PUT_BACK}"
            )
        if set(found.published) != set(found.configured):
            yield (
                f"istiod in {cluster} has not loaded the roots in its cacerts: wait two minutes, and if that "
                "does not help, restart istiod"
            )
        if not config.clusters[cluster].intermediate.existing:
            yield from _revocation_findings(config, cluster, found.facts)
        yield from _token_findings(config, cluster, clusters)


def _token_findings(config: StackConfig, cluster: str, clusters: Mapping[str, _Cluster]) -> Iterator[str]:
    """Generations that differ between configuration and cluster, and tokens in use that were deleted."""
    section = config.clusters[cluster].reader
    if config.clusters[cluster].kubeconfig is not None:
        return
    tokens = clusters[cluster].facts.reader_tokens
    if set(section.token_generations) != set(tokens):
        yield (
            f"{cluster} has reader tokens of the generations {sorted(tokens)}, and the stack has "
            f"{list(section.token_generations)}; {PUT_BACK}"
        )
    for other, peer in clusters.items():
        used = peer.facts.remote_tokens.get(cluster)
        if used is not None and used not in tokens:
            yield (
                f"{other} reads {cluster} with the token of generation {used}, which was deleted; {PUT_BACK}"
            )
