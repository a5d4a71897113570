"""Helm releases in a preview: charts before and after, secrets in their values, and whose pods restart."""

from typing import Any

from mesh.digest.releases import Chart, release_changes, restarts
from mesh.digest.steps import Change, read

_URN = "urn:pulumi:dev::istio-mesh::kubernetes:helm.sh/v3:Release::east-istiod"


def _release(op: str, old: Any = None, new: Any = None, differing: tuple[str, ...] = ()) -> Any:
    states = {"oldState": old, "newState": new}
    return {
        "op": op,
        "urn": _URN,
        **{
            which: {"urn": _URN, "type": "kubernetes:helm.sh/v3:Release", "custom": True, "inputs": inputs}
            for which, inputs in states.items()
            if inputs
        },
        "detailedDiff": {path: {"kind": "update"} for path in differing},
    }


def _inputs(version: str, **values: Any) -> dict[str, Any]:
    repository = {"repo": "https://charts.example.com"}
    return {
        "name": "istiod",
        "chart": "istiod",
        "version": version,
        "repositoryOpts": repository,
        "values": values,
    }


def _workload(kind: str, name: str, **labels: str) -> dict[str, Any]:
    template = {"metadata": {"labels": labels}}
    return {"kind": kind, "metadata": {"name": name}, "spec": {"template": template}}


def test_a_release_that_changes_has_its_chart_before_and_after() -> None:
    """Version, values and repository, from the inputs in the state and those that the update sets."""
    step = _release("update", _inputs("1.31.0", a=1), _inputs("1.31.1", a=2))
    (change,) = release_changes(read({"steps": [step]}))
    assert (change.name, change.change) == ("istiod", Change.CHANGED)
    assert change.old == Chart(
        repository="https://charts.example.com",
        name="istiod",
        version="1.31.0",
        release="istiod",
        values={"a": 1},
    )
    assert change.new is not None
    assert (change.new.version, change.new.values) == ("1.31.1", {"a": 2})


def test_a_release_that_comes_or_goes_has_one_chart() -> None:
    """The other is None."""
    (added,) = release_changes(read({"steps": [_release("create", new=_inputs("1.31.0"))]}))
    (deleted,) = release_changes(read({"steps": [_release("delete", old=_inputs("1.31.0"))]}))
    assert (added.old, deleted.new) == (None, None)
    assert added.new == deleted.old


def test_a_chart_of_a_registry_is_taken_apart_into_folder_and_name() -> None:
    """As a stack file has it: the program puts the chart's name behind it."""
    inputs = {**_inputs("1.31.0"), "chart": "oci://registry.example.com/charts/istiod", "repositoryOpts": {}}
    (change,) = release_changes(read({"steps": [_release("create", new=inputs)]}))
    assert change.new is not None
    assert (change.new.repository, change.new.name) == ("oci://registry.example.com/charts", "istiod")


def test_a_secret_value_that_changes_is_told_apart_from_the_one_before() -> None:
    """Neither is known, since the engine shows none; one that stays as it is looks the same."""
    values = {"env": {"TOKEN": "[secret]", "KEY": "[secret]"}, "list": ["[secret]"], "a.b": "[secret]"}
    differing = ("values.env.TOKEN", "values.list[0]", 'values["a.b"]')
    step = _release("update", _inputs("1.31.0", **values), _inputs("1.31.0", **values), differing)
    (change,) = release_changes(read({"steps": [step]}))
    assert change.old is not None
    assert change.old.values == values
    assert change.new is not None
    assert change.new.values == {
        "env": {"TOKEN": "[another secret]", "KEY": "[secret]"},
        "list": ["[another secret]"],
        "a.b": "[another secret]",
    }


def test_pods_restart_where_their_template_differs() -> None:
    """Whatever it is that differs in it, and of whatever kind the workload becomes."""
    old = [_workload("Deployment", name, version="1") for name in ("same", "other", "kind", "gone")]
    new = [
        _workload("Deployment", "same", version="1"),
        _workload("Deployment", "other", version="2"),
        _workload("DaemonSet", "kind", version="1"),
        _workload("Deployment", "added", version="1"),
    ]
    assert restarts(old, new) == ("other", "kind")
    assert restarts(old, old) == ()


def test_what_is_no_workload_restarts_nothing() -> None:
    """Nor does a workload that differs outside of its pods."""
    old = [{"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1"}}, _workload("Deployment", "b")]
    new = [{"kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "2"}}, _workload("Deployment", "b")]
    new[1]["spec"] = {**new[1]["spec"], "replicas": 2}
    assert restarts(old, new) == ()
