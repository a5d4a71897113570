"""What differs between two objects, in lines."""

from typing import Any

import pytest

from mesh.digest.differences import difference, without_noise


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ({"a": 1}, {"a": 1}, ()),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ("- a.b: 1", "+ a.b: 2")),
        ({}, {"a": "1"}, ('+ a: "1"',)),
        ({"a": True}, {"a": "true"}, ("- a: true", '+ a: "true"')),
        ({"a": {}}, {"a": {"x.y/z": "b"}}, ("- a: {}", '+ a["x.y/z"]: b')),
        ({"a": ["b", "c"]}, {"a": ["c"]}, ("- a[]: b",)),
        ({"a": [{"name": "x", "v": 1}]}, {"a": [{"name": "x", "v": 2}]}, ("- a[x].v: 1", "+ a[x].v: 2")),
        ({"a": [{"v": 1}]}, {"a": [{"v": 0}, {"v": 1}]}, ("+ a[].v: 0",)),
        ({"a": "one\ntwo\n"}, {"a": "one\nthree\n"}, ("- a| two", "+ a| three")),
        ({"a": "b: 1\nc: 2\n"}, {"a": "b: 1\nc: 3\n"}, ("- a.c: 2", "+ a.c: 3")),
        ({"a": '{\n"b": 1}'}, {"a": '{\n"b": 2}'}, ("- a.b: 1", "+ a.b: 2")),
    ],
)
def test_each_line_is_a_path_with_its_value(old: Any, new: Any, lines: tuple[str, ...]) -> None:
    """A text that is YAML or JSON is taken apart; an element of a list goes by its name."""
    assert difference(old, new) == lines


def test_a_named_element_that_moves_is_no_difference_in_its_value() -> None:
    """Only a list's order has changed."""
    one, other = {"name": "x", "v": 1}, {"name": "y", "v": 2}
    moved = difference({"a": [one, other]}, {"a": [other, one]})
    assert {line[2:] for line in moved if line[0] == "-"} == {line[2:] for line in moved if line[0] == "+"}


def test_a_long_line_is_cut() -> None:
    """A certificate bundle on one line says nothing to a reviewer."""
    (line,) = difference({}, {"a": "x" * 5000})
    assert len(line) < 400
    assert line.endswith("…")


def test_labels_of_the_charts_version_and_checksums_are_noise() -> None:
    """On the object and on its pods; nothing else is left out."""
    labels = {"helm.sh/chart": "gateway-1", "app.kubernetes.io/version": "1", "app": "a"}
    annotations = {"checksum/config": "123", "a": "b"}
    metadata = {"name": "x", "labels": labels, "annotations": annotations}
    manifest = {"kind": "Deployment", "metadata": metadata, "spec": {"template": {"metadata": metadata}}}
    kept = {"name": "x", "labels": {"app": "a"}, "annotations": {"a": "b"}}
    assert without_noise(manifest) == {
        "kind": "Deployment",
        "metadata": kept,
        "spec": {"template": {"metadata": kept}},
    }
    assert without_noise({"kind": "ConfigMap", "data": {"a": "b"}}) == {
        "kind": "ConfigMap",
        "data": {"a": "b"},
    }
