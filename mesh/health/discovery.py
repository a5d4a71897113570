"""What can keep a control plane from finding another cluster. Pure."""

from mesh.cli.verify.hints import PUT_BACK
from mesh.cli.verify.model import Finding
from mesh.live.facts import PairFacts


def remote_secret_missing(facts: PairFacts) -> Finding | None:
    """No Secret by which the caller's istiod would find the target."""
    if facts.link is None or facts.link.secrets:
        return None
    reader, target = facts.caller.name, facts.target.name
    return Finding(
        reason="remote-secret-missing",
        cluster=reader,
        message=f"{reader} has no remote secret for {target}: expected "
        f"istio-system/istio-remote-secret-{target} with the label istio/multiCluster=true",
        hint=PUT_BACK,
    )


def remote_secret_unread(facts: PairFacts) -> Finding | None:
    """A Secret that istiod does not find, or that names another cluster."""
    if facts.link is None:
        return None
    reader, target = facts.caller.name, facts.target.name
    right = [s for s in facts.link.secrets if target in s.keys]
    if any(secret.labelled for secret in right):
        return None
    secret = (right or facts.link.secrets)[0]
    where = f"{secret.name} in {reader}/istio-system"
    if right:
        return Finding(
            reason="remote-secret-label",
            cluster=reader,
            message=f"{where} lacks the label istio/multiCluster=true, by which istiod finds it",
            hint=PUT_BACK,
        )
    return Finding(
        reason="remote-secret-key",
        cluster=reader,
        message=f"{where} has the data key {', '.join(secret.keys) or '(none)'}; expected the cluster's "
        f"name, {target}",
        hint=PUT_BACK,
    )


def token_refused(facts: PairFacts) -> Finding | None:
    """A token that the target's API server does not know."""
    if facts.link is None or not (facts.link.token and facts.link.token.refused):
        return None
    reader, target = facts.caller.name, facts.target.name
    return Finding(
        reason="token-refused",
        cluster=target,
        message=f"the API server of {target} does not know the token in {reader}'s remote secret (HTTP 401)",
        hint=f"its token Secret in {target}/istio-system was deleted or made anew: `pulumi up --refresh` "
        "renews it and the remote secrets with it",
    )


def reader_denied(facts: PairFacts) -> Finding | None:
    """A token that may not read what istiod needs."""
    if facts.link is None or not (facts.link.token and facts.link.token.denied):
        return None
    target = facts.target.name
    return Finding(
        reason="reader-denied",
        cluster=target,
        message=f"the token that {facts.caller.name} has for {target} may not: "
        + ", ".join(facts.link.token.denied),
        hint=f"look at the ClusterRoleBindings of istio-reader-service-account in {target}; {PUT_BACK}",
    )


def remote_not_synced(facts: PairFacts) -> Finding | None:
    """A target that the caller's istiod does not know, or is not done with."""
    if facts.link is None or facts.caller.remotes is None:
        return None
    reader, target = facts.caller.name, facts.target.name
    state = facts.caller.remotes.get(target)
    if state == "synced":
        return None
    return Finding(
        reason="remote-cluster-not-synced",
        cluster=reader,
        message=f"istiod of {reader} "
        + (f"has {target} as {state!r}, not as 'synced'" if state else f"does not know {target}"),
        hint=f"can {reader} reach the server in its remote secret for {target}? In {reader}: "
        f"kubectl -n istio-system logs deployment/istiod | grep {target}",
    )


def peer_api_server(facts: PairFacts) -> Finding | None:
    """A remote secret that could not be tried from here."""
    if facts.link is None or not (facts.link.token and facts.link.token.problem):
        return None
    reader, target = facts.caller.name, facts.target.name
    return Finding(
        reason="peer-api-server-unasked",
        cluster=reader,
        message=f"the remote secret for {target} could not be tried from here: {facts.link.token.problem}",
        hint=f"its server must be reachable from {reader}; if only peers reach it, this may be no fault",
    )
