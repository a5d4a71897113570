"""A cluster that is offline in the stack file is not asked, even where it could answer."""

import pytest

from mesh.config.resolved import Connection
from mesh.live import istio_system, trust
from mesh.live.answers import UnreachableError
from mesh.live.kubernetes_api import KubernetesApi
from tests.builders.stacks import stack_config

_CONFIG = stack_config({"east": {}, "west": {"offline": True}})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The contexts of the clusters that were asked; none of them answers."""
    contexts: list[str] = []

    def connect(connection: Connection) -> KubernetesApi:
        contexts.append(connection.context)
        raise UnreachableError("timed out")

    monkeypatch.setattr(KubernetesApi, "connect", connect)
    return contexts


def test_an_update_does_not_ask_it(asked: list[str]) -> None:
    """It is unreachable for everything that needs every cluster."""
    found = istio_system.read_clusters(_CONFIG)
    assert asked == ["east"]
    assert {name: observed.unreachable for name, observed in found.items()} == {
        "east": "timed out",
        "west": "it is offline in the stack file",
    }


def test_the_report_on_trust_does_not_ask_it(asked: list[str]) -> None:
    """It has no part in the report, so that nothing of it differs."""
    found = trust.read_cluster_trust(_CONFIG, workloads=True)
    assert asked == ["east"]
    assert list(found) == ["east"]
