"""From what the stack declares and what the clusters have to a report. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from mesh.cli.trust.model import CertificateRow, Report, TokenRow, WorkloadRow
from mesh.cli.trust.state import Declared
from mesh.config.resolved import StackConfig
from mesh.live.trust import ClusterTrust
from mesh.pki.profile import fingerprint, root_common_name
from mesh.pki.validation import name


def judged(
    stack: str,
    config: StackConfig,
    declared: Sequence[Declared],
    clusters: Mapping[str, ClusterTrust],
    now: datetime,
) -> Report:
    """The report on one stack."""
    known = [entry.certificate for entry in declared]
    met = [c for found in clusters.values() for c in (*found.handed, *found.published, *found.chain)]
    strangers = [
        Declared(what=_elsewhere(config, c), certificate=c) for c in dict.fromkeys(met) if c not in known
    ]
    rows = (
        _row(entry, clusters, now, in_stack=entry.certificate in known) for entry in (*declared, *strangers)
    )
    return Report(
        stack=stack,
        phase=config.trust.phase,
        certificates=tuple(rows),
        tokens=tuple(_tokens(clusters, now)),
        workloads=tuple(
            WorkloadRow(cluster=cluster, intermediate=intermediate, root=root, proxies=proxies)
            for cluster, found in clusters.items()
            for (intermediate, root), proxies in sorted(found.shown.items())
        ),
        findings=tuple(_findings(config, declared, clusters)),
    )


def _elsewhere(config: StackConfig, certificate: x509.Certificate) -> str:
    """What a certificate is that this stack has not made."""
    trust = config.trust
    for root in (trust.root, trust.next_root) if trust.stack else ():
        if root is not None and name(certificate) == root_common_name(config.mesh.id, root.generation):
            return f"root {root.generation}, of {trust.stack}"
    return "not of the stack"


def _row(
    entry: Declared, clusters: Mapping[str, ClusterTrust], now: datetime, *, in_stack: bool
) -> CertificateRow:
    certificate = entry.certificate
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return CertificateRow(
        what=entry.what,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        fingerprint=fingerprint(pem),
        serial=f"{certificate.serial_number:x}",
        ends=certificate.not_valid_after_utc,
        days_left=(certificate.not_valid_after_utc - now).days,
        in_stack=in_stack,
        used=tuple(_uses(certificate, clusters)),
    )


def _uses(certificate: x509.Certificate, clusters: Mapping[str, ClusterTrust]) -> Iterator[str]:
    for cluster, found in clusters.items():
        if found.chain and certificate == found.chain[0]:
            yield f"signs workloads in {cluster}"
        elif certificate in found.chain:
            yield f"signs the intermediate of {cluster}"
        if certificate in found.published:
            yield f"trusted in {cluster}"


def _tokens(clusters: Mapping[str, ClusterTrust], now: datetime) -> Iterator[TokenRow]:
    for cluster, found in clusters.items():
        for generation, made in sorted(found.tokens.items()):
            yield TokenRow(
                cluster=cluster,
                generation=generation,
                age_days=(now - made).days,
                used_by=tuple(
                    reader for reader, peer in clusters.items() if peer.reads_with.get(cluster) == generation
                ),
            )


def _findings(
    config: StackConfig, declared: Sequence[Declared], clusters: Mapping[str, ClusterTrust]
) -> Iterator[str]:
    intermediates = {entry.what: entry.certificate for entry in declared}
    for cluster, found in clusters.items():
        if found.unreachable:
            yield f"{cluster} could not be looked at: {found.unreachable}"
            continue
        if not found.chain:
            yield (
                f"{cluster} has no cacerts: istiod there signs with a root of its own; "
                "run `pulumi up --refresh`"
            )
            continue
        own = intermediates.get(f"intermediate of {cluster}")
        if own is not None and found.chain[0] != own:
            yield (
                f"{cluster} signs with {name(found.chain[0])!r} ({found.chain[0].serial_number:x}), which is "
                "not the intermediate in the stack's state; run `pulumi up --refresh`"
            )
        if set(found.published) != set(found.handed):
            yield (
                f"istiod in {cluster} works with other roots than its cacerts has: the kubelet hands them "
                "over within two minutes; if it stays so, restart istiod"
            )
        yield from _unread(config, cluster, found, clusters)


def _unread(
    config: StackConfig, cluster: str, found: ClusterTrust, clusters: Mapping[str, ClusterTrust]
) -> Iterator[str]:
    """Generations that the configuration and the cluster do not agree on, and tokens that are gone."""
    section = config.clusters[cluster].reader
    if section.kubeconfig is not None:
        return
    if set(section.token_generations) != set(found.tokens):
        yield (
            f"{cluster} has reader tokens of the generations {sorted(found.tokens)}, and the stack says "
            f"{list(section.token_generations)}; run `pulumi up --refresh`"
        )
    for reader, peer in clusters.items():
        used = peer.reads_with.get(cluster)
        if used is not None and used not in found.tokens:
            yield (
                f"{reader} reads {cluster} with the token of generation {used}, which is gone; "
                "run `pulumi up --refresh`"
            )
