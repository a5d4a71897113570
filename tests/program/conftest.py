"""Kubeconfigs for the program under mocks: made up, in a home folder of the test's own."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mesh.config.resolved import Connection, StackConfig
from mesh.helm import plugin
from mesh.istio import gateway_api_manifest
from mesh.live import gateway_api as live_gateway_api
from mesh.live import gateways, istio_system, objects, peers, services, traffic_rules
from mesh.live.facts import (
    FoundGatewayApi,
    FoundObjects,
    LabelledServices,
    ObjectAddress,
    ObservedCluster,
    TrafficRules,
)
from mesh.stacks import state
from tests.builders.kubeconfigs import kubeconfig


def write_kubeconfigs(clusters: Mapping[str, Mapping[str, Any]]) -> None:
    """Write every kubeconfig that the clusters of a stack file name, with their contexts in it."""
    files: dict[str, dict[str, str]] = {}
    for name, cluster in clusters.items():
        path = cluster.get("kubeconfig", "~/.kube/config")
        files.setdefault(path, {})[cluster["context"]] = f"https://{name}.example.com:6443"
    for path, servers in files.items():
        target = Path(path).expanduser()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(kubeconfig(servers), encoding="utf-8")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the user's home and as the working folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def clusters_with_nothing_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program reads from the clusters beforehand: they are new."""

    def read_clusters(config: StackConfig) -> dict[str, ObservedCluster]:
        return {name: ObservedCluster() for name in config.clusters}

    def find_objects(_connection: Connection, _addresses: Iterable[ObjectAddress]) -> FoundObjects:
        return FoundObjects()

    monkeypatch.setattr(istio_system, "read_clusters", read_clusters)
    monkeypatch.setattr(peers, "read_peer_access", lambda *_: {})
    monkeypatch.setattr(objects, "find_objects", find_objects)
    monkeypatch.setattr(services, "read_labelled", lambda *_: LabelledServices())
    monkeypatch.setattr(gateways, "read_nodes_of", lambda _connection: None)
    monkeypatch.setattr(traffic_rules, "read_traffic_rules", lambda _connection: TrafficRules())
    monkeypatch.setattr(live_gateway_api, "read_gateway_api", lambda _connection: FoundGatewayApi())


@pytest.fixture(autouse=True)
def manifest_of_the_gateway_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of its definitions, from wherever: no test here depends on the network."""
    definitions = [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{kind}.gateway.networking.k8s.io"},
            "spec": {"group": "gateway.networking.k8s.io"},
        }
        for kind in ("gatewayclasses", "gateways")
    ]
    monkeypatch.setattr(gateway_api_manifest, "read_manifest", lambda _place: definitions)


@pytest.fixture(autouse=True)
def no_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that renders charts: no test here depends on what is installed, or on the network."""
    monkeypatch.setattr(plugin, "find", lambda: None)


@pytest.fixture(autouse=True)
def stack_without_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the CLI says of the stack."""

    def export(stack: str, _folder: Path) -> dict[str, Any]:
        assert stack == "organization/istio-mesh/dev"
        return {}

    monkeypatch.setattr(state, "export", export)
