"""What can keep a control plane from discovering the services of a remote cluster. Pure."""

from datetime import datetime, timedelta

from mesh.config.resolved import SecretEntry
from mesh.health.finding import PUT_BACK, Finding, Reason, Severity, put_back_release
from mesh.istio.names import (
    ISTIOD,
    NAMESPACE,
    READER_ACCOUNT,
    REMOTE_SECRET_LABEL,
    remote_secret_name,
    revisioned,
)
from mesh.live.facts import AccessFault, LinkFacts, PairFacts, TokenCheck

_SOON = timedelta(days=30)


def remote_secret_missing(facts: PairFacts) -> Finding | None:
    """No remote secret for the target in the caller's cluster."""
    if facts.link is None or facts.link.secrets:
        return None
    cluster, remote = facts.caller.control_plane, facts.target.name
    if (written := facts.link.written) is not None:
        return Finding(
            reason=Reason.REMOTE_SECRET_MISSING,
            cluster=cluster,
            peer=remote,
            message=f"{cluster} has no Secret {NAMESPACE}/{written.name}, in which something else than this "
            f"program writes the kubeconfig for {remote}",
            hint=_writer(written),
        )
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
    cluster, remote = facts.caller.control_plane, facts.target.name
    with_key = [secret for secret in facts.link.secrets if remote in secret.kubeconfigs]
    if any(secret.labelled for secret in with_key):
        return None
    secret = (with_key or facts.link.secrets)[0]
    if (written := facts.link.written) is not None:
        named = ", ".join(map(repr, secret.kubeconfigs))
        return Finding(
            reason=Reason.REMOTE_SECRET_KEY,
            cluster=cluster,
            peer=remote,
            message=f"{NAMESPACE}/{secret.name} in {cluster} "
            + (
                f"has a kubeconfig for the cluster {named}, by its current context; expected {remote!r}, the "
                "name in this mesh"
                if named
                else f"has no key {written.key} with a kubeconfig"
            ),
            hint=_writer(written),
        )
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
    cluster, remote = facts.caller.control_plane, facts.target.name
    return Finding(
        reason=Reason.PEER_API_SERVER_REFUSES,
        cluster=remote,
        peer=facts.caller.control_plane,
        message=f"what {cluster} has for {remote} does not lead into it: {token.wrong_server}",
        hint=_way_in(facts.link, token.fault) if facts.link else "",
    )


def client_certificate_invalid(facts: PairFacts, now: datetime) -> Finding | None:
    """A client certificate that nothing takes any more, or not yet."""
    shown = facts.link and facts.link.certificate
    if facts.link is None or not shown or (why := shown.invalid(now)) is None:
        return None
    cluster, remote = facts.caller.control_plane, facts.target.name
    return Finding(
        reason=Reason.CLIENT_CERTIFICATE_INVALID,
        cluster=cluster,
        peer=remote,
        message=f"the client certificate {shown.subject!r} by which {cluster} reads {remote} {why}",
        hint=renew(facts.link),
    )


def client_certificate_expires(facts: PairFacts, now: datetime) -> Finding | None:
    """A client certificate that expires within a month.

    One that something else writes, it renews: Teleport's live for hours.
    """
    shown = facts.link and facts.link.certificate
    if (
        facts.link is None
        or facts.link.written
        or not shown
        or shown.invalid(now)
        or shown.expires - now > _SOON
    ):
        return None
    cluster, remote = facts.caller.control_plane, facts.target.name
    return Finding(
        reason=Reason.CERTIFICATE_EXPIRES,
        severity=Severity.WARNING,
        cluster=cluster,
        peer=remote,
        message=f"the client certificate {shown.subject!r} by which {cluster} reads {remote} expires at "
        f"{shown.expires:%Y-%m-%d %H:%M} UTC",
        hint=renew(facts.link),
    )


def token_refused(facts: PairFacts) -> Finding | None:
    """A token that the remote API server does not accept."""
    token = _token(facts)
    if not token.refused:
        return None
    cluster, remote = facts.caller.control_plane, facts.target.name
    if facts.link is not None and not facts.link.own:
        return Finding(
            reason=Reason.TOKEN_REFUSED,
            cluster=remote,
            peer=cluster,
            message=f"the API server of {remote}, or what is in front of it, refuses the credentials that "
            f"{cluster} has for it (HTTP 401)",
            hint=renew(facts.link),
        )
    return Finding(
        reason=Reason.TOKEN_REFUSED,
        cluster=remote,
        peer=facts.caller.control_plane,
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
        peer=facts.caller.control_plane,
        message=f"the token that {facts.caller.control_plane} has for {remote} may not: "
        + ", ".join(token.denied),
        hint=f"{PUT_BACK}; then, for what {READER_ACCOUNT} has from the chart, "
        f"{put_back_release(remote, revisioned(ISTIOD, facts.target.revision))}"
        if facts.link is None or facts.link.own
        else f"give whoever the credentials in {facts.link.setting} belong to the rights that "
        f"{READER_ACCOUNT} has in {remote}",
    )


def remote_not_synced(facts: PairFacts) -> Finding | None:
    """A remote cluster that istiod does not know, or has not synced with."""
    return _not_synced(facts, facts.caller.revision, Reason.REMOTE_CLUSTER_NOT_SYNCED)


def next_not_synced(facts: PairFacts) -> Finding | None:
    """The same for the caller's next control plane."""
    following = facts.caller.next
    return following and _not_synced(facts, following.revision, Reason.NEXT_ISTIOD_NOT_SYNCED)


def _not_synced(facts: PairFacts, revision: str, reason: Reason) -> Finding | None:
    if facts.link is None:
        return None
    cluster, remote = facts.caller.control_plane, facts.target.name
    asked = facts.caller.declared[revision].remotes
    statuses = {pod: known.get(remote) for pod, known in asked.items()}
    found = next(((pod, status) for pod, status in statuses.items() if status != "synced"), None)
    if found is None:
        return None
    pod, status = found
    return Finding(
        reason=reason,
        cluster=cluster,
        peer=remote,
        message=f"{revisioned(ISTIOD, revision)} in {cluster} (pod {pod}) "
        + (f"has the status {status!r} for {remote}; expected 'synced'" if status else f"ignores {remote}"),
        hint=f"{PUT_BACK}, in case somebody has changed the remote secret for {remote}; then check that "
        f"{cluster} can reach the server in it: in {cluster}, run `kubectl -n {NAMESPACE} logs {pod}`",
    )


def peer_api_server_not_checked(facts: PairFacts) -> Finding | None:
    """A remote secret whose API server could not be asked from here; a peer may still reach it."""
    token = _token(facts)
    if not token.problem:
        return None
    cluster, remote = facts.caller.control_plane, facts.target.name
    return Finding(
        reason=Reason.PEER_API_SERVER_NOT_CHECKED,
        severity=Severity.WARNING,
        cluster=cluster,
        peer=remote,
        message=f"the remote secret for {remote} could not be checked from here: {token.problem}",
        hint=f"check that {cluster} can reach its server; if only peers can, ignore this",
    )


def _writer(written: SecretEntry) -> str:
    return (
        f"look at the logs of what writes {NAMESPACE}/{written.name}: expected the key {written.key} with a "
        "kubeconfig, and in that the name of the mesh's cluster as the cluster of its current context: "
        "docs/api-servers.md#a-secret-that-something-else-writes"
    )


def renew(link: LinkFacts) -> str:
    """The hint for credentials that have to be replaced by new ones."""
    if link.written is not None:
        return _writer(link.written)
    if link.own:
        return f"set a new one in {link.setting}.clientCertificate and clientKey, then run `pulumi up`"
    return f"set a new one in {link.setting}, then run `pulumi up`"


def _way_in(link: LinkFacts, fault: AccessFault | None) -> str:
    """What to do where something keeps a cluster out of a peer's API server."""
    if fault is AccessFault.TIME:
        return "give what answers there a certificate that is valid; nothing has to be changed here"
    if fault is AccessFault.PROXY:
        return "let the proxy connect to it" + _or_set(link, "proxyUrl", "to another proxy")
    if link.written is not None:
        return _writer(link.written)
    if not link.own:
        return f"set a kubeconfig that leads there in {link.setting}, then run `pulumi up`"
    settings = {
        AccessFault.AUTHORITY: "certificateAuthority to the CA of what answers there",
        AccessFault.NAMES: "tlsServerName to a name that the certificate has",
        AccessFault.CLIENT: "clientCertificate and clientKey to what is wanted there",
        None: "server to the address of an API server",
    }
    return f"set {link.setting}.{settings[fault]}, then run `pulumi up`"


def _or_set(link: LinkFacts, setting: str, value: str) -> str:
    return f", or set {link.setting}.{setting} {value}, then run `pulumi up`" if link.own else ""


def _token(facts: PairFacts) -> TokenCheck:
    """What came of the token in the remote secret; nothing is wrong with one that was not tried."""
    return (facts.link and facts.link.token) or TokenCheck()
