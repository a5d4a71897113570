"""Whether two clusters can trust each other's workloads, from their certificates. Pure."""

from datetime import datetime

from mesh.cli.verify.model import Finding
from mesh.live.facts import PairFacts
from mesh.pki.certificates import issued_by_one_of


def expired(facts: PairFacts, now: datetime) -> Finding | None:
    """An intermediate that has ended, or has not begun, in one of the two."""
    for cluster in (facts.caller, facts.target):
        trust = cluster.trust
        if trust.problem:
            return Finding(
                reason="cacerts-unusable",
                cluster=cluster.name,
                message=f"cacerts in {cluster.name}/istio-system: {trust.problem}",
                hint="`pulumi up --refresh` puts it back",
            )
        if trust.not_after and trust.not_after <= now:
            return Finding(
                reason="intermediate-expired",
                cluster=cluster.name,
                message=f"the intermediate CA of {cluster.name} ended at "
                f"{trust.not_after:%Y-%m-%d %H:%M} UTC",
                hint="`pulumi up --refresh` renews it; then restart the workloads whose certificates have "
                "ended",
            )
        if trust.not_before and trust.not_before > now:
            return Finding(
                reason="intermediate-not-yet-valid",
                cluster=cluster.name,
                message=f"the intermediate CA of {cluster.name} begins at "
                f"{trust.not_before:%Y-%m-%d %H:%M} UTC, which is later than now",
                hint="compare the clock of the machine that ran `pulumi up` with this one",
            )
    return None


def different_roots(facts: PairFacts) -> Finding | None:
    """Two clusters of which one hands out roots that did not sign the other's intermediate."""
    if facts.link is None:
        return None
    for believer, signer in ((facts.caller, facts.target), (facts.target, facts.caller)):
        if not (believer.trust.roots and signer.trust.intermediate):
            continue
        if issued_by_one_of(signer.trust.intermediate, believer.trust.roots):
            continue
        if issued_by_one_of(signer.trust.intermediate, believer.trust.bundle):
            return Finding(
                reason="root-not-taken-over",
                cluster=believer.name,
                message=f"cacerts of {believer.name} has the root of {signer.name}'s intermediate, but "
                "istiod does not hand it to the workloads",
                hint=f"in {believer.name}: kubectl -n istio-system rollout restart deployment/istiod",
            )
        return Finding(
            reason="different-roots",
            cluster=signer.name,
            message=f"the intermediate CA of {signer.name} is not signed by a root that {believer.name} "
            "trusts",
            hint="both must come from the mesh's root: `pulumi up --refresh` puts cacerts back, then restart "
            "istiod and the workloads there",
        )
    return None
