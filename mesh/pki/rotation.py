"""Which roots a mesh trusts and signs with in each phase of a rotation. Pure.

istiod accepts a changed root only if one bundle contains the other (`pilot/pkg/bootstrap/istio_ca.go` in
istio/istio; up to 1.29 as bytes). Proxies ask for new certificates as soon as the bundle's bytes change
(`security/pkg/nodeagent/cache/secretcache.go`) and else at half of their certificate's life. That is why the
bundle changes with the signing root too: the new root is in it a second time.
"""

from collections.abc import Set
from dataclasses import dataclass
from enum import Enum

from cryptography import x509

from mesh.config.sections.trust import RootSection, TrustSection
from mesh.config.types import Phase
from mesh.pki.certificates import name, parse_readable
from mesh.pki.profile import root_common_name

STEPS: tuple[Phase | None, ...] = (None, Phase.TRUST_BOTH, Phase.SIGN_WITH_NEW, Phase.DROP_OLD)
"""The order of a rotation; before its first phase there is none."""


class RootRole(Enum):
    """What a root in a bundle is for the configuration."""

    CURRENT = "root"
    NEXT = "nextRoot"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class TrustBundle:
    """The roots in a `root-cert.pem` in its order, each by its role."""

    roles: tuple[RootRole, ...]

    @classmethod
    def of(cls, *roles: RootRole) -> "TrustBundle":
        """The bundle of these roots."""
        return cls(roles)

    @property
    def step(self) -> int | None:
        """The place in `STEPS` of the phase that has this bundle; None where no phase has it."""
        return _BUNDLES.index(self) if self in _BUNDLES else None


_BUNDLES = (
    TrustBundle.of(RootRole.CURRENT),
    TrustBundle.of(RootRole.CURRENT, RootRole.NEXT),
    TrustBundle.of(RootRole.CURRENT, RootRole.NEXT, RootRole.NEXT),
    TrustBundle.of(RootRole.NEXT),
)
_SIGNING = (RootRole.CURRENT, RootRole.CURRENT, RootRole.NEXT, RootRole.NEXT)


def hindrance(step: int, root: RootRole, trusted: Set[RootRole]) -> str | None:
    """Why a phase must wait for somebody to get a new certificate; None where it need not.

    Args:
        step: the phase's place in `STEPS`.
        root: what the root above the certificate is.
        trusted: what the roots are that its holder trusts, and learns with a certificate only.
    """
    if _SIGNING[step] not in trusted:
        return f"does not trust {_SIGNING[step].value} yet"
    if root in _BUNDLES[step].roles:
        return None
    return f"has a certificate under {'another root' if root is RootRole.UNKNOWN else root.value}"


def role(mesh_id: str, trust: TrustSection, certificate: x509.Certificate) -> RootRole:
    """What a root is for the configuration."""
    if _is(mesh_id, trust.root, certificate):
        return RootRole.CURRENT
    if trust.next_root and _is(mesh_id, trust.next_root, certificate):
        return RootRole.NEXT
    return RootRole.UNKNOWN


def _is(mesh_id: str, root: RootSection, certificate: x509.Certificate) -> bool:
    if root.certificate is not None:
        return certificate in parse_readable(root.certificate)
    # Its certificate is known to Pulumi only; its name holds mesh and generation.
    return name(certificate) == root_common_name(mesh_id, root.generation)


@dataclass(frozen=True, kw_only=True)
class RootPlan:
    """The roots of the mesh, as the stack file has them, and what each is for.

    `declared` has those that exist, old before new; `bundle` those that are trusted, in the order of
    `root-cert.pem`; `signing` is the one that signs intermediates; `protected` those that cannot be deleted.
    """

    declared: tuple[RootSection, ...]
    bundle: tuple[RootSection, ...]
    signing: RootSection
    protected: tuple[RootSection, ...]


def plan_roots(trust: TrustSection) -> RootPlan:
    """What the phase in the configuration means for each root."""
    old, new = trust.root, trust.next_root
    if new is None:
        return RootPlan(declared=(old,), bundle=(old,), signing=old, protected=(old,))
    both = (old, new)
    match trust.phase:
        case Phase.DROP_OLD:
            return RootPlan(declared=both, bundle=(new,), signing=new, protected=(new,))
        case Phase.SIGN_WITH_NEW:
            return RootPlan(declared=both, bundle=(old, new, new), signing=new, protected=both)
        case _:
            return RootPlan(declared=both, bundle=both, signing=old, protected=(old,))
