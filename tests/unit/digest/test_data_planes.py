"""What a change of ambient clusters endangers, in words."""

from typing import Any

import pytest
import yaml

from mesh.digest.data_planes import without_network
from mesh.digest.releases import ReleaseChange, RenderedChange
from mesh.digest.steps import Change, Step

_RELEASE = "kubernetes:helm.sh/v3:Release"
_GATEWAY = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
_LABELLED = {"servicesSelector": {"matchLabels": {"a": "b"}}, "scope": "GLOBAL"}
_ALL = {"scope": "GLOBAL"}


def _step(name: str, kind: str, change: Change, cluster: str | None = "east") -> Step:
    return Step(urn=f"urn::{name}", change=change, cluster=cluster, old={"type": kind, "custom": True})


def _messages(*steps: Step) -> list[str]:
    return [danger.message for danger in without_network(steps, ())]


def _manifests(scopes: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    mesh = {} if scopes is None else {"serviceScopeConfigs": scopes}
    return [{"kind": "ConfigMap", "metadata": {"name": "istio"}, "data": {"mesh": yaml.safe_dump(mesh)}}]


def _scopes(old: list[dict[str, Any]] | None, new: list[dict[str, Any]] | None) -> list[str]:
    change = ReleaseChange(cluster="east", name="istiod", change=Change.CHANGED, old=None, new=None)
    rendered = RenderedChange(old=_manifests(old), new=_manifests(new))
    return [danger.message for danger in without_network((), [(change, rendered)])]


@pytest.mark.parametrize("change", [Change.DELETED, Change.REPLACED])
def test_ztunnel_that_goes_is_told_with_what_pods_would_lose(change: Change) -> None:
    """Deleted, or made again."""
    (message,) = _messages(_step("east-ztunnel", _RELEASE, change))
    assert message.startswith("ztunnel goes in east: pods that are still ambient then would have no network")


def test_an_ambient_gateway_that_goes_is_told() -> None:
    """Nobody else comes in."""
    (message,) = _messages(_step("east-istio-eastwestgateway-ambient", _GATEWAY, Change.DELETED))
    assert message.startswith("the gateway for ambient workloads goes in east")


@pytest.mark.parametrize(
    "step",
    [
        _step("east-ztunnel", _RELEASE, Change.CHANGED),
        _step("east-ztunnel", _RELEASE, Change.ADDED),
        _step("east-istiod", _RELEASE, Change.DELETED),
        _step("east-istio-eastwestgateway-ambient-net-west", _GATEWAY, Change.DELETED),
        _step("ztunnel", _RELEASE, Change.DELETED, cluster=None),
    ],
)
def test_what_takes_no_network_away_is_none_of_it(step: Step) -> None:
    """An upgrade, one that comes, and other resources."""
    assert _messages(step) == []


def test_services_that_become_global_or_no_longer_are_told_by_the_entry() -> None:
    """With what happens to calls."""
    assert _scopes([_LABELLED], [_LABELLED]) == []
    (more,) = _scopes([_LABELLED], [_LABELLED, _ALL])
    assert more.startswith('more services of east become global, those of `{"scope": "GLOBAL"}`')
    (less,) = _scopes([_LABELLED, _ALL], [_LABELLED])
    assert less.startswith('services of east are no longer global by `{"scope": "GLOBAL"}`')


@pytest.mark.parametrize(("old", "new"), [(None, [_ALL]), ([_ALL], None), ([], [{"scope": "LOCAL"}])])
def test_entries_that_change_nothing_are_not_told(
    old: list[dict[str, Any]] | None, new: list[dict[str, Any]] | None
) -> None:
    """Without ambient they say nothing, and LOCAL takes nothing away."""
    assert _scopes(old, new) == []
