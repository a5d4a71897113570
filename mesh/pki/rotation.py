"""Which roots a mesh trusts and signs with in each phase of a rotation. Pure.

Istio takes a changed root only if one bundle contains the other (`pilot/pkg/bootstrap/istio_ca.go` in
istio/istio; up to 1.29 as bytes). Proxies ask for new certificates as soon as the bundle's bytes change
(`security/pkg/nodeagent/cache/secretcache.go`) and else at half of their certificate's life. That is why the
bundle changes with the signing root too: the new root stands in it a second time.
"""

from dataclasses import dataclass

from mesh.config.schema import RootSection, TrustSection
from mesh.config.types import Phase


@dataclass(frozen=True, kw_only=True)
class Roots:
    """The roots of the mesh, as they stand in the stack file, and what each is for.

    `declared` has those that exist, old before new; `bundle` those that are trusted, in the order of
    `root-cert.pem`; `signing` is the one that intermediates come from; `protected` those that cannot be
    deleted.
    """

    declared: tuple[RootSection, ...]
    bundle: tuple[RootSection, ...]
    signing: RootSection
    protected: tuple[RootSection, ...]


def roots(trust: TrustSection) -> Roots:
    """What the phase of the configuration means for each root."""
    old, new = trust.root, trust.next_root
    if new is None:
        return Roots(declared=(old,), bundle=(old,), signing=old, protected=(old,))
    both = (old, new)
    match trust.phase:
        case Phase.DROP_OLD:
            return Roots(declared=both, bundle=(new,), signing=new, protected=(new,))
        case Phase.SIGN_WITH_NEW:
            return Roots(declared=both, bundle=(old, new, new), signing=new, protected=both)
        case _:
            return Roots(declared=both, bundle=both, signing=old, protected=(old,))


STEPS: tuple[Phase | None, ...] = (None, Phase.TRUST_BOTH, Phase.SIGN_WITH_NEW, Phase.DROP_OLD)
"""The way of a rotation; before its first phase there is none."""

_BUNDLES = ("o", "on", "onn", "n")


def step(bundle: str) -> int | None:
    """The place in `STEPS` of a bundle, a letter for each certificate: `o` the old root, `n` the new one.

    None where it is none of the four.
    """
    return _BUNDLES.index(bundle) if bundle in _BUNDLES else None
