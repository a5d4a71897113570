"""What the program declares for Prometheus, Grafana and Kiali, and that it does so where it is asked to."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pulumi
import pytest
import yaml

from mesh.config.resolved import Connection
from mesh.istio.values import GATEWAY_METRICS
from mesh.live import objects
from mesh.live.facts import FoundObject, FoundObjects, ObjectAddress
from mesh.observability.monitoring import dashboard
from mesh.observability.rules import rule_groups
from mesh.preflight.definitions import ADDRESSES
from mesh.stacks import state
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, TOKEN, Recording, run_config

_RULE = "kubernetes:monitoring.coreos.com/v1:PrometheusRule"
_KINDS = {f"kubernetes:monitoring.coreos.com/v1:{kind}" for kind in ("ServiceMonitor", "PodMonitor")}
_KIALI: dict[str, Any] = {"istio-mesh:kiali": {"cluster": "east"}}


def _config(clusters: Mapping[str, Mapping[str, Any]] | None = None, **sections: Any) -> dict[str, str]:
    """The example of two clusters, with more in their entries."""
    text = (PROJECT / "examples/two-clusters.yaml").read_text(encoding="utf-8")
    values: dict[str, Any] = {**yaml.safe_load(text)["config"], **sections}
    write_kubeconfigs(values["istio-mesh:clusters"])
    for name, more in (clusters or {}).items():
        values["istio-mesh:clusters"][name] |= more
    return {key: json.dumps(value) for key, value in values.items()}


@pytest.fixture
def operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all clusters know the kinds of the Prometheus Operator, and have nothing else."""

    def find_objects(_connection: Connection, addresses: Iterable[ObjectAddress]) -> FoundObjects:
        return FoundObjects(by_address={a: FoundObject() for a in addresses if a in ADDRESSES})

    monkeypatch.setattr(objects, "find_objects", find_objects)


def _annotations(recording: Recording, cluster: str) -> Mapping[str, str]:
    release = recording.one("kubernetes:helm.sh/v3:Release", f"{cluster}-istio-eastwestgateway")
    return release.inputs["values"].get("podAnnotations", {})


@pytest.mark.usefixtures("operator")
def test_only_the_cluster_that_is_switched_on_is_monitored() -> None:
    """By one word in its entry; with the labels that are set for all."""
    labels = {"release": "prometheus"}
    own: dict[str, Any] = {"istio-mesh:observability": {"labels": labels}}
    recording = run_config(_config({"west": {"observability": True}}, **own))
    rule = recording.one(_RULE, "west-monitoring-rules")
    assert [found.name for found in recording.of_type(_RULE)] == ["west-monitoring-rules"]
    assert rule.provider.endswith("::west")
    metadata = {"name": "istio-mesh", "namespace": "istio-system", "labels": labels}
    assert rule.inputs["metadata"].items() >= metadata.items()
    assert rule.inputs["spec"] == rule_groups({"west": 1}), (
        "what is missing is looked for in this cluster alone"
    )
    monitors = [found for found in recording.resources if found.type in _KINDS]
    assert {found.name for found in monitors} == {
        "west-monitoring-istiod",
        "west-monitoring-istio-eastwestgateway",
        "west-monitoring-istio-proxies",
    }
    assert all(found.inputs["metadata"]["labels"] == labels for found in monitors)


@pytest.mark.usefixtures("operator")
def test_the_dashboard_is_found_by_grafanas_sidecar() -> None:
    """By the label that it looks for by default, in JSON."""
    recording = run_config(_config({"west": {"observability": True}}))
    found = recording.one("kubernetes:core/v1:ConfigMap", "west-monitoring-dashboard")
    assert found.inputs["metadata"]["labels"] == {"grafana_dashboard": "1"}
    assert found.inputs["data"] == {"istio-mesh.json": dashboard()}


@pytest.mark.usefixtures("operator")
def test_only_a_monitored_gateway_counts_connections() -> None:
    """Others would restart for nothing; a user's own annotations stay."""
    values = {"podAnnotations": {"example.com/mine": "yes"}}
    istio: dict[str, Any] = {"istio-mesh:istio": {"values": {"gateway": values}}}
    recording = run_config(_config({"west": {"observability": True}}, **istio))
    assert _annotations(recording, "east") == values["podAnnotations"]
    assert _annotations(recording, "west") == {**values["podAnnotations"], **GATEWAY_METRICS}


def test_a_cluster_without_the_operator_is_refused() -> None:
    """Before anything is declared, with the setting and what is missing."""
    with pytest.raises(pulumi.RunError) as refused:
        run_config(_config({"west": {"observability": True}}))
    (line,) = [line for line in str(refused.value).splitlines() if "Operator" in line]
    assert "istio-mesh:clusters.west.observability.enabled: the Prometheus Operator is not in west" in line
    assert "podmonitors, prometheusrules, servicemonitors" in line


def test_kiali_gets_one_secret_with_all_other_clusters() -> None:
    """In its own cluster, each by its name, with a token of the account that is for Kiali alone."""
    recording = run_config(_config(**_KIALI))
    secret = recording.one(state.SECRET, "east-kiali-secret")
    assert secret.provider.endswith("::east")
    assert secret.inputs["metadata"]["name"] == "kiali-multi-cluster-secret"
    assert secret.inputs["metadata"]["namespace"] == "istio-system"
    (name,) = secret.inputs["stringData"]
    kubeconfig = yaml.safe_load(secret.inputs["stringData"][name])
    assert name == kubeconfig["current-context"] == "west"
    assert kubeconfig["users"][0]["user"] == {"token": f"{TOKEN}west-kiali-reader-token"}
    assert kubeconfig["clusters"][0]["cluster"]["server"] == "https://west.example.com:6443"
    assert "stringData" in secret.secret_inputs
    assert not any(f"{TOKEN}west-kiali" in line for line in recording.shown), "a token is in plain text"


def test_kiali_may_only_look_and_reads_no_secret() -> None:
    """In every cluster but its own, where its chart gives it an account."""
    recording = run_config(_config(**_KIALI))
    (role,) = [r for r in recording.resources if r.name.endswith("kiali-reader-cluster-role")]
    assert role.name == "west-kiali-reader-cluster-role"
    assert role.provider.endswith("::west")
    rules = role.inputs["rules"]
    written = [r for r in rules if set(r["verbs"]) - {"get", "list", "watch"}]
    assert [r["resources"] for r in written] == [["tokenreviews"]]
    core = [name for rule in rules if "" in rule["apiGroups"] for name in rule["resources"]]
    assert core, "it must read pods and services"
    assert not {"secrets", "*", "pods/exec", "pods/portforward"} & set(core)


def test_kiali_keeps_a_cluster_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the token that the state has; its account stays as it is."""
    before = run_config(_config(**_KIALI))
    resources = [
        {
            "urn": found.urn,
            "type": found.type,
            "parent": found.parent,
            "custom": ":index:" not in found.type or found.type.startswith(("tls:", "random:")),
            "provider": f"{found.provider}::id" if found.provider else "",
            "inputs": {},
            "outputs": {},
        }
        for found in before.resources
        if not found.read
    ]
    monkeypatch.setattr(state, "export", lambda *_: {"deployment": {"resources": resources}})
    recording = run_config(_config({"west": {"offline": True}}, **_KIALI))
    secret = recording.one(state.SECRET, "east-kiali-secret")
    assert f"{TOKEN}west-kiali-reader-token" in secret.inputs["stringData"]["west"]
    assert recording.one(state.SECRET, "west-kiali-reader-token").ignored == {"*"}
