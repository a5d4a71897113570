"""Whether clusters can trust each other's workloads, from their certificates. Pure."""

from datetime import datetime, timedelta

from mesh.health.finding import PUT_BACK, Finding, Reason, Severity, restart_istiod
from mesh.istio.names import CACERTS, NAMESPACE
from mesh.live.facts import ClusterFacts, PairFacts
from mesh.pki.certificates import is_issued_by_any, name, parse_readable

_SOON = timedelta(days=30)


def unusable(cluster: ClusterFacts, now: datetime) -> Finding | None:
    """An intermediate CA that is missing or not valid now."""
    where = cluster.control_plane
    cacerts = cluster.trust.cacerts
    if cacerts is None:
        return _cacerts_unusable(cluster, "the Secret does not exist")
    intermediate = parse_readable(cacerts.certificate)
    if not intermediate or not parse_readable(cacerts.roots):
        return _cacerts_unusable(
            cluster,
            "expected PEM certificates under the keys "
            + ("tls.crt and ca.crt" if cacerts.tls else "ca-cert.pem and root-cert.pem"),
        )
    end, begin = intermediate[0].not_valid_after_utc, intermediate[0].not_valid_before_utc
    if end <= now:
        return Finding(
            reason=Reason.INTERMEDIATE_EXPIRED,
            cluster=where,
            message=f"the intermediate CA of {where} expired at {end:%Y-%m-%d %H:%M} UTC",
            hint=f"{PUT_BACK}, which renews it; then restart the workloads whose certificates have expired",
        )
    if begin > now:
        return Finding(
            reason=Reason.INTERMEDIATE_NOT_YET_VALID,
            cluster=where,
            message=f"the intermediate CA of {where} is not valid before {begin:%Y-%m-%d %H:%M} UTC",
            hint="compare the clock of the machine that ran `pulumi up` with the clock of this one",
        )
    return None


def expires(cluster: ClusterFacts, now: datetime) -> Finding | None:
    """A CA certificate in use that has less than a month left."""
    cacerts = cluster.trust.cacerts
    if cacerts is None:
        return None
    where = cluster.control_plane
    chain = (
        *(("intermediate CA", c) for c in parse_readable(cacerts.certificate)[:1]),
        *(("root CA", c) for c in parse_readable(cacerts.roots)),
    )
    what, first = min(chain, key=lambda one: one[1].not_valid_after_utc, default=(None, None))
    if first is None or first.not_valid_after_utc - now > _SOON:
        return None
    return Finding(
        reason=Reason.CERTIFICATE_EXPIRES,
        severity=Severity.WARNING,
        cluster=where,
        message=f"the {what} of {where} has {(first.not_valid_after_utc - now).days} days left: "
        f"{name(first)}",
        hint="run `pulumi up`, which renews it where the stack has made it: docs/runbooks/renew.md",
    )


def different_roots(facts: PairFacts) -> Finding | None:
    """Two clusters of which one does not trust the root of the other's intermediate CA."""
    if facts.caller.name == facts.target.name:
        return None
    for verifier, signer in ((facts.caller, facts.target), (facts.target, facts.caller)):
        here, there = verifier.control_plane, signer.control_plane
        published = parse_readable(verifier.trust.published_roots)
        intermediate = parse_readable(signer.trust.cacerts.certificate if signer.trust.cacerts else "")[:1]
        if not (published and intermediate) or is_issued_by_any(intermediate[0], published):
            continue
        configured = parse_readable(verifier.trust.cacerts.roots if verifier.trust.cacerts else "")
        if is_issued_by_any(intermediate[0], configured):
            return Finding(
                reason=Reason.ROOT_NOT_LOADED,
                cluster=here,
                peer=there,
                message=f"{CACERTS} of {here} has the root of {signer.name}'s intermediate CA, but "
                "istiod has not loaded it",
                hint=f"wait two minutes; then, in {here}, run {restart_istiod(verifier.revisions)}",
            )
        return Finding(
            reason=Reason.DIFFERENT_ROOTS,
            cluster=there,
            peer=verifier.name,
            message=f"{verifier.name} does not trust the root of {signer.name}'s intermediate CA",
            hint=f"{PUT_BACK}, which restores {CACERTS}; then, in {there}, run "
            f"{restart_istiod(signer.revisions)}, and restart the workloads",
        )
    return None


def _cacerts_unusable(cluster: ClusterFacts, message: str) -> Finding:
    return Finding(
        reason=Reason.CACERTS_UNUSABLE,
        cluster=cluster.control_plane,
        message=f"{CACERTS} in {cluster.control_plane}/{NAMESPACE}: {message}",
        hint=f"{PUT_BACK}, which restores it",
    )
