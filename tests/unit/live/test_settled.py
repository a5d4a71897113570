"""Whether the pods of Istio's parts in a cluster are those of the last change."""

import pytest

from mesh.config.resolved import Connection
from mesh.live import settled as module
from mesh.live.settled import settled
from mesh.mappings import Json
from tests.builders.pods import AnsweringApi, ready_pod

_PODS = "/api/v1/namespaces/istio-system/pods"
_SELECTORS = (
    "app=istiod",
    "istio=eastwestgateway",
    "app=ztunnel",
    "gateway.networking.k8s.io/gateway-name=istio-eastwestgateway-ambient",
)


@pytest.mark.parametrize("selector", _SELECTORS)
def test_an_old_pod_beside_a_new_one_is_waited_for(selector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each part: one that is on its way out still serves who is connected to it."""
    assert _settled(monkeypatch, selector, _pod("a"))
    assert not _settled(monkeypatch, selector, _pod("a"), _pod("b"))


@pytest.mark.parametrize("selector", _SELECTORS)
def test_a_gateway_that_is_told_to_go_is_not_waited_for(
    selector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for its connections, for minutes. All else is gone soon."""
    going = _pod("a", deletionTimestamp="2026-01-01T00:00:00Z")
    assert _settled(monkeypatch, selector, going, _pod("b")) == (selector == "istio=eastwestgateway")


def _pod(template: str, **metadata: str) -> Json:
    labels = {"pod-template-hash": template}
    return ready_pod(f"x-{template}", generateName=f"x-{template}-", labels=labels, **metadata)


def _settled(monkeypatch: pytest.MonkeyPatch, selector: str, *pods: Json) -> bool:
    api = AnsweringApi({f"{_PODS}?{selector}": list(pods)}, {})
    monkeypatch.setattr(module.KubernetesApi, "connect", lambda _: api)
    return settled(Connection(context="east", path="unused"))
