"""Whether the pods of Istio's parts in a cluster are those of the last change."""

import pytest

from mesh.config.resolved import Connection
from mesh.live import settled as module
from mesh.live.settled import settled
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

    def found(*hashes: str) -> bool:
        pods = [ready_pod(f"x-{n}", generateName=f"x-{n}-", labels={"pod-template-hash": n}) for n in hashes]
        api = AnsweringApi({f"{_PODS}?{selector}": pods}, {})
        monkeypatch.setattr(module.KubernetesApi, "connect", lambda _: api)
        return settled(Connection(context="east", path="unused"))

    assert found("a")
    assert not found("a", "b")
