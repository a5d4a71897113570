"""Services by their labels."""

import pytest

from mesh.config.resolved import Connection
from mesh.live import services
from mesh.live.answers import ApiError, UnreachableError
from mesh.live.facts import LabelledServices
from mesh.live.kubernetes_api import KubernetesApi
from mesh.mappings import Json

_CONNECTION = Connection(context="east", path="~/.kube/config")


def _answered(monkeypatch: pytest.MonkeyPatch, answer: list[Json] | Exception) -> LabelledServices:
    class Api:
        def list(self, path: str, *, labelSelector: str) -> list[Json]:  # noqa: N803 - the API's name
            assert (path, labelSelector) == ("/api/v1/services", "a/b=c,d=e")
            if isinstance(answer, Exception):
                raise answer
            return answer

    monkeypatch.setattr(KubernetesApi, "connect", lambda _: Api())
    return services.read_labelled(_CONNECTION, {"a/b": "c", "d": "e"})


def test_services_are_found_in_all_namespaces_in_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a preview shows no difference where there is none."""
    found: list[Json] = [
        {"metadata": {"name": name, "namespace": namespace}}
        for name, namespace in (("pay", "b"), ("cart", "a"))
    ]
    assert _answered(monkeypatch, found).names == (("cart", "a"), ("pay", "b"))


def test_no_answer_and_an_answer_that_refuses_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the one may pass by itself."""
    assert _answered(monkeypatch, UnreachableError("timed out")) == LabelledServices(unreachable="timed out")
    assert _answered(monkeypatch, ApiError(403, "no")) == LabelledServices(refused="no")
