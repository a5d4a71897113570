"""What the preflight looks for is what the program registers; a namespace of others is labelled and kept."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from mesh.config.resolved import Connection
from mesh.istio import gateway_api_manifest
from mesh.live import objects
from mesh.live.facts import FoundObject, FoundObjects, ObjectAddress
from mesh.load import load_values
from mesh.preflight import definitions, inventory
from mesh.stacks import state
from tests.builders.stack_files import decrypted, secrets
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, Recording, run_config

_EXAMPLES = sorted((PROJECT / "examples").glob("*.yaml"))
_TWO = PROJECT / "examples" / "two-clusters.yaml"
_MINIMAL = {"istio-mesh:reader": {"role": "minimal"}, "istio-mesh:istio": {"version": "1.31.1"}}
_MONITORED = {"istio-mesh:observability": {"enabled": True}, "istio-mesh:kiali": {"cluster": "east"}}
_PATCHES = ("kubernetes:apps/v1:DeploymentPatch", "kubernetes:core/v1:ServicePatch", state.NAMESPACE_PATCH)
_NOT_LISTED = (*_PATCHES, gateway_api_manifest.DEFINITION)
_NAMESPACES = ("east-istio-system", "east-hello-world-namespace")


def _flat(stack_file: Path, **sections: Any) -> dict[str, str]:
    """The configuration of an example, with its kubeconfigs written."""
    values = decrypted(stack_file) | sections
    write_kubeconfigs(values["istio-mesh:clusters"])
    return {key: json.dumps(value) for key, value in values.items()}


def _made(recording: Recording) -> set[tuple[str, str]]:
    """But for patches of what something else makes, and for the Gateway API, which may be there."""
    own = [r for r in recording.resources if r.type.startswith("kubernetes:") and not r.read]
    return {(r.type, r.name) for r in own if r.type not in _NOT_LISTED}


@pytest.mark.parametrize(
    ("stack_file", "sections"),
    [*((path, {}) for path in _EXAMPLES), (_TWO, _MINIMAL), (_TWO, _MONITORED)],
    ids=[*(path.stem for path in _EXAMPLES), "minimal reader", "monitored"],
)
def test_the_inventory_is_what_the_program_makes_in_the_clusters(
    stack_file: Path, sections: dict[str, Any]
) -> None:
    """Else something would be taken over without a word, or make an update fail half way."""
    flat = _flat(stack_file, **sections)
    secret = secrets(stack_file)
    config = load_values("istio-mesh", flat, stack="dev", is_secret=secret.__contains__).valid()
    declared = {(d.type, d.name) for own in inventory.inventory(config).values() for d in own}
    assert declared == _made(run_config(flat, secret=secret))


@pytest.fixture(autouse=True)
def operators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each cluster have the Prometheus Operator."""
    monkeypatch.setattr(definitions, "problems", lambda *_: [])


def _there(monkeypatch: pytest.MonkeyPatch, *paths: str) -> None:
    """Let the cluster east have objects that the stack did not make."""

    def find_objects(connection: Connection, addresses: Iterable[ObjectAddress]) -> FoundObjects:
        asked = set(addresses)
        assert all(ObjectAddress(path=path) in asked for path in paths)
        there = paths if connection.context == "east" else ()
        made = FoundObject(maker="kubectl-create")
        return FoundObjects(by_address={ObjectAddress(path=path): made for path in there})

    monkeypatch.setattr(objects, "find_objects", find_objects)


def _types(recording: Recording) -> dict[str, str]:
    return {r.name: r.type for r in recording.resources if "Namespace" in r.type}


def test_a_namespace_that_is_there_is_labelled_and_never_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A patch has nothing to delete but its labels; all else is made in it as ever."""
    _there(monkeypatch, "/api/v1/namespaces/istio-system", "/api/v1/namespaces/sample")
    recording = run_config(_flat(_TWO))
    types = _types(recording)
    assert {types[name] for name in _NAMESPACES} == {state.NAMESPACE_PATCH}
    assert types["west-istio-system"] == state.NAMESPACE
    patch = recording.one(state.NAMESPACE_PATCH, "east-istio-system")
    labels = {"topology.istio.io/network": "net-east"}
    assert patch.inputs["metadata"].items() >= {"name": "istio-system", "labels": labels}.items()
    assert patch.inputs["metadata"]["annotations"]["pulumi.com/patchFieldManager"] == "istio-mesh"
    assert recording.one("kubernetes:helm.sh/v3:Release", "east-istiod").inputs["namespace"] == "istio-system"


def test_a_namespace_stays_what_it_was_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the state, whether it was there before the stack; what the stack made stays the stack's."""
    resources = [
        {"type": type_, "urn": f"urn:pulumi:dev::istio-mesh::{type_}::{name}"}
        for type_, name in (
            (state.NAMESPACE_PATCH, _NAMESPACES[0]),
            (state.NAMESPACE, _NAMESPACES[1]),
            (state.NAMESPACE, "west-istio-system"),
        )
    ]
    monkeypatch.setattr(state, "export", lambda _stack, _folder: {"deployment": {"resources": resources}})
    types = _types(run_config(_flat(_TWO)))
    assert types[_NAMESPACES[0]] == state.NAMESPACE_PATCH
    assert types[_NAMESPACES[1]] == types["west-istio-system"] == state.NAMESPACE


@pytest.mark.parametrize(
    ("paths", "outlives"), [((), True), (("/api/v1/namespaces/istio-system",), False)], ids=["own", "others'"]
)
def test_no_key_is_left_in_a_namespace_of_others(
    monkeypatch: pytest.MonkeyPatch, paths: tuple[str, ...], *, outlives: bool
) -> None:
    """In the stack's own namespace `cacerts` goes with the namespace."""
    _there(monkeypatch, *paths)
    cacerts = run_config(_flat(_TWO)).one("kubernetes:core/v1:Secret", "east-cacerts")
    assert cacerts.retained is outlives


def test_an_object_of_others_is_refused_before_anything_is_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the path in the stack file, once."""
    _there(monkeypatch, "/api/v1/namespaces/istio-system/secrets/cacerts")
    with pytest.raises(pulumi.RunError, match="1 problem in the clusters; nothing was changed") as refused:
        run_config(_flat(_TWO))
    assert "istio-mesh:clusters.east: has a Secret istio-system/cacerts already" in str(refused.value)


def test_a_state_that_cannot_be_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it nothing is known to be the stack's."""

    def export(_stack: str, _folder: Path) -> dict[str, Any]:
        raise state.StateError("pulumi cannot export the stack dev")

    monkeypatch.setattr(state, "export", export)
    with pytest.raises(pulumi.RunError, match="cannot export the stack dev"):
        run_config(_flat(_TWO))
