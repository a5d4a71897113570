"""A cluster that is away is declared from the state: all that it has, as it is, and nothing else."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from mesh.stacks import state
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, TOKEN, Recording, Registration, as_recorded, run_config

_THREE = PROJECT / "examples" / "three-clusters.yaml"


def _config(away: str = "", sections: Mapping[str, Any] | None = None) -> dict[str, str]:
    values: dict[str, Any] = yaml.safe_load(_THREE.read_text(encoding="utf-8"))["config"]
    values |= sections or {}
    clusters = values["istio-mesh:clusters"]
    write_kubeconfigs(clusters)
    if away:
        clusters[away] = {"context": "gone", "kubeconfig": "/gone", "offline": True}
    return {key: json.dumps(value) for key, value in values.items()}


def _of(recording: Recording, cluster: str) -> dict[str, Registration]:
    """What is a cluster's by its name, but for what is only read."""
    return {
        found.urn: found
        for found in recording.resources
        if found.name.startswith((cluster, f"{cluster}-")) and not found.read
    }


@pytest.fixture
def names() -> list[str]:
    """The clusters of the example; the last of them goes away."""
    return list(json.loads(_config()["istio-mesh:clusters"]))


def _recorded(monkeypatch: pytest.MonkeyPatch, recording: Recording) -> None:
    resources = [as_recorded(found) for found in recording.resources]
    monkeypatch.setattr(state, "export", lambda *_: {"deployment": {"resources": resources}})


def test_a_cluster_that_is_away_is_declared_as_it_is(
    monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    """With all its inputs from the state; its entry may have changed, and its kubeconfig be gone."""
    before = run_config(_config())
    _recorded(monkeypatch, before)
    west = names[-1]
    recording = run_config(_config(west, {"istio-mesh:reader": {"tokenGenerations": [1, 2]}}))
    kept = _of(recording, west)
    assert kept.keys() == _of(before, west).keys()
    assert {found.ignored for found in kept.values()} == {frozenset({"*"})}
    links = [found for found in recording.resources if f"-sees-{west}" in found.name]
    assert len(links) == len(names) - 1
    assert {found.ignored for found in links} == {frozenset({"*"})}
    assert recording.outputs["clusters"][west]["gatewayAddresses"] == ["203.0.113.9"]
    assert recording.one(state.SECRET, f"{names[0]}-reader-token-g2")


def test_a_cluster_that_has_never_been_there_is_not_declared(
    monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    """Nor a remote secret for it: both wait."""
    west = names[-1]
    _recorded(monkeypatch, Recording())
    recording = run_config(_config(west))
    assert not [found.name for found in recording.resources if west in found.name]


def test_other_stacks_still_get_the_kubeconfig_of_a_cluster_that_is_away(
    monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    """With the token that it has; its own context must still say how peers reach it."""
    shared = {"istio-mesh:trust": {"shared": True}, "istio-mesh:reader": {"tokenGenerations": [2]}}
    _recorded(monkeypatch, run_config(_config(sections=shared)))
    west = names[-1]
    config = _config(sections={**shared, "istio-mesh:reader": {"tokenGenerations": [2, 3]}})
    clusters = json.loads(config["istio-mesh:clusters"])
    clusters[west]["offline"] = True
    recording = run_config({**config, "istio-mesh:clusters": json.dumps(clusters)})
    stated = recording.outputs["shared"]["value"]["clusters"]
    assert f"{TOKEN}{west}-reader-token-g2" in stated[west]["kubeconfig"]
    assert f"{TOKEN}{names[0]}-reader-token-g3" in stated[names[0]]["kubeconfig"]
