"""The waves of a rollout: names of clusters, each once."""

from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from mesh.rollout import waves
from tests.builders.stacks import stack_config

_CLUSTERS = {"canary": {}, "eu": {}, "us": {}}


def _problems(*wave_names: list[str], **sections: Any) -> list[str]:
    try:
        stack_config(_CLUSTERS, rollout={"waves": list(wave_names)}, **sections)
    except ConfigurationError as wrong:
        return [str(problem) for problem in wrong.problems]
    return []


def test_waves_name_clusters_of_the_stack() -> None:
    """Another name may be a typo, after which a cluster would go with the last wave in silence."""
    assert _problems(["canary"], ["eu", "us"]) == []
    assert _problems(["canary"], ["ue"]) == [
        "rollout.waves.1: there is no cluster 'ue'; expected some of: canary, eu, us"
    ]


def test_a_cluster_of_another_stack_has_its_wave_there() -> None:
    """It is not updated here."""
    peers = {"asia": {"stack": "organization/istio-mesh/asia"}}
    assert _problems(["asia"], ["eu"], peers=peers) == [
        "rollout.waves.0: asia is a cluster of organization/istio-mesh/asia; expected it in the waves there"
    ]


@pytest.mark.parametrize(("first", "second", "where"), [(["eu"], ["us", "eu"], 1), (["eu", "eu"], ["us"], 0)])
def test_a_cluster_is_in_one_wave(first: list[str], second: list[str], where: int) -> None:
    """Twice in one wave is a mistake, too."""
    assert _problems(first, second) == [
        f"rollout.waves.{where}: eu is in rollout.waves.0 already; expected each cluster once"
    ]


def test_a_wave_is_not_empty() -> None:
    """It would be a pause of no length."""
    (problem,) = _problems([], ["eu"])
    assert problem.startswith("rollout.waves.0: expected at least one entry")


def test_clusters_in_no_wave_go_with_the_last_one() -> None:
    """And those that are offline with none."""
    config = stack_config(
        {**_CLUSTERS, "new": {}, "away": {"offline": True}}, rollout={"waves": [["canary"], ["eu", "away"]]}
    )
    assert [wave.clusters for wave in waves(config)] == [("canary",), ("eu", "us", "new")]


def test_without_waves_all_clusters_are_one() -> None:
    """As `pulumi up` updates them."""
    assert [wave.clusters for wave in waves(stack_config(_CLUSTERS))] == [("canary", "eu", "us")]
