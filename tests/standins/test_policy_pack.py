"""Pulumi's engine runs the policy pack by the language host: over a state, each policy can stop it."""

import copy
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from policy.rules import POLICIES
from tests.standins.engine import Installation

PROJECT = Path(__file__).parents[2]
PACK = PROJECT / "policy"
_STATE = PROJECT / "tests/e2e/states/before-rotation.json"
_PASSPHRASE = "taken over"
_URN = "urn:pulumi:mesh::istio-mesh::pulumi:providers:kubernetes::default_4_34_2"


@pytest.fixture(scope="module")
def pack() -> Path:
    """The pack with its environment."""
    made = subprocess.run(["make", "policy"], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return PACK


@pytest.fixture
def state() -> dict[str, Any]:
    """The state of a mesh of two clusters, as the CLI exports it; its secrets are encrypted."""
    return copy.deepcopy(json.loads(_STATE.read_text(encoding="utf-8")))


def _analyze(
    installation: Installation,
    pack: Path,
    folder: Path,
    state: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
    *,
    passphrase: str = _PASSPHRASE,
) -> tuple[int, set[tuple[str, str, str]], str]:
    """Exit code, what has fired (level, policy, logical name), and all that was printed."""
    (folder / "state.json").write_text(json.dumps(state), encoding="utf-8")
    (folder / "settings.json").write_text(json.dumps(settings or {}), encoding="utf-8")
    variables = {**installation.variables, "PULUMI_CONFIG_PASSPHRASE": passphrase}
    done = Installation(bin_dir=installation.bin_dir, variables=variables).run(
        *("policy", "analyze", "--json", "--file", "state.json", "--policy-pack", str(pack)),
        *("--policy-pack-config", "settings.json"),
        folder=folder,
    )
    fired = {
        (event["enforcementLevel"], event["policyName"], event.get("resourceUrn", "").rpartition("::")[2])
        for event in _violations(done.stdout)
    }
    return done.returncode, fired, done.stdout + done.stderr


def _violations(output: str) -> Iterator[Mapping[str, Any]]:
    events = (json.loads(line) for line in output.splitlines())
    return (event["policyEvent"] for event in events if "policyEvent" in event)


def _resource(state: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The one resource of that logical name that is no component."""
    resources = state["deployment"]["resources"]
    (found,) = (r for r in resources if r["custom"] and r["urn"].rpartition("::")[2] == name)
    return found


def _break_everything(state: Mapping[str, Any]) -> set[tuple[str, str, str]]:
    """Break each policy at one resource; give what must fire."""
    _resource(state, "mesh-root-g1-certificate")["protect"] = False
    _resource(state, "west-intermediate-g1-key")["inputs"]["ecdsaCurve"] = "P224"
    _resource(state, "east-istiod")["inputs"]["values"]["env"]["TOKEN"] = "ghp_" + "x1" * 20
    resources = state["deployment"]["resources"]
    default = {
        **next(r for r in resources if r["type"] == "pulumi:providers:kubernetes"),
        "urn": _URN,
        "id": "1",
        "parent": resources[0]["urn"],
    }
    resources.insert(1, default)
    _resource(state, "west-cross-network-gateway")["provider"] = f"{_URN}::1"
    _resource(state, "west-istiod")["outputs"]["values"]["global"]["multiCluster"]["clusterName"] = "east"
    _resource(state, "west-istio-base")["inputs"]["version"] = "~1.31"
    _resource(state, "east-cross-network-gateway")["inputs"]["spec"]["servers"][0]["hosts"] = ["*"]
    service = _resource(state, "east-east-west-gateway-service")
    service["outputs"]["status"] = {"loadBalancer": {"ingress": [{"ip": "8.8.4.4"}]}}
    return {
        ("mandatory", "root-ca-stays", "mesh-root-g1-certificate"),
        ("mandatory", "strong-keys", "west-intermediate-g1-key"),
        ("mandatory", "no-plain-secret", "east-istiod"),
        ("mandatory", "no-default-provider", "west-cross-network-gateway"),
        ("mandatory", "names-agree", "west-istiod"),
        ("mandatory", "charts-pinned", "west-istio-base"),
        ("mandatory", "gateways-expose", "east-cross-network-gateway"),
        ("advisory", "source-ranges", "east-istio-eastwestgateway"),
    }


@pytest.mark.parametrize("passphrase", [_PASSPHRASE, "another"], ids=["decrypted", "encrypted"])
def test_a_mesh_of_this_program_breaks_no_policy(
    installation: Installation, pack: Path, tmp_path: Path, state: dict[str, Any], passphrase: str
) -> None:
    """Whether or not the engine can decrypt the secrets; none of them counts as plain, or is shown."""
    code, fired, printed = _analyze(installation, pack, tmp_path, state, passphrase=passphrase)
    assert (code, fired) == (0, set()), printed
    assert ("could not decrypt" in printed) == (passphrase != _PASSPHRASE)
    assert "PRIVATE KEY" not in printed


def test_each_policy_fires_on_a_state_that_breaks_it(
    installation: Installation, pack: Path, tmp_path: Path, state: dict[str, Any]
) -> None:
    """At the resource that breaks it, and nowhere else."""
    expected = _break_everything(state)
    assert {policy for _, policy, _ in expected} == {policy.name for policy in POLICIES}
    code, fired, printed = _analyze(installation, pack, tmp_path, state)
    assert fired == expected, printed
    assert code != 0
    assert "x1x1" not in printed, "the plain token is repeated"


def test_policies_are_switched_by_their_configuration(
    installation: Installation, pack: Path, tmp_path: Path, state: dict[str, Any]
) -> None:
    """Off, advisory, mandatory, and by settings of their own; as docs/policies.md says."""
    _break_everything(state)
    settings = {
        "all": "disabled",
        "root-ca-stays": {"mayGo": [1], "enforcementLevel": "mandatory"},
        "gateways-expose": {"hosts": ["*"], "enforcementLevel": "mandatory"},
        "strong-keys": "advisory",
        "source-ranges": "mandatory",
    }
    code, fired, printed = _analyze(installation, pack, tmp_path, state, settings)
    assert fired == {
        ("advisory", "strong-keys", "west-intermediate-g1-key"),
        ("mandatory", "source-ranges", "east-istio-eastwestgateway"),
    }, printed
    assert code != 0


def test_a_root_that_nobody_agreed_on_is_refused(
    installation: Installation, pack: Path, tmp_path: Path, state: dict[str, Any]
) -> None:
    """By its fingerprint in the configuration of the policy."""
    settings = {"root-ca-stays": {"fingerprints": ["AA:BB"]}}
    code, fired, _ = _analyze(installation, pack, tmp_path, state, settings)
    assert (code != 0, fired) == (True, {("mandatory", "root-ca-stays", "mesh")})
