"""Whatever the user marks as secret, in any section, is a secret in all that the program declares."""

import copy
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from tests.builders.kubeconfigs import kubeconfig
from tests.program.recording import Recording, run_config

CONFIG: dict[str, Any] = {
    "mesh": {"id": "marked-mesh", "trustDomain": "marked.domain.example"},
    "istio": {
        "chartRepository": "https://charts.example.com/marked-entitlement/charts",
        "values": {
            "base": {"marked": "marked-base"},
            "istiod": {"env": {"TOKEN": "marked-env", "PLAIN": "plain-env"}, "list": ["a", "marked-entry"]},
            "gateway": {"service": {"annotations": {"example.com/a": "marked-annotation"}}},
        },
    },
    "trust": {"intermediate": {"validityHours": 17519}},
    "exposure": {"hosts": ["*.local", "marked-host.example.com"]},
    "reader": {"role": "chart"},
    "helloWorld": {
        "enabled": True,
        "image": "registry.example.com/marked-image:1",
        "clientImage": "registry.example.com/marked-client:1",
    },
    "clusters": {
        "east": {
            "context": "marked-context",
            "kubeconfig": "marked-kubeconfig",
            "network": "marked-network",
            "apiServer": {
                "server": "https://marked-server.example.com",
                "proxyUrl": "http://marked-proxy.example.com",
                "tlsServerName": "marked-name.example.com",
            },
            "istio": {"values": {"istiod": {"deep": {"of": {"east": "marked-deep"}}}}},
        },
        "west": {"context": "west", "kubeconfig": "marked-kubeconfig"},
    },
}


def _secured(value: Any) -> Any:
    """The value as it is in the stack file: what is marked is encrypted."""
    if isinstance(value, dict):
        return {key: _secured(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_secured(inner) for inner in value]
    return {"secure": "v1:cipher"} if "marked" in str(value) or value == 17519 else value


def _run(config: dict[str, Any], *, preview: bool) -> Recording:
    """Run with the stack file that says which values are secrets."""
    servers = {name: f"https://{name}.example.com:6443" for name in ("marked-context", "west")}
    Path("marked-kubeconfig").write_text(kubeconfig(servers), encoding="utf-8")
    written = {f"istio-mesh:{key}": _secured(value) for key, value in config.items()}
    Path("Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": written}), encoding="utf-8")
    secret = [key for key, value in written.items() if "secure" in json.dumps(value)]
    flat = {f"istio-mesh:{key}": json.dumps(value) for key, value in config.items()}
    return run_config(flat, secret=secret, preview=preview)


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
def test_no_marked_value_is_shown(*, preview: bool) -> None:
    """Neither in inputs, nor in outputs of components and of the stack, nor in names."""
    recording = _run(CONFIG, preview=preview)
    assert len(recording.of_type("mesh:index:Cluster")) == 2, "the program has not run"
    shown = [line for line in recording.shown if "marked" in line.replace('"marked": null', "")]
    assert shown == []
    assert not any("17519" in line for line in recording.shown)


def test_only_the_marked_values_are_secret() -> None:
    """The rest of a release stays readable in a preview."""
    lines = {line.partition(" ")[0].rpartition("::")[2]: line for line in _run(CONFIG, preview=False).shown}
    values = json.loads(lines["east-istiod"].partition(" ")[2])["values"]
    assert values["env"] == {"ISTIO_MULTIROOT_MESH": "true", "TOKEN": None, "PLAIN": "plain-env"}
    assert values["list"] == ["a", None]
    assert values["global"]["multiCluster"] == {"clusterName": "east"}
    assert values["deep"] == {"of": {"east": None}}
    gateway = json.loads(lines["west-istio-eastwestgateway"].partition(" ")[2])["values"]
    assert gateway["networkGateway"] == "net-west"
    assert gateway["service"]["annotations"] == {"example.com/a": None}


def test_releases_get_the_marked_values_as_they_are() -> None:
    """A secret is a wrapper around the value, no other value."""
    recording = _run(CONFIG, preview=False)
    istiod = recording.one("kubernetes:helm.sh/v3:Release", "east-istiod").inputs
    assert istiod["values"]["env"]["TOKEN"] == "marked-env"
    assert istiod["values"]["global"]["meshID"] == "marked-mesh"
    (server,) = [
        container["image"]
        for r in recording.of_type("kubernetes:apps/v1:Deployment")
        if r.name == "east-hello-world-server-deployment"
        for container in r.inputs["spec"]["template"]["spec"]["containers"]
    ]
    assert server == "registry.example.com/marked-image:1"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (
            ("clusters", "west"),
            {"context": "west", "kubeconfig": "marked-kubeconfig", "network": "marked-own", "gateway": False},
        ),
        (("istio", "values", "istiod", "global"), {"meshID": "marked-other"}),
        (("helloWorld", "image"), "Marked image"),
        (("mesh", "id"), "Marked_id"),
    ],
)
def test_no_message_has_a_marked_value(path: tuple[str, ...], value: object) -> None:
    """Whatever is wrong with it."""
    config = copy.deepcopy(CONFIG)
    place = config
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(pulumi.RunError) as refused:
        _run(config, preview=True)
    message = str(refused.value).replace("clusters.east", "")
    assert ".".join(path) in message
    assert "marked" not in message.lower()
