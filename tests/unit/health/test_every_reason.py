"""Every reason that a finding can have comes from some facts, and is explained."""

import re

from mesh.health.finding import Reason
from tests.program.recording import PROJECT
from tests.unit.health import test_ambient as ambient
from tests.unit.health import test_revisions as revisions
from tests.unit.health.test_checks import FAULTS, NOT_READY
from tests.unit.health.test_diagnosis import EXPLANATIONS
from tests.unit.health.test_diagnosis import FAULTS as PAIR_FAULTS


def test_every_reason_is_found_by_one_of_the_tests() -> None:
    """A reason that no facts lead to would be dead."""
    pairs = {reason for _, (reason, _) in [*PAIR_FAULTS.values(), *EXPLANATIONS.values()]}
    clusters = {
        reason for _, reason, _ in [*FAULTS.values(), *ambient.FAULTS.values(), *revisions.FAULTS.values()]
    }
    before = {reason for _, reason in NOT_READY.values()}
    of_commands = {Reason.UPDATE_REFUSED, Reason.UNSEEN_CLUSTER_ANSWERS}
    assert pairs | clusters | before | of_commands == {*Reason}


def test_every_reason_is_explained_once() -> None:
    """Where findings say that the documentation has more, and nothing else is explained there."""
    page = (PROJECT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^### (\S+)$", page, flags=re.MULTILINE)) == sorted(Reason)
