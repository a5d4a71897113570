"""Whether two stacks can be parts of one mesh."""

from typing import Any

import pytest

from mesh.config.resolved import StackConfig
from mesh.stacks.contract import facts, problems
from tests.unit.builders import stack_config

PHASES = ("none", "trust-both", "sign-with-new", "drop-old", "over")


def stack(phase: str = "none") -> StackConfig:
    """A stack with east, beside another with west: before a rotation, in one of its phases, or after it."""
    if phase == "over":
        trust: dict[str, Any] = {"root": {"generation": 2}}
    else:
        trust = {} if phase == "none" else {"nextRoot": {"generation": 2}, "phase": phase}
    return stack_config({"east": {}}, trust=trust, peers={"west": {"stack": "o/p/west"}})


def said(phase: str = "none") -> dict[str, Any]:
    """What the other stack says in that phase; numbers arrive as floats."""
    there = facts(stack(phase))
    trusted = [float(number) for number in there["trust"]["trusted"]]
    trust = {"signing": float(there["trust"]["signing"]), "trusted": trusted}
    return {**there, "trust": trust, "roots": {}, "clusters": {"west": {"network": "net-west"}}}


@pytest.mark.parametrize("ours", PHASES)
@pytest.mark.parametrize("theirs", PHASES)
def test_two_stacks_are_at_most_a_phase_apart(ours: str, theirs: str) -> None:
    """Further apart, one would sign with a root that the other does not trust."""
    place = {"none": 0, "trust-both": 1, "sign-with-new": 2, "drop-old": 3, "over": 3}
    found = [str(problem) for problem in problems(stack(ours), "o/p/west", said(theirs))]
    assert bool(found) is (abs(place[ours] - place[theirs]) > 1), found
    assert all(line.startswith("trust.phase: ") and "at one phase" in line for line in found)


def test_the_stack_of_the_trust_may_be_ahead() -> None:
    """It makes roots; which of them a cluster trusts is said in the cluster's own stack."""
    config = stack_config({"east": {}}, trust={"stack": "o/p/trust"})
    assert list(problems(config, "o/p/trust", {**said("drop-old"), "clusters": {}})) == []


def test_another_mesh_is_refused() -> None:
    """Same root or not, identities would differ."""
    (problem,) = problems(
        stack(), "o/p/west", {**said(), "mesh": {"id": "other", "trustDomain": "x.example"}}
    )
    assert problem.path == "peers.west.stack"
    assert "expected the same mesh.id and mesh.trustDomain in both" in problem.message


def test_a_network_has_one_cluster_in_all_stacks() -> None:
    """Istio would look for the other's pods in the same network."""
    there = {**said(), "clusters": {"west": {"network": "net-east"}, "stranger": {"network": "net-east"}}}
    (problem,) = problems(stack(), "o/p/west", there)
    assert problem.path == "clusters.east.network"
