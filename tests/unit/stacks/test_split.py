"""What must hold between the configurations of a split mesh's stacks."""

from typing import Any

from mesh.config.resolved import StackConfig
from mesh.stacks.split import problems, warnings
from tests.builders.stacks import stack_config


def _stack(cluster: str, *peers: str, **sections: Any) -> StackConfig:
    named = {peer: {"stack": f"organization/istio-mesh/{peer}"} for peer in peers}
    return stack_config({cluster: {}}, peers=named, **sections)


def _problems(**stacks: StackConfig) -> list[str]:
    return [f"{name}: {problem}" for name in stacks for problem in problems(name, stacks)]


def _warnings(**stacks: StackConfig) -> list[str]:
    return [f"{name}: {problem}" for name in stacks for problem in warnings(name, stacks)]


def test_stacks_that_fit_have_no_problem() -> None:
    """Each sees the other; the stack of the roots has no clusters."""
    trust = stack_config({}, trust={"shared": True})
    of = {"trust": {"stack": "organization/istio-mesh/trust"}}
    stacks = {"trust": trust, "east": _stack("east", "west", **of), "west": _stack("west", "east", **of)}
    assert _problems(**stacks) == []
    assert _warnings(**stacks) == []


def test_another_mesh_is_told_where_the_stack_refers_to_it() -> None:
    """Or at its own mesh, once, where neither refers to the other."""
    other = {"mesh": {"id": "prod"}}
    (found,) = _problems(east=_stack("east", "west"), west=_stack("west", **other))
    assert found.startswith("east: peers.west.stack: organization/istio-mesh/west has mesh.id prod")
    (found,) = _problems(east=_stack("east"), west=_stack("west", **other))
    assert found.startswith(
        "west: mesh: is the mesh prod with the trust domain cluster.local, and the stack east"
    )


def test_a_cluster_is_in_one_stack() -> None:
    """It is told once."""
    (found,) = _problems(first=_stack("east"), second=_stack("east"))
    assert found == "second: clusters.east: is in the stack first too; expected each cluster in one stack"


def test_stacks_trust_each_others_roots() -> None:
    """A rotation that one of them has not begun is at most one phase ahead."""
    rotated = {"trust": {"root": {"generation": 2}}}
    found = _problems(east=_stack("east", "west"), west=_stack("west", "east", **rotated))
    assert len(found) == 4
    assert all(": trust.phase: " in problem for problem in found)


def test_a_peer_that_its_stack_does_not_have_is_told_with_those_that_it_has() -> None:
    """The full name of the stack ends with the name that the user calls it."""
    east = stack_config({"east": {}}, peers={"wset": {"stack": "organization/istio-mesh/west"}})
    (found,) = _problems(east=east, west=_stack("west", "east"))
    assert found == (
        "east: peers.wset: the stack organization/istio-mesh/west has no cluster wset; expected one of: west"
    )


def test_clusters_that_will_not_be_seen_are_warned_of() -> None:
    """It may be on purpose, and is most often forgotten when a stack joins."""
    (found,) = _warnings(east=_stack("east", "west"), west=_stack("west"))
    assert found == (
        "west: peers: has no entry for east of the stack east, so the clusters of this stack will not see "
        "them; expected for example {east: {stack: organization/istio-mesh/east}}"
    )


def test_a_stack_whose_name_only_ends_alike_is_another() -> None:
    """`outh` is not the stack `organization/istio-mesh/south`."""
    stacks = {"east": _stack("east", "south"), "outh": _stack("north")}
    assert _problems(**stacks) == []


def test_who_says_whom_it_sees_needs_no_entry_for_others() -> None:
    """A spoke has an entry for the hub alone."""
    one = _stack("one", "hub", sees=["hub"])
    assert (
        _warnings(one=one, two=_stack("two", "hub", "one", sees=["hub"]), hub=_stack("hub", "one", "two"))
        == []
    )
