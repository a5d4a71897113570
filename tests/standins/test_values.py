"""Values and property paths of the plugin protocol."""

from typing import Any

import pytest

from standins.values import (
    UNKNOWN,
    Secret,
    differences,
    from_struct,
    has_unknown,
    path_keys,
    path_to,
    plain,
    to_struct,
    top_level_key,
)


def test_values_survive_the_wire() -> None:
    """Marks, unknown values and whole numbers come back as they were."""
    values = {
        "secret": Secret({"list": [1, 2.5, UNKNOWN]}),
        "empty": {},
        "none": None,
        "truth": True,
        "text": "",
        "items": [],
    }
    read = from_struct(to_struct(values))
    assert read == values
    assert type(read["secret"].value["list"][0]) is int


def test_marks_can_be_looked_for_and_taken_off() -> None:
    """At any depth, in tables and lists."""
    value = {"a": [{"b": Secret("c")}, UNKNOWN]}
    assert has_unknown(value)
    assert plain(value) == {"a": [{"b": "c"}, UNKNOWN]}


def test_a_secret_does_not_show_its_value() -> None:
    """Error texts and logs print values."""
    assert "confidential" not in f"{Secret('confidential')!r} {Secret('confidential')}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1.0}, {}),
        ({"a": 1}, {"a": True}, {"a": "update"}),
        ({"a": Secret("x")}, {"a": "x"}, {}),
        ({"a": "x"}, {"a": UNKNOWN}, {"a": "update"}),
        ({"a": None}, {}, {}),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, {"a.b": "delete", "a.c": "add"}),
        ({"a": [1, 2]}, {"a": [1]}, {"a[1]": "delete"}),
        ({"a": [1]}, {"a": [3, 2]}, {"a[0]": "update", "a[1]": "add"}),
        ({"a": {"b": 1}}, {"a": [1]}, {"a": "update"}),
        ({"a/b": {"c.d": 1}}, {"a/b": {"c.d": 2}}, {'["a/b"]["c.d"]': "update"}),
    ],
)
def test_differences_are_named_by_their_path(old: Any, new: Any, expected: dict[str, str]) -> None:
    """The least that tells the change."""
    assert differences(old, new) == expected


@pytest.mark.parametrize(
    "keys", [("a", "b", 0, "c"), ("metadata", "labels", 'x.y/"z"'), ("l", 1, 2), ("a/b",), ("a-b", "0")]
)
def test_a_path_can_be_taken_apart_again(keys: tuple[str | int, ...]) -> None:
    """Whatever the keys are made of."""
    path = ""
    for key in keys:
        path = path_to(path, key)
    assert path_keys(path) == keys
    assert top_level_key(path) == keys[0]
