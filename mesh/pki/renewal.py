"""Who must get a new certificate before the next phase of a rotation. Pure.

Proxies with Istio's agent hear of another root by themselves. ztunnel learns roots with its certificates
alone (`src/tls/certificate.rs` in istio/ztunnel), so each phase has to wait until it has renewed them all,
and so does a gateway that was not connected.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from mesh.config.sections.trust import TrustSection
from mesh.pki.certificates import parse_readable
from mesh.pki.rotation import RootRole, hindrance, role

RENEW = (
    "they renew at half of their certificate's life, within twelve hours, or with SECRET_TTL sooner; to have "
    "it now, without a failed call, run `kubectl -n istio-system rollout restart daemonset/ztunnel`"
)
"""What to do about those who are late."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """A certificate that ztunnel holds for a workload, or the gateway for ambient workloads for itself.

    `holder` is the pod, `identity` the workload's as a URI, empty for a gateway. `intermediate` is the common
    name of what has signed it, `root` the PEM of the root above that, and `trusted` the PEM of the roots that
    the holder takes from others.
    """

    holder: str
    identity: str
    intermediate: str
    root: str
    trusted: str


def late(mesh_id: str, trust: TrustSection, step: int, held: Iterable[Held]) -> dict[str, tuple[str, ...]]:
    """The pods that must renew before a phase, by why; `step` is the phase's place in `STEPS`."""
    roles: dict[str, frozenset[RootRole]] = {}

    def roles_of(pem: str) -> frozenset[RootRole]:
        if pem not in roles:  # the same few bundles, over and over
            roles[pem] = frozenset(role(mesh_id, trust, c) for c in parse_readable(pem))
        return roles[pem]

    found: dict[str, list[str]] = {}
    for one in held:
        root = next(iter(roles_of(one.root)), RootRole.UNKNOWN)
        if why := hindrance(step, root, roles_of(one.trusted)):
            found.setdefault(why, []).append(one.holder)
    return {why: tuple(dict.fromkeys(holders)) for why, holders in found.items()}
