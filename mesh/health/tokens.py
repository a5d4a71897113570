"""What can be wrong with the tokens by which clusters read each other, before they are refused. Pure."""

from datetime import datetime, timedelta

from mesh.health import discovery
from mesh.health.finding import Finding, Reason, Severity
from mesh.live.inspected import ClusterInspection, LinkInspection

_OLD = timedelta(days=365)
_SOON = timedelta(days=7)
_ROTATE = "docs/runbooks/rotate-reader-tokens.md"


def old(cluster: ClusterInspection, now: datetime) -> Finding | None:
    """A reader whose newest token is more than a year old; it does not expire by itself."""
    newest = max(cluster.tokens.values(), default=now)
    if now - newest <= _OLD:
        return None
    name = cluster.facts.name
    return Finding(
        reason=Reason.TOKEN_OLD,
        severity=Severity.WARNING,
        cluster=name,
        message=f"the token by which the other clusters read {name} is {(now - newest).days} days old",
        hint=f"rotate it, without an interruption: {_ROTATE}",
    )


def expires(link: LinkInspection, now: datetime) -> Finding | None:
    """A token in a remote secret that expires within a week."""
    if link.expires is None or link.expires - now > _SOON:
        return None
    here, there = link.caller.facts.name, link.target.facts.name
    return Finding(
        reason=Reason.TOKEN_EXPIRES,
        severity=Severity.WARNING,
        cluster=here,
        peer=there,
        message=f"the token by which {here} reads {there} expires at {link.expires:%Y-%m-%d %H:%M} UTC",
        hint=discovery.renew(link.pair.link) + ": docs/runbooks/short-lived-tokens.md"
        if link.pair.link
        else "",
    )
