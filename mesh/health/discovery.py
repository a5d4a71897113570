"""What can keep a control plane from discovering the services of a remote cluster. Pure."""

from mesh.health.finding import PUT_BACK, Finding, Reason, Severity, put_back_release
from mesh.istio.names import ISTIOD, NAMESPACE, READER_ACCOUNT, REMOTE_SECRET_LABEL, remote_secret_name
from mesh.live.facts import PairFacts, TokenCheck


def remote_secret_missing(facts: PairFacts) -> Finding | None:
    """No remote secret for the target in the caller's cluster."""
    if facts.link is None or facts.link.secrets:
        return None
    cluster, remote = facts.caller.name, facts.target.name
    return Finding(
        reason=Reason.REMOTE_SECRET_MISSING,
        cluster=cluster,
        peer=remote,
        message=f"{cluster} has no remote secret for {remote}: expected {NAMESPACE}/"
        f"{remote_secret_name(remote)} with the label {REMOTE_SECRET_LABEL}=true",
        hint=PUT_BACK,
    )


def remote_secret_ignored(facts: PairFacts) -> Finding | None:
    """A remote secret that istiod does not find, or that has the key of another cluster."""
    if facts.link is None:
        return None
    cluster, remote = facts.caller.name, facts.target.name
    with_key = [secret for secret in facts.link.secrets if remote in secret.kubeconfigs]
    if any(secret.labelled for secret in with_key):
        return None
    secret = (with_key or facts.link.secrets)[0]
    if with_key:
        return Finding(
            reason=Reason.REMOTE_SECRET_LABEL,
            cluster=cluster,
            peer=remote,
            message=f"{NAMESPACE}/{secret.name} in {cluster} lacks the label {REMOTE_SECRET_LABEL}=true, by "
            "which istiod finds it",
            hint=PUT_BACK,
        )
    return Finding(
        reason=Reason.REMOTE_SECRET_KEY,
        cluster=cluster,
        peer=remote,
        message=f"{NAMESPACE}/{secret.name} in {cluster} has the data key "
        f"{', '.join(secret.kubeconfigs) or '(none)'}; expected the cluster's name, {remote}",
        # An update would put the right key back and leave the other: two remote clusters for istiod.
        hint=f"in {cluster}, run `kubectl -n {NAMESPACE} delete secret {secret.name}`; then {PUT_BACK}",
    )


def peer_api_server_refuses(facts: PairFacts) -> Finding | None:
    """A remote secret whose address leads to something else than the remote's API server."""
    token = _token(facts)
    if not token.wrong_server:
        return None
    cluster, remote = facts.caller.name, facts.target.name
    return Finding(
        reason=Reason.PEER_API_SERVER_REFUSES,
        cluster=remote,
        peer=facts.caller.name,
        message=f"the remote secret for {remote} in {cluster} does not lead into {remote}: "
        f"{token.wrong_server}",
        hint=f"set clusters.{remote}.apiServer to what peers need, then run `pulumi up`",
    )


def token_refused(facts: PairFacts) -> Finding | None:
    """A token that the remote API server does not accept."""
    token = _token(facts)
    if not token.refused:
        return None
    cluster, remote = facts.caller.name, facts.target.name
    return Finding(
        reason=Reason.TOKEN_REFUSED,
        cluster=remote,
        peer=facts.caller.name,
        message=f"the API server of {remote} refuses the token in {cluster}'s remote secret (HTTP 401): its "
        f"Secret in {remote}/{NAMESPACE} was deleted or created again",
        hint=f"{PUT_BACK}, which renews the token and the remote secrets",
    )


def reader_denied(facts: PairFacts) -> Finding | None:
    """A token that may not read what istiod needs."""
    token = _token(facts)
    if not token.denied:
        return None
    remote = facts.target.name
    return Finding(
        reason=Reason.READER_DENIED,
        cluster=remote,
        peer=facts.caller.name,
        message=f"the token that {facts.caller.name} has for {remote} may not: " + ", ".join(token.denied),
        hint=f"{PUT_BACK}; then, for what {READER_ACCOUNT} has from the chart, "
        f"{put_back_release(remote, ISTIOD)}",
    )


def remote_not_synced(facts: PairFacts) -> Finding | None:
    """A remote cluster that istiod does not know, or has not synced with."""
    if facts.link is None:
        return None
    cluster, remote = facts.caller.name, facts.target.name
    statuses = {pod: known.get(remote) for pod, known in facts.caller.remotes.items()}
    found = next(((pod, status) for pod, status in statuses.items() if status != "synced"), None)
    if found is None:
        return None
    pod, status = found
    return Finding(
        reason=Reason.REMOTE_CLUSTER_NOT_SYNCED,
        cluster=cluster,
        peer=remote,
        message=f"istiod in {cluster} (pod {pod}) "
        + (f"has the status {status!r} for {remote}; expected 'synced'" if status else f"ignores {remote}"),
        hint=f"{PUT_BACK}, in case somebody has changed the remote secret for {remote}; then check that "
        f"{cluster} can reach the server in it: in {cluster}, run `kubectl -n {NAMESPACE} logs {pod}`",
    )


def peer_api_server_not_checked(facts: PairFacts) -> Finding | None:
    """A remote secret whose API server could not be asked from here; a peer may still reach it."""
    token = _token(facts)
    if not token.problem:
        return None
    cluster, remote = facts.caller.name, facts.target.name
    return Finding(
        reason=Reason.PEER_API_SERVER_NOT_CHECKED,
        severity=Severity.WARNING,
        cluster=cluster,
        peer=remote,
        message=f"the remote secret for {remote} could not be checked from here: {token.problem}",
        hint=f"check that {cluster} can reach its server; if only peers can, ignore this",
    )


def _token(facts: PairFacts) -> TokenCheck:
    """What came of the token in the remote secret; nothing is wrong with one that was not tried."""
    return (facts.link and facts.link.token) or TokenCheck()
