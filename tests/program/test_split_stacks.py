"""A mesh that is split over stacks, under mocks: each stack is told what the others have exported."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from tests.program.conftest import write_kubeconfigs
from tests.program.policies import fired_by, shown
from tests.program.recording import PRIVATE_KEY, PROJECT, TOKEN, Recording, Registration, run

EXAMPLES = PROJECT / "examples" / "split-stacks"
NAMES = ("east", "west")
Outputs = Mapping[str, Mapping[str, Any]]


def _full(name: str) -> str:
    return f"organization/istio-mesh/{name}"


def _config(name: str) -> dict[str, Any]:
    return yaml.safe_load((EXAMPLES / f"Pulumi.{name}.yaml").read_text(encoding="utf-8"))["config"]


def _run(
    home: Path,
    name: str,
    others: Outputs,
    config: Mapping[str, Any] | None = None,
    *,
    preview: bool = False,
) -> Recording:
    stack_file = home / f"{name}.yaml"
    stack_file.write_text(yaml.safe_dump({"config": config or _config(name)}), encoding="utf-8")
    return run(stack_file, preview=preview, stacks=others)


def _plain(value: Any) -> Any:
    """An output with its secrets unwrapped, as a stack that may read it gets it."""
    if isinstance(value, Mapping):
        if "4dabf18193072939515e22adb298388d" in value:
            return _plain(value["value"])
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _outputs(recording: Recording) -> dict[str, Any]:
    return _plain(recording.outputs)


@pytest.fixture
def kubeconfigs(home: Path) -> None:
    """A context for each of the clusters."""
    write_kubeconfigs({name: {"context": name} for name in NAMES})


@pytest.fixture
def trust(home: Path, kubeconfigs: None) -> Recording:
    """The stack with the roots, updated."""
    return _run(home, "trust", {})


@pytest.fixture
def members(home: Path, trust: Recording) -> dict[str, Recording]:
    """The stacks of the clusters, each updated twice: the first time they know nothing of each other."""
    said: dict[str, Mapping[str, Any]] = {_full("trust"): _outputs(trust), **{_full(n): {} for n in NAMES}}
    said |= {_full(name): _outputs(_run(home, name, said)) for name in NAMES}
    return {name: _run(home, name, said) for name in NAMES}


def _resources(recording: Recording) -> dict[str, Registration]:
    return {r.urn: r for r in recording.resources if r.type != "pulumi:pulumi:StackReference"}


def test_together_they_declare_what_one_stack_declares(
    home: Path, trust: Recording, members: Mapping[str, Recording]
) -> None:
    """The same resources with the same inputs, providers and parents."""
    config = {**_config("east"), "istio-mesh:trust": {}, "istio-mesh:peers": {}}
    config["istio-mesh:clusters"] = {name: {"context": name} for name in NAMES}
    whole = _resources(_run(home, "whole", {}, config))
    parts = [_resources(recording) for recording in (trust, *members.values())]
    assert {urn for part in parts for urn in part} == set(whole)
    for urn, registration in whole.items():
        (found, *others) = [part[urn] for part in parts if urn in part]
        assert not others or registration.type in ("mesh:index:Mesh", "mesh:index:RootCA"), urn
        assert found.inputs == registration.inputs, f"{urn} is declared otherwise than in one stack"
        assert (found.provider, found.parent, found.protect) == (
            registration.provider,
            registration.parent,
            registration.protect,
        )
        assert found.secret_inputs == registration.secret_inputs, f"{urn} has other secrets"


def test_no_cluster_gets_crls_until_all_stacks_state_theirs(home: Path, trust: Recording) -> None:
    """Proxies would refuse the workloads of one whose CRL they lack."""
    said: dict[str, Mapping[str, Any]] = {_full("trust"): _outputs(trust), **{_full(n): {} for n in NAMES}}
    said |= {_full(name): _outputs(_run(home, name, said)) for name in NAMES}

    def lists(name: str) -> int:
        config = _config(name)
        config["istio-mesh:trust"] = {**config["istio-mesh:trust"], "revoked": []}
        recording = _run(home, name, said, config)
        said[_full(name)] = _outputs(recording)
        cacerts = recording.one("kubernetes:core/v1:Secret", f"{name}-cacerts")
        return cacerts.inputs["stringData"]["ca-crl.pem"].count("BEGIN X509 CRL")

    assert lists("east") == 0, "west has not stated its own"
    root_and_both = 3
    assert [lists("west"), lists("east")] == [root_and_both] * 2


def test_a_link_is_empty_until_the_other_stack_has_been_updated(home: Path, trust: Recording) -> None:
    """It is declared, so that a preview shows it; with nothing in it, istiod has nothing to do."""
    said = {_full("trust"): _outputs(trust), _full("west"): {}}
    link = _run(home, "east", said).one("kubernetes:core/v1:Secret", "east-sees-west-remote-secret")
    assert link.inputs["stringData"] == {}
    assert "stringData" in link.secret_inputs


def test_what_is_shared_is_a_secret_as_a_whole(trust: Recording, members: Mapping[str, Recording]) -> None:
    """It holds the root's key and the readers' tokens; nothing else that is exported does."""
    for recording, secret in ((trust, PRIVATE_KEY), (members["east"], TOKEN)):
        outputs = dict(recording.outputs)
        shared = outputs.pop("shared")
        assert "4dabf18193072939515e22adb298388d" in shared
        assert secret in str(shared)
        assert secret not in str(outputs)


def test_only_a_stack_that_shares_its_roots_exports_them(members: Mapping[str, Recording]) -> None:
    """A cluster's stack passes the root's key on to nobody."""
    for recording in members.values():
        assert _outputs(recording)["shared"]["roots"] == {}
        assert PRIVATE_KEY not in str(recording.outputs)


def test_without_its_root_a_stack_says_what_comes_first(home: Path, kubeconfigs: None) -> None:
    """The stack of the trust has not been updated."""
    with pytest.raises(pulumi.RunError, match="has no root of generation 1; expected"):
        _run(home, "east", {_full("trust"): {}, _full("west"): {}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"istio-mesh:mesh": {"id": "other"}}, "has mesh.id dev and mesh.trustDomain cluster.local"),
    ],
)
def test_a_stack_that_does_not_fit_is_refused(
    home: Path,
    trust: Recording,
    members: Mapping[str, Recording],
    change: Mapping[str, Any],
    message: str,
) -> None:
    """What only the other stack knows is checked against it, too."""
    said = {_full("trust"): _outputs(trust), _full("west"): _outputs(members["west"])}
    with pytest.raises(pulumi.RunError, match=message):
        _run(home, "east", said, {**_config("east"), **change})


def test_no_policy_fires_on_a_split_mesh(trust: Recording, members: Mapping[str, Recording]) -> None:
    """Neither where the roots are made, nor where they are read."""
    for recording in (trust, *members.values()):
        assert list(fired_by(shown(recording))) == []


def test_a_peer_that_nobody_sees_is_not_waited_for(
    home: Path, trust: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    """No remote secret is made for it, and nothing is said of it."""
    said = {_full("trust"): _outputs(trust), _full("west"): {}}
    found = _run(home, "east", said, {**_config("east"), "istio-mesh:sees": []})
    assert [r.name for r in found.resources if "-sees-" in r.name] == []
    assert "yet, so no cluster of this stack sees it" not in caplog.text


@pytest.mark.parametrize("secret", [False, True])
def test_addresses_of_another_stacks_gateway_are_told(
    home: Path, members: dict[str, Recording], secret: bool
) -> None:
    """As it states them; in this stack's values they are secret where they are in the other one."""
    said = {
        _full("trust"): _outputs(_run(home, "trust", {})),
        **{_full(n): _outputs(members[n]) for n in NAMES},
    }
    west = said[_full("west")]["shared"]["clusters"]["west"]
    address = {"address": "198.51.100.7", "port": 31443}
    west["gatewayAddresses"] = [{**address, "secret": secret}]
    release = "kubernetes:helm.sh/v3:Release"
    istiod = _run(home, "east", said).one(release, "east-istiod")
    told = _plain(istiod.inputs["values"])["global"]["meshNetworks"]
    assert told == {"net-west": {"gateways": [address]}}
    assert ("values" in istiod.secret_inputs) is secret
    before = members["east"].one(release, "east-istiod")
    assert "meshNetworks" not in before.inputs["values"]["global"]
    assert "values" not in before.secret_inputs


@pytest.mark.parametrize("secret", [False, True])
def test_addresses_of_another_stacks_ambient_gateway_are_told(
    home: Path, kubeconfigs: None, secret: bool
) -> None:
    """As it states them, in a preview, too; they are secret here where they are there."""
    ambient = {"istio-mesh:dataPlane": "ambient"}
    address = {"address": "198.51.100.7", "port": 25008}
    west = {**_config("west"), **ambient}
    west["istio-mesh:clusters"] = {"west": {"context": "west", "gateway": {"addresses": [address]}}}
    said: dict[str, Any] = {_full("trust"): _outputs(_run(home, "trust", {})), _full("east"): {}}
    said[_full("west")] = _outputs(_run(home, "west", said, west))
    stated = said[_full("west")]["shared"]["clusters"]["west"]
    assert stated["hboneGatewayAddresses"] == [{**address, "secret": False}]
    stated["hboneGatewayAddresses"] = [{**address, "secret": secret}]
    for preview in (False, True):
        east = _run(home, "east", said, {**_config("east"), **ambient}, preview=preview)
        told = east.one(
            "kubernetes:gateway.networking.k8s.io/v1:Gateway", "east-istio-eastwestgateway-ambient-net-west"
        )
        assert told.inputs["spec"]["addresses"] == [{"type": "IPAddress", "value": "198.51.100.7"}]
        assert told.inputs["spec"]["listeners"][0]["port"] == 25008
        assert ("spec" in told.secret_inputs) is secret
