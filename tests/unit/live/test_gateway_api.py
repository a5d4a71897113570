"""Which definitions of the Gateway API a cluster has."""

from collections.abc import Mapping

import pytest

from mesh.config.resolved import Connection
from mesh.live import gateway_api
from mesh.live.answers import ApiError, UnreachableError
from mesh.live.facts import FoundGatewayApi, GatewayDefinition
from mesh.live.kubernetes_api import KubernetesApi
from mesh.mappings import Json

_CONNECTION = Connection(context="east", path="~/.kube/config")
_GATEWAYS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.gateway.networking.k8s.io"


def _answered(monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, Json] | Exception) -> FoundGatewayApi:
    class Api:
        def find(self, path: str) -> Json | None:
            if isinstance(answer, Exception):
                raise answer
            return answer.get(path)

    monkeypatch.setattr(KubernetesApi, "connect", lambda _: Api())
    return gateway_api.read_gateway_api(_CONNECTION)


def test_a_definition_says_who_made_it_and_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the versions, those that are served; of the fields, those of v1."""

    def version(name: str, field: str, *, served: bool = True) -> Json:
        spec = {"properties": {field: {}}}
        return {
            "name": name,
            "served": served,
            "schema": {"openAPIV3Schema": {"properties": {"spec": spec}}},
        }

    document: Json = {
        "metadata": {
            "annotations": {"gateway.networking.k8s.io/bundle-version": "v1.4.0"},
            "managedFields": [{"manager": "kubectl"}, {"manager": "kube-apiserver"}],
        },
        "spec": {
            "versions": [
                version("v1", "infrastructure"),
                version("v1beta1", "listeners"),
                version("v1alpha2", "gone", served=False),
            ]
        },
    }
    assert _answered(monkeypatch, {_GATEWAYS: document}).definitions == {
        "gateways": GatewayDefinition(
            bundle="v1.4.0",
            maker="kubectl",
            versions=("v1", "v1beta1"),
            fields=frozenset({"infrastructure"}),
        )
    }


def test_no_answer_and_an_answer_that_refuses_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is a cluster without definitions."""
    assert _answered(monkeypatch, {}) == FoundGatewayApi()
    assert _answered(monkeypatch, UnreachableError("timed out")) == FoundGatewayApi(unreachable="timed out")
    assert _answered(monkeypatch, ApiError(403, "no")) == FoundGatewayApi(refused="no")
