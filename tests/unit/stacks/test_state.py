"""What an exported state says, and where there is none to export."""

import stat
from pathlib import Path
from typing import Any

import pytest

from mesh.config.resolved import Connection
from mesh.kubeconfig.write import NOWHERE
from mesh.stacks.state import RecordedNamespace, StateError, export, recorded


def _resource(type_: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": type_, "urn": f"urn:pulumi:dev::istio-mesh::mesh:index:Mesh${type_}::{name}", **more}


def _state(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"deployment": {"resources": list(resources)}}


def test_namespaces_are_told_apart_by_uid_and_by_whose_they_are() -> None:
    """A patched one was there before the stack."""
    metadata = {"metadata": {"uid": "uid-1"}}
    found = recorded(
        _state(
            _resource("kubernetes:core/v1:Namespace", "east-istio-system", outputs=metadata),
            _resource("kubernetes:core/v1:NamespacePatch", "west-istio-system", inputs={}, outputs={}),
        )
    )
    assert found.namespaces == {
        "east-istio-system": RecordedNamespace(uid="uid-1"),
        "west-istio-system": RecordedNamespace(uid=None, kept=True),
    }
    assert found.kept == {"west-istio-system"}
    assert ("kubernetes:core/v1:Namespace", "east-istio-system") in found.urns


def test_clusters_are_reached_as_in_the_last_update() -> None:
    """By a path; contents of a kubeconfig are encrypted in a state."""
    by_path = {"kubeconfig": "~/.kube/config", "context": "east"}
    by_contents = {"kubeconfig": {"ciphertext": "v1:…"}, "context": "west"}
    found = recorded(
        _state(
            _resource("pulumi:providers:kubernetes", "east", inputs=by_path),
            _resource("pulumi:providers:kubernetes", "west", inputs=by_contents),
        )
    )
    assert found.connections == {"east": Connection(context="east", path="~/.kube/config")}


def test_clusters_that_were_away_are_known() -> None:
    """By a provider without a cluster, or else by the stack's outputs."""
    nowhere = {"kubeconfig": NOWHERE, "context": "west"}
    stated = {"clusters": {"east": {"network": "net-east"}, "north": {"offline": True}}}
    found = recorded(
        _state(
            _resource("pulumi:pulumi:Stack", "istio-mesh-dev", outputs=stated),
            _resource("pulumi:providers:kubernetes", "west", inputs=nowhere),
        )
    )
    assert found.away == {"west", "north"}
    assert found.connections == {}


def test_what_is_being_deleted_and_a_stack_without_a_state_have_nothing() -> None:
    """A resource that was replaced is deleted at the end of the update."""
    gone = _resource("kubernetes:core/v1:Namespace", "east-istio-system", delete=True)
    for state in (_state(gone), {"deployment": {}}, {"deployment": None}, {"version": 3}):
        assert recorded(state).urns == {}


def _cli(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    tool = folder / "pulumi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_state_is_what_the_cli_exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the stack's full name, from the project's folder."""
    _cli(tmp_path, monkeypatch, 'echo "{\\"asked\\": \\"$*\\", \\"folder\\": \\"$PWD\\"}"')
    asked = "stack export --stack organization/istio-mesh/dev --non-interactive"
    assert export("organization/istio-mesh/dev", tmp_path) == {"asked": asked, "folder": str(tmp_path)}


def test_a_state_that_cannot_be_had_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the CLI's own words."""
    _cli(tmp_path, monkeypatch, "echo 'error: no stack named dev found' >&2; exit 1")
    with pytest.raises(StateError, match="cannot export the stack dev: error: no stack named dev found"):
        export("dev", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(StateError, match="no `pulumi` on the path"):
        export("dev", tmp_path)


def test_of_a_stack_with_other_things_only_the_mesh_counts() -> None:
    """All that is below the component of its name, at any remove."""
    mesh, other = (_resource("mesh:index:Mesh", name) for name in ("mesh", "other-mesh"))
    of_both = {"kubeconfig": "~/.kube/config", "context": "admin"}
    cluster = _resource("mesh:index:Cluster", "east", parent=mesh["urn"])
    found = recorded(
        _state(
            mesh,
            other,
            _resource("pulumi:providers:kubernetes", "east", inputs=of_both, parent=mesh["urn"]),
            cluster,
            _resource("kubernetes:core/v1:Namespace", "east-istio-system", parent=cluster["urn"]),
            _resource("pulumi:providers:kubernetes", "west", inputs=of_both, parent=other["urn"]),
            _resource("pulumi:providers:kubernetes", "apps", inputs=of_both),
        ),
        "mesh",
    )
    assert found.connections.keys() == {"east"}
    assert found.namespaces.keys() == {"east-istio-system"}
    assert {resource.name for resource in found.resources} == {"mesh", "east", "east-istio-system"}
