"""A cluster without the Prometheus Operator is refused where it would be used."""

import pytest

from mesh.live.facts import FoundObject, FoundObjects
from mesh.preflight.definitions import ADDRESSES, problems
from tests.builders.stacks import stack_config

_ALL = FoundObjects(by_address={address: FoundObject() for address in ADDRESSES})


def test_a_cluster_with_the_operator_is_accepted() -> None:
    """It knows all kinds that are used."""
    assert list(problems(stack_config({"east": {"observability": True}}), {"east": _ALL})) == []


def test_a_kind_that_is_missing_is_named() -> None:
    """An old operator may lack one."""
    (pod_monitors, *_), *_ = (ADDRESSES.items(),)
    some = FoundObjects(by_address={a: f for a, f in _ALL.by_address.items() if a != pod_monitors[0]})
    (problem,) = problems(stack_config({"east": {}}, observability={"enabled": True}), {"east": some})
    assert problem.path == "observability.enabled"
    assert "is not in east: it does not know podmonitors;" in problem.message
    assert "python -m mesh observability" in problem.message


@pytest.mark.parametrize("where", [{"observability": True}, {"observability": {"enabled": True}}])
def test_that_it_cannot_be_looked_for_is_said(where: dict[str, object]) -> None:
    """With the reason, at the setting of the cluster."""
    found = {"east": FoundObjects(unknown="forbidden")}
    (problem,) = problems(stack_config({"east": where}), found)
    assert problem.path == "clusters.east.observability.enabled"
    assert "cannot look for the definitions of the Prometheus Operator: forbidden;" in problem.message
