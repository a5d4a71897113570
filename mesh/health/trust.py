"""Whether two clusters can trust each other's workloads, from their certificates. Pure."""

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509

from mesh.health.finding import Finding, Reason
from mesh.istio.names import CACERTS, ISTIOD, NAMESPACE
from mesh.live.facts import ClusterFacts, PairFacts
from mesh.pki.validation import certificates, issued


def unusable(facts: PairFacts, now: datetime) -> Finding | None:
    """An intermediate CA, in one of the two clusters, that is missing or not valid now."""
    for cluster in (facts.caller, facts.target):
        if finding := _unusable(cluster, now):
            return finding
    return None


def different_roots(facts: PairFacts) -> Finding | None:
    """Two clusters of which one does not trust the root of the other's intermediate CA."""
    if facts.link is None:
        return None
    for verifier, signer in ((facts.caller, facts.target), (facts.target, facts.caller)):
        published = _parsed(verifier.trust.published_roots)
        intermediate = _parsed(signer.trust.cacerts.certificate if signer.trust.cacerts else "")[:1]
        if not (published and intermediate) or _issued_by_one(intermediate[0], published):
            continue
        configured = _parsed(verifier.trust.cacerts.roots if verifier.trust.cacerts else "")
        if _issued_by_one(intermediate[0], configured):
            return Finding(
                reason=Reason.ROOT_NOT_LOADED,
                cluster=verifier.name,
                message=f"{CACERTS} of {verifier.name} has the root of {signer.name}'s intermediate CA, but "
                "istiod has not loaded it",
                hint=f"wait two minutes; then, in {verifier.name}, run `kubectl -n {NAMESPACE} rollout "
                f"restart deployment/{ISTIOD}`",
            )
        return Finding(
            reason=Reason.DIFFERENT_ROOTS,
            cluster=signer.name,
            message=f"{verifier.name} does not trust the root of {signer.name}'s intermediate CA",
            hint=f"run `pulumi up --refresh`, which restores {CACERTS}; then restart istiod and the "
            f"workloads in {signer.name}",
        )
    return None


def _unusable(cluster: ClusterFacts, now: datetime) -> Finding | None:
    cacerts = cluster.trust.cacerts
    if cacerts is None:
        return _cacerts_unusable(cluster, "the Secret does not exist")
    intermediate = _parsed(cacerts.certificate)
    if not intermediate or not _parsed(cacerts.roots):
        return _cacerts_unusable(
            cluster, "expected PEM certificates under the keys ca-cert.pem and root-cert.pem"
        )
    end, begin = intermediate[0].not_valid_after_utc, intermediate[0].not_valid_before_utc
    if end <= now:
        return Finding(
            reason=Reason.INTERMEDIATE_EXPIRED,
            cluster=cluster.name,
            message=f"the intermediate CA of {cluster.name} expired at {end:%Y-%m-%d %H:%M} UTC",
            hint="run `pulumi up --refresh`, which renews it; then restart the workloads whose certificates "
            "have expired",
        )
    if begin > now:
        return Finding(
            reason=Reason.INTERMEDIATE_NOT_YET_VALID,
            cluster=cluster.name,
            message=f"the intermediate CA of {cluster.name} is not valid before {begin:%Y-%m-%d %H:%M} UTC",
            hint="compare the clock of the machine that ran `pulumi up` with the clock of this one",
        )
    return None


def _cacerts_unusable(cluster: ClusterFacts, message: str) -> Finding:
    return Finding(
        reason=Reason.CACERTS_UNUSABLE,
        cluster=cluster.name,
        message=f"{CACERTS} in {cluster.name}/{NAMESPACE}: {message}",
        hint="run `pulumi up --refresh`, which restores it",
    )


def _parsed(pem: str) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(certificates(pem))
    except ValueError:
        return ()


def _issued_by_one(certificate: x509.Certificate, issuers: Iterable[x509.Certificate]) -> bool:
    return any(issued(certificate, issuer) for issuer in issuers)
