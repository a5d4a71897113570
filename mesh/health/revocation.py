"""Whether clusters have the CRLs that make proxies refuse revoked certificates, and no others. Pure."""

from datetime import datetime, timedelta

from mesh.health.finding import PUT_BACK, Finding, Reason, Severity, restart_istiod
from mesh.istio.names import CACERTS, REVOCATION_LISTS
from mesh.live.facts import ClusterFacts, PairFacts
from mesh.pki.certificates import name, parse_readable, path_to_root
from mesh.pki.revocation import lacking, parse_readable_lists

_SOON = timedelta(days=30)


def not_loaded(cluster: ClusterFacts) -> Finding | None:
    """An istiod that gives workloads other CRLs than `cacerts` has.

    It keeps CRLs that were removed (`SetAndNotifyCACRL` in `pilot/pkg/keycertbundle` in istio/istio). If
    it cannot use one, it loads nothing of a changed `cacerts`.
    """
    cacerts = cluster.trust.cacerts
    if cacerts is None or cacerts.revocation_lists.strip() == cluster.trust.published_lists.strip():
        return None
    where = cluster.control_plane
    restart = f"in {where}, run {restart_istiod(cluster.revisions)}"
    if not cacerts.revocation_lists.strip():
        return Finding(
            reason=Reason.CRL_NOT_LOADED,
            cluster=where,
            message=f"istiod of {where} gives workloads CRLs that its {CACERTS} no longer has",
            hint=f"{restart}, since it forgets them only when it starts",
        )
    return Finding(
        reason=Reason.CRL_NOT_LOADED,
        cluster=where,
        message=f"istiod of {where} does not give workloads the CRLs in its {CACERTS}",
        hint="wait two minutes; then look for `Failed to update new Plug-in CA certs` in its log, and "
        f"{restart}",
    )


def expires(cluster: ClusterFacts, now: datetime) -> Finding | None:
    """A CRL in use that has expired, or expires within a month."""
    ends = [
        (end, one)
        for one in parse_readable_lists(cluster.trust.published_lists)
        if (end := one.next_update_utc)
    ]
    end, first = min(ends, key=lambda one: one[0], default=(None, None))
    if end is None or first is None or end - now > _SOON:
        return None
    where, over = cluster.control_plane, end <= now
    issuer = first.issuer.rfc4514_string()
    return Finding(
        reason=Reason.CRL_EXPIRES,
        severity=Severity.ERROR if over else Severity.WARNING,
        cluster=where,
        message=f"the CRL of {issuer} in {where} "
        + (
            f"expired at {end:%Y-%m-%d %H:%M} UTC, and proxies refuse every certificate under that CA"
            if over
            else f"has {(end - now).days} days left; then proxies refuse every certificate under that CA"
        ),
        hint=f"if the stack has no key of that CA, set a newer one in trust.revocationLists; then "
        f"{PUT_BACK}, which renews those of its own CAs",
    )


def missing(facts: PairFacts) -> Finding | None:
    """A cluster that has CRLs, but none of a CA of the other's workloads."""
    for verifier, signer in ((facts.caller, facts.target), (facts.target, facts.caller)):
        lists = parse_readable_lists(verifier.trust.published_lists)
        cacerts = signer.trust.cacerts
        if not lists or cacerts is None:
            continue
        chain = parse_readable(f"{cacerts.certificate}\n{cacerts.chain}\n{cacerts.roots}")
        without = lacking(path_to_root(chain), lists) if chain else ()
        if without:
            return Finding(
                reason=Reason.CRL_MISSING,
                cluster=verifier.control_plane,
                peer=signer.name,
                message=f"the ConfigMap {REVOCATION_LISTS} of {verifier.control_plane} has no CRL of "
                f"{name(without[0])!r}, so proxies refuse the workloads of {signer.name}",
                hint=f"{PUT_BACK}, which gives every cluster the CRLs of all CAs; if the stack does not have "
                "that CA's key, add its CRL to trust.revocationLists",
            )
    return None
