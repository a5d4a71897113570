"""The arguments of a mesh: plain values, outputs and what an SDK makes of them on the wire."""

import asyncio

import pulumi
from pulumi.output import Unknown

from mesh.package.inputs import at, known


@pulumi.runtime.test
def test_values_are_what_they_are_in_a_stack_file() -> None:
    """Whole numbers, no empty arguments, and maps in one order."""
    given = known({"b": 2.0, "a": {"d": None, "c": [1.0, 1.5, True]}, "e": None})
    assert given.values == {"a": {"c": [1, 1.5, True]}, "b": 2}
    assert [type(value) for value in (given.values["b"], *given.values["a"]["c"])] == [int, int, float, bool]
    assert list(given.values) == ["a", "b"]


@pulumi.runtime.test
def test_outputs_are_waited_for_wherever_they_are() -> None:
    """Those of outputs and of what else can be awaited, too."""

    async def later() -> str:
        await asyncio.sleep(0)
        return "later"

    inner = pulumi.Output.from_input({"c": pulumi.Output.from_input("there"), "d": [later()]})
    assert known({"a": {"b": inner}}).values == {"a": {"b": {"c": "there", "d": ["later"]}}}


@pulumi.runtime.test
def test_secrets_and_unknown_values_are_known_by_their_paths() -> None:
    """Not by those of the maps and lists that they are in."""
    given = known(
        {
            "plain": "p",
            "secret": [pulumi.Output.secret("s")],
            "unknown": {"wire": Unknown(), "output": pulumi.Output.from_input(Unknown())},
        }
    )
    assert given.values["secret"] == ["s"]
    assert given.values["unknown"] == {"wire": None, "output": None}
    assert given.secret == {("secret", 0)}
    assert given.unknown == {("unknown", "wire"), ("unknown", "output")}


@pulumi.runtime.test
def test_a_value_is_found_inside_of_outputs() -> None:
    """As one output."""
    arguments = {"clusters": pulumi.Output.from_input({"east": {"kubeconfig": "k"}})}
    assert known({"found": at(arguments, "clusters", "east", "kubeconfig")}).values == {"found": "k"}
