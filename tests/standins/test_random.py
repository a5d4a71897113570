"""What pulumi-random does with the resources that live in the state alone."""

import re
from collections.abc import Mapping

import pulumi
import pulumi_random as random
import pytest
from pulumi.automation import CommandError

from tests.standins.engine import Stack, is_secret


def _password(keepers: Mapping[str, str], **arguments: object) -> None:
    password = random.RandomPassword("it", keepers=keepers, **{"length": 20, **arguments})
    pulumi.export("result", password.result)


def test_a_password_has_the_characters_asked_for_and_is_secret_everywhere(stack: Stack) -> None:
    """Kinds and least numbers are kept to; output, result and hash are encrypted."""
    run = stack.up(lambda: _password({}, special=False, min_upper=3, min_numeric=2))
    text = run.outputs["result"]
    assert re.fullmatch(r"[A-Za-z0-9]{20}", text)
    assert len(re.findall("[A-Z]", text)) >= 3
    assert len(re.findall("[0-9]", text)) >= 2
    assert run.secret_outputs == {"result"}
    state = stack.resource("it")
    assert state["id"] == "none", "the ID is not encrypted, so it must not tell the password"
    assert is_secret(state["outputs"]["result"])
    assert is_secret(state["outputs"]["bcryptHash"])


def test_a_random_value_stays_until_a_keeper_changes(stack: Stack) -> None:
    """The same inputs change nothing; another keeper makes another value."""
    first = stack.up(lambda: _password({"generation": "1"}))
    assert stack.up(lambda: _password({"generation": "1"})).ops == {"it": "same"}
    preview = stack.preview(lambda: _password({"generation": "2"}))
    assert preview.ops == {"it": "replace"}
    second = stack.up(lambda: _password({"generation": "2"}))
    assert second.outputs["result"] != first.outputs["result"]


def test_a_default_that_is_written_out_changes_nothing(stack: Stack) -> None:
    """What was assumed before is not a change when it is said."""
    stack.up(lambda: _password({}))
    assert stack.preview(lambda: _password({}, special=True, min_lower=0)).ops == {"it": "same"}


def test_an_id_is_given_in_several_forms_with_its_prefix(stack: Stack) -> None:
    """All forms are of the same bytes."""

    def program() -> None:
        made = random.RandomId("it", byte_length=4, prefix="net-")
        pulumi.export("hex", made.hex)
        pulumi.export("dec", made.dec)

    outputs = stack.up(program).outputs
    assert re.fullmatch("net-[0-9a-f]{8}", outputs["hex"])
    assert int(outputs["hex"].removeprefix("net-"), 16) == int(outputs["dec"].removeprefix("net-"))


def test_a_string_is_its_own_id_and_not_secret(stack: Stack) -> None:
    """`RandomString` is for names, not for passwords."""
    stack.up(lambda: pulumi.export("result", random.RandomString("it", length=8, special=False).result))
    state = stack.resource("it")
    assert state["id"] == state["outputs"]["result"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"length": 0},
        {"length": 5, "min_upper": 3, "min_lower": 3},
        {"special": False, "upper": False, "lower": False, "numeric": False},
    ],
)
def test_a_password_that_cannot_be_is_refused_by_the_preview(
    stack: Stack, arguments: dict[str, object]
) -> None:
    """Nothing has to be made to find out."""
    with pytest.raises(CommandError, match=r"length|numeric"):
        stack.preview(lambda: _password({}, **arguments))


def test_refresh_and_destroy_need_nothing_but_the_state(stack: Stack) -> None:
    """There is nothing outside to compare with or to delete."""
    stack.up(lambda: _password({}))
    assert stack.refresh().ops == {"it": "refresh"}
    assert stack.destroy().ops == {"it": "delete"}
    assert stack.resources() == []
