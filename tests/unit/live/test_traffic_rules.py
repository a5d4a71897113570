"""DestinationRules and VirtualServices, as far as proxies of workloads go by them."""

import pytest

from mesh.config.resolved import Connection
from mesh.live import traffic_rules
from mesh.live.answers import ApiError, UnreachableError
from mesh.live.facts import TrafficRule, TrafficRules
from mesh.live.kubernetes_api import KubernetesApi
from mesh.mappings import Json

_CONNECTION = Connection(context="east", path="~/.kube/config")
_API = "/apis/networking.istio.io/v1"


def _read(monkeypatch: pytest.MonkeyPatch, answer: dict[str, list[Json]] | Exception) -> TrafficRules:
    class Api:
        def list(self, path: str) -> list[Json]:
            if isinstance(answer, Exception):
                raise answer
            return answer[path]

    monkeypatch.setattr(KubernetesApi, "connect", lambda _: Api())
    return traffic_rules.read_traffic_rules(_CONNECTION)


def _object(name: str, **spec: object) -> Json:
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": spec}


def test_rules_have_their_hosts_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one order; a VirtualService of gateways alone, and one without hosts, is not for workloads."""
    found = _read(
        monkeypatch,
        {
            f"{_API}/destinationrules": [_object("b", host="*.local"), _object("a", host="cart")],
            f"{_API}/virtualservices": [
                _object("both", hosts=["cart", "pay"], gateways=["mesh", "edge"]),
                _object("default", hosts=["cart"]),
                _object("delegate"),
                _object("edge", hosts=["cart"], gateways=["istio-system/edge"]),
            ],
        },
    )
    assert found == TrafficRules(
        rules=(
            TrafficRule(kind="DestinationRule", namespace="shop", name="a", hosts=("cart",)),
            TrafficRule(kind="DestinationRule", namespace="shop", name="b", hosts=("*.local",)),
            TrafficRule(kind="VirtualService", namespace="shop", name="both", hosts=("cart", "pay")),
            TrafficRule(kind="VirtualService", namespace="shop", name="default", hosts=("cart",)),
            TrafficRule(kind="VirtualService", namespace="shop", name="delegate", hosts=()),
        )
    )


def test_no_answer_and_an_answer_that_refuses_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the one may pass by itself."""
    assert _read(monkeypatch, UnreachableError("timed out")) == TrafficRules(unreachable="timed out")
    assert _read(monkeypatch, ApiError(403, "no")) == TrafficRules(refused="no")
