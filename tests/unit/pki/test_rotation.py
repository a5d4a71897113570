"""What each phase of a rotation means for the roots."""

from itertools import pairwise

import pytest

from mesh.config.sections.trust import RootSection, TrustSection
from mesh.config.types import Phase
from mesh.pki.rotation import STEPS, RootRole, TrustBundle, plan_roots

OLD, NEW = RootSection(), RootSection(generation=2)


def trust_section(root: RootSection, next_root: RootSection | None, phase: Phase | None) -> TrustSection:
    """The section `trust` in the middle of a rotation."""
    return TrustSection.model_validate({"root": root, "nextRoot": next_root, "phase": phase})


@pytest.mark.parametrize(
    ("phase", "bundle", "signing", "protected"),
    [
        (Phase.TRUST_BOTH, (OLD, NEW), OLD, (OLD,)),
        (Phase.SIGN_WITH_NEW, (OLD, NEW, NEW), NEW, (OLD, NEW)),
        (Phase.DROP_OLD, (NEW,), NEW, (NEW,)),
    ],
)
def test_each_phase_has_its_bundle_and_its_signing_root(
    phase: Phase, bundle: tuple[RootSection, ...], signing: RootSection, protected: tuple[RootSection, ...]
) -> None:
    """Both roots stay until the rotation is over; the last phase lets the old one be deleted."""
    result = plan_roots(trust_section(OLD, NEW, phase))
    assert result.declared == (OLD, NEW)
    assert (result.bundle, result.signing, result.protected) == (bundle, signing, protected)


def test_without_a_rotation_there_is_one_protected_root() -> None:
    """The mesh of the first day."""
    result = plan_roots(TrustSection())
    assert result.declared == result.bundle == result.protected == (OLD,)


def test_every_bundle_contains_the_one_before_or_is_contained_in_it() -> None:
    """What istiod up to 1.29 asks for, as bytes: a root is appended, and then only the new one is left."""
    texts = []
    for phase in STEPS:
        trust = trust_section(OLD, NEW if phase else None, phase)
        texts.append("".join(f"<{root.generation}>" for root in plan_roots(trust).bundle))
    for before, after in pairwise(texts):
        assert before != after
        assert before in after or after in before


CURRENT, NEXT, UNKNOWN = RootRole.CURRENT, RootRole.NEXT, RootRole.UNKNOWN


@pytest.mark.parametrize(
    ("bundle", "step"),
    [
        ((CURRENT,), 0),
        ((CURRENT, NEXT), 1),
        ((CURRENT, NEXT, NEXT), 2),
        ((NEXT,), 3),
        ((NEXT, CURRENT), None),
        ((CURRENT, UNKNOWN), None),
        ((), None),
    ],
)
def test_a_bundle_tells_the_step_that_it_belongs_to(bundle: tuple[RootRole, ...], step: int | None) -> None:
    """Another order, or another root, is none of the steps."""
    assert TrustBundle(bundle).step == step, [role.value for role in bundle]


def test_the_bundle_of_each_phase_is_the_one_that_tells_its_step() -> None:
    """What is declared, and what is read from a cluster, go by one table."""
    for number, phase in enumerate(STEPS):
        plan = plan_roots(trust_section(OLD, NEW if phase else None, phase))
        roles = tuple(CURRENT if root == OLD else NEXT for root in plan.bundle)
        assert TrustBundle(roles).step == number, phase
