"""How clusters get into each other's API servers: what the program makes of each way in."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from tests.builders.certificates import authority
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.stack_files import client
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, TOKEN, Recording, run, run_config

_SECRET = "kubernetes:core/v1:Secret"
_STACK = "organization/relay/prod"
_RELAY = kubeconfig({"relay": "https://relay.example.com"}, current="relay", user={"token": "of-the-relay"})


def _example(name: str) -> Recording:
    path = PROJECT / "examples" / f"{name}.yaml"
    write_kubeconfigs(yaml.safe_load(path.read_text(encoding="utf-8"))["config"]["istio-mesh:clusters"])
    return run(path)


def _stack(
    west: Mapping[str, Any], *, secret: bool = False, stacks: Mapping[str, Mapping[str, Any]] | None = None
) -> Recording:
    clusters: dict[str, Any] = {"east": {"context": "east"}, "west": {"context": "west", **west}}
    write_kubeconfigs(clusters)
    config = {"istio-mesh:mesh": '{"id": "dev"}', "istio-mesh:clusters": json.dumps(clusters)}
    return run_config(config, secret=["istio-mesh:clusters"] if secret else [], stacks=stacks)


def _kubeconfig(recording: Recording, link: str) -> dict[str, Any]:
    """The kubeconfig in a remote secret, which must be a secret."""
    secret = recording.one(_SECRET, f"{link}-remote-secret")
    assert "stringData" in secret.secret_inputs
    return yaml.safe_load(secret.inputs["stringData"][link.rpartition("-")[2]])


def test_a_relay_gets_a_client_certificate_beside_the_readers_token() -> None:
    """It ends TLS, and the API server behind it knows the reader by the token."""
    recording = _example("relay")
    found = _kubeconfig(recording, "cloud-sees-factory")
    user = found["users"][0]["user"]
    assert user["token"] == f"{TOKEN}factory-reader-token-g1"
    assert set(user) == {"token", "client-certificate-data", "client-key-data"}
    assert found["clusters"][0]["cluster"]["tls-server-name"] == "factory.relay.example.com"
    (key,) = client().key_pem.splitlines()[1:2]
    assert not any(key in line for line in recording.shown), "the key is in what Pulumi shows"
    assert not any(user["client-key-data"] in line for line in recording.shown)
    assert "client-key-data" not in _kubeconfig(recording, "factory-sees-cloud")["users"][0]["user"]


def test_one_direction_may_have_a_way_of_its_own() -> None:
    """The others have what is set for all; `null` takes a setting of theirs away."""
    recording = _example("per-direction")
    hub = _kubeconfig(recording, "hub-sees-factory")["clusters"][0]["cluster"]
    assert hub["server"] == "https://10.20.0.5:6443"
    assert "certificate-authority-data" in hub, "the cluster's own CA"
    cloud = _kubeconfig(recording, "cloud-sees-factory")["clusters"][0]["cluster"]
    assert cloud == {"server": "https://factory.example.com"}, "a CA that everybody knows"


def test_a_secret_that_something_else_writes_is_read_from_a_folder() -> None:
    """With the remote secrets of all others, for istiod reads the one or the other."""
    recording = _example("kubeconfig-directory")
    secrets = {r.name for r in recording.of_type(_SECRET)}
    assert "cloud-sees-factory-remote-secret" not in secrets
    assert "factory-reader-token-g1" not in secrets
    assert {"cloud-sees-edge-remote-secret", "factory-sees-cloud-remote-secret"} <= secrets
    values = recording.one("kubernetes:helm.sh/v3:Release", "cloud-istiod").inputs["values"]
    (volume,) = values["volumes"]
    (mount,) = values["volumeMounts"]
    assert values["env"]["PILOT_MULTICLUSTER_KUBECONFIG_PATH"] == mount["mountPath"]
    assert mount["name"] == volume["name"]
    assert {
        source["secret"]["name"]: source["secret"]["items"] for source in volume["projected"]["sources"]
    } == {
        "tbot-factory": [{"key": "kubeconfig.yaml", "path": "factory.yaml"}],
        "istio-remote-secret-edge": [{"key": "edge", "path": "edge.yaml"}],
    }
    assert all(source["secret"]["optional"] for source in volume["projected"]["sources"])
    factory = recording.one("kubernetes:helm.sh/v3:Release", "factory-istiod").inputs["values"]
    assert "volumes" not in factory, "it reads remote secrets"


def test_volumes_of_the_users_stay_beside_the_folder() -> None:
    """A list in values would be replaced."""
    recording = _stack({"reader": {"kubeconfig": {"secret": "tbot", "key": "k"}}})
    assert len(recording.one("kubernetes:helm.sh/v3:Release", "east-istiod").inputs["values"]["volumes"]) == 1
    clusters = {
        "east": {"context": "east", "istio": {"values": {"istiod": {"volumes": [{"name": "own"}]}}}},
        "west": {"context": "west", "reader": {"kubeconfig": {"secret": "tbot"}}},
    }
    config = {"istio-mesh:mesh": '{"id": "dev"}', "istio-mesh:clusters": json.dumps(clusters)}
    values = run_config(config).one("kubernetes:helm.sh/v3:Release", "east-istiod").inputs["values"]
    assert [volume["name"] for volume in values["volumes"]] == ["own", "remote-kubeconfigs"]


@pytest.mark.parametrize("place", ["file", "environment", "output", "map"])
def test_a_kubeconfig_is_a_secret_wherever_it_comes_from(
    place: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes into the remote secret as it is, and nothing shows it."""
    (home / "relay.yaml").write_text(_RELAY)
    monkeypatch.setenv("RELAY", _RELAY)
    stack = {"stack": _STACK, "output": "kubeconfig"}
    given: Mapping[str, Any] = {
        "file": {"file": "relay.yaml"},
        "environment": {"environment": "RELAY"},
        "output": stack,
        "map": stack,
    }[place]
    output = yaml.safe_load(_RELAY) if place == "map" else _RELAY
    recording = _stack(
        {"reader": {"kubeconfig": given}}, stacks={_STACK: {"kubeconfig": output}} if "stack" in given else {}
    )
    assert _kubeconfig(recording, "east-sees-west") == yaml.safe_load(_RELAY)
    # The engine itself reads outputs of other stacks.
    of_the_program = [line for line in recording.shown if "StackReference" not in line]
    assert not any("of-the-relay" in line for line in of_the_program)
    assert "west-reader-token-g1" not in {r.name for r in recording.of_type(_SECRET)}


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({}, f"clusters.west.reader.kubeconfig: {_STACK} has no output 'kubeconfig'; expected one with a"),
        ({"kubeconfig": "a: b"}, "the kubeconfig has no current-context"),
        (
            {
                "kubeconfig": kubeconfig(
                    {"r": "https://r.example.com"}, current="r", user={"exec": {"a": "b"}}
                )
            },
            "its user 'r' has exec: istiod does not run commands",
        ),
    ],
)
def test_an_output_that_is_no_kubeconfig_for_istiod_is_refused(
    outputs: Mapping[str, Any], message: str
) -> None:
    """It is known once the engine has read it, in a preview too."""
    west = {"reader": {"kubeconfig": {"stack": _STACK, "output": "kubeconfig"}}}
    with pytest.raises(pulumi.RunError, match=r"clusters\.west\.reader\.kubeconfig") as refused:
        _stack(west, stacks={_STACK: outputs})
    assert message in str(refused.value)


def test_a_certificate_of_a_persons_is_taken_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its end, and without a token beside it."""
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, *_: warned.append(message))
    person = authority("jane", ca=False, days=(-1, 200))
    user = {
        "client-certificate-data": _encoded(person.pem),
        "client-key-data": _encoded(person.key_pem),
    }
    text = kubeconfig({"relay": "https://relay.example.com"}, current="relay", user=user)
    recording = _stack({"reader": {"kubeconfig": text}}, secret=True)
    assert _kubeconfig(recording, "east-sees-west")["users"][0]["user"] == user
    (warning,) = [line for line in warned if "reader.kubeconfig" in line]
    assert warning.startswith("istio-mesh:clusters.west.reader.kubeconfig: peers read west as 'jane' by a")
    assert f"ends at {person.certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC" in warning


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
