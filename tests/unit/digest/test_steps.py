"""The steps of previews that the real engine gave, and of replacements, which have several."""

from collections import Counter
from typing import Any

import pytest

from mesh.digest.steps import Change, errors, read, warnings
from tests.builders.previews import document, preview

_SECRET = "urn:pulumi:dev::istio-mesh::kubernetes:core/v1:Secret::a"


def _step(op: str, *states: str) -> dict[str, Any]:
    state = {"urn": _SECRET, "type": "kubernetes:core/v1:Secret", "custom": True}
    return {"op": op, "urn": _SECRET, **{which: {**state, "inputs": {"of": which}} for which in states}}


@pytest.mark.parametrize(
    ("name", "added", "deleted"),
    [("new", {"south"}, set()), ("removed", set(), {"west"}), ("root", set(), set())],
)
def test_clusters_that_come_and_go_are_known(name: str, added: set[str], deleted: set[str]) -> None:
    """By their components; the names are in alphabetical order."""
    found = preview(name)
    assert (found.added, found.deleted) == (added, deleted)
    assert list(found.clusters) == sorted({"east", "west"} | added)


def test_every_change_belongs_to_its_cluster() -> None:
    """A remote secret to the cluster that it is in; the root CA to none."""
    of_new = Counter(step.cluster for step in preview("new").changes)
    assert of_new == {"south": 20, "east": 1, "west": 1}
    assert {step.name: step.cluster for step in preview("root").changes} == {
        "mesh-root-g2-certificate": None,
        "mesh-root-g2-key": None,
        "mesh-root-g2-serial": None,
        "east-cacerts": "east",
        "west-cacerts": "west",
    }


def test_components_and_what_is_only_read_are_no_changes() -> None:
    """Pulumi counts them; nothing happens to them."""
    operations = Counter(step["op"] for step in document("removed")["steps"])
    assert operations["discard"] == 1
    changes = preview("removed").changes
    assert {step.change for step in changes} == {Change.DELETED}
    assert not [step.name for step in changes if step.type.startswith("mesh:index:")]
    assert len(changes) < operations["delete"]


@pytest.mark.parametrize(
    "steps",
    [
        [_step("replace", "oldState", "newState")],
        [_step("create-replacement", "oldState", "newState"), _step("replace", "oldState", "newState")],
        [_step("delete-replaced", "oldState"), _step("create-replacement", "oldState", "newState")],
        [_step("delete", "oldState"), _step("same", "oldState", "newState")],
    ],
    ids=["one step", "made first", "deleted first", "left over"],
)
def test_a_replacement_is_one_step(steps: list[dict[str, Any]]) -> None:
    """However many the engine makes of it; it has both states."""
    (found,) = read({"steps": steps}).steps
    assert found.change is Change.REPLACED
    assert (found.old_inputs, found.new_inputs) == ({"of": "oldState"}, {"of": "newState"})


def test_a_secret_that_changes_is_told_apart_from_the_one_before() -> None:
    """Also where the engine makes a secret of all that is around it: the containers of a pod."""
    steps = {step.name: step for step in preview("secret").changes}
    deployment = steps["east-hello-world-server-deployment"]
    assert deployment.old_inputs["spec"]["template"]["spec"]["containers"] == "[secret]"
    assert deployment.new_inputs["spec"]["template"]["spec"]["containers"] == "[another secret]"
    assert steps["east-istiod"].new_inputs["values"]["env"]["MY_TOKEN"] == "[another secret]"


def test_a_secret_where_there_was_none_is_no_other_secret() -> None:
    """It is seen that one comes, as with any value."""
    step = _step("update", "oldState", "newState")
    step["newState"]["inputs"] = {"of": "[secret]"}
    step["detailedDiff"] = {"of": {"kind": "update"}}
    (found,) = read({"steps": [step]}).steps
    assert found.new_inputs == {"of": "[secret]"}


def test_messages_are_told_once() -> None:
    """Without the prefix that Pulumi puts before them."""
    messages = [("error", "error: a\n"), ("warning", "warning: b"), ("warning", "warning: b"), ("info", "c")]
    given = {"diagnostics": [{"severity": severity, "message": text} for severity, text in messages]}
    assert errors(given) == ("a",)
    assert warnings(given) == ("b",)
    assert errors({}) == ()
