"""Whether two stacks can be parts of one mesh."""

from typing import Any

import pytest

from mesh.config.resolved import StackConfig
from mesh.stacks import contract
from mesh.stacks.contract import Contract, gateway, identity, parse, problems
from tests.builders.stacks import stack_config

PHASES = ("none", "trust-both", "sign-with-new", "drop-old", "over")


def stack(phase: str = "none") -> StackConfig:
    """A stack with east, beside another with west: before a rotation, in one of its phases, or after it."""
    if phase == "over":
        trust: dict[str, Any] = {"root": {"generation": 2}}
    else:
        trust = {} if phase == "none" else {"nextRoot": {"generation": 2}, "phase": phase}
    return stack_config({"east": {}}, trust=trust, peers={"west": {"stack": "o/p/west"}})


def output(phase: str = "none", **changed: Any) -> dict[str, Any]:
    """The output of the other stack in that phase; Pulumi gives numbers as floats."""
    stated = identity(stack(phase))
    trust = {
        "signing": float(stated["trust"]["signing"]),
        "trusted": [float(number) for number in stated["trust"]["trusted"]],
    }
    clusters = {"west": {"network": "net-west", "kubeconfig": "token: secret"}}
    return {**stated, "version": 1.0, "trust": trust, "roots": {}, "clusters": clusters, **changed}


def other(phase: str = "none", **changed: Any) -> Contract:
    """The other stack as this one reads it."""
    return parse("o/p/west", output(phase, **changed))


@pytest.mark.parametrize("ours", PHASES)
@pytest.mark.parametrize("theirs", PHASES)
def test_two_stacks_are_at_most_a_phase_apart(ours: str, theirs: str) -> None:
    """Further apart, one would sign with a root that the other does not trust."""
    place = {"none": 0, "trust-both": 1, "sign-with-new": 2, "drop-old": 3, "over": 3}
    found = [str(problem) for problem in problems(stack(ours), "o/p/west", other(theirs))]
    assert bool(found) is (abs(place[ours] - place[theirs]) > 1), found
    assert all(line.startswith("trust.phase: ") and "in one phase" in line for line in found)


def test_the_stack_of_the_trust_may_be_ahead() -> None:
    """It makes roots; which of them a cluster trusts is said in the cluster's own stack."""
    config = stack_config({"east": {}}, trust={"stack": "o/p/trust"})
    assert list(problems(config, "o/p/trust", other("drop-old", clusters={}))) == []


def test_a_stack_may_state_crls() -> None:
    """An older program, and a stack without trust.revoked, states none."""
    assert other().clusters["west"].revocation_list == ""
    stated = {"west": {"network": "n", "kubeconfig": "k", "revocationList": "pem"}}
    assert other(clusters=stated).clusters["west"].revocation_list == "pem"


def test_a_stack_may_state_kubeconfigs_for_single_readers() -> None:
    """An older program states none, and an older program reads the one for all."""
    clusters = {"west": {"network": "n", "kubeconfig": "all", "kubeconfigsFrom": {"east": "own"}}}
    west = other(clusters=clusters).clusters["west"]
    assert (west.kubeconfig_for("east"), west.kubeconfig_for("north")) == ("own", "all")
    assert "own" not in repr(west)
    assert other().clusters["west"].kubeconfig_for("east") == "token: secret"


def test_another_mesh_is_refused() -> None:
    """Same root or not, identities would differ."""
    mesh = {"id": "other", "trustDomain": "x.example"}
    (problem,) = problems(stack(), "o/p/west", other(mesh=mesh))
    assert problem.path == "peers.west.stack"
    assert "expected the same mesh.id and mesh.trustDomain in both" in problem.message


def test_stacks_may_share_a_network() -> None:
    """Pods of their clusters reach each other, as within one stack."""
    cluster = {"network": "net-east", "kubeconfig": ""}
    assert list(problems(stack(), "o/p/west", other(clusters={"west": cluster}))) == []


def test_a_stack_of_an_earlier_program_states_no_version() -> None:
    """Its output has the form of version 1."""
    earlier = output()
    del earlier["version"]
    assert parse("o/p/west", earlier).clusters["west"].network == "net-west"


def test_another_version_is_refused_by_name() -> None:
    """Nothing of it is read: the form may be another."""
    with pytest.raises(
        ValueError, match="version 2 of the output 'shared', and this program reads version 1"
    ):
        parse("o/p/west", {"version": 2.0})


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"clusters": {"west": {"network": "net-west"}}}, "clusters.west.kubeconfig"),
        ({"trust": {"trusted": [1]}}, "trust.signing"),
        ({"mesh": None}, "mesh"),
        (
            {"roots": {"1": {"certificate": "x", "privateKey": ["top secret"], "expires": ""}}},
            "roots.1.privateKey",
        ),
    ],
)
def test_what_is_missing_is_named_and_no_value_is_repeated(changed: dict[str, Any], path: str) -> None:
    """No traceback, and no secret of the other stack."""
    with pytest.raises(ValueError, match="run `pulumi up` there") as refused:
        parse("o/p/west", output(**changed))
    assert path in str(refused.value)
    assert "secret" not in str(refused.value)


def test_addresses_that_are_given_are_stated_and_none_where_there_are_none() -> None:
    """A program that does not know them reads the same output as before."""
    addresses = [{"address": "198.51.100.7", "port": 31443}]
    config = stack_config({"east": {}, "west": {"gateway": {"addresses": addresses}}})
    assert gateway(config.clusters["east"]) == {"network": "net-east"}
    assert gateway(config.clusters["west"]) == {
        "network": "net-west",
        "gatewayAddresses": [{"address": "198.51.100.7", "port": 31443, "secret": False}],
    }


def test_output_of_an_earlier_program_has_no_addresses() -> None:
    """Pulumi gives ports as floats."""
    assert other().clusters["west"].gateway_addresses == ()
    stated = {"network": "n", "kubeconfig": "", "gatewayAddresses": [{"address": "a", "port": 443.0}]}
    (address,) = other(clusters={"west": stated}).clusters["west"].gateway_addresses
    assert (address.address, address.port, address.secret) == ("a", 443, False)


def _ambient_stack(plane: str, **east: Any) -> StackConfig:
    return stack_config({"east": {"dataPlane": plane, **east}}, peers={"west": {"stack": "o/p/west"}})


def _stated(plane: str, **west: Any) -> Contract:
    return contract.stated(stack_config({"west": {"dataPlane": plane, **west}}))


def test_a_data_plane_is_stated_where_it_is_not_sidecars_alone() -> None:
    """Output of a stack without ambient clusters is as it was."""
    config = stack_config({"east": {}, "west": {"dataPlane": "ambient"}, "far": {"dataPlane": "both"}})
    stated = [contract.gateway(cluster).get("dataPlane") for cluster in config.clusters.values()]
    assert stated == [None, "ambient", "both"]
    assert other().clusters["west"].data_plane == "sidecar"


def test_addresses_of_an_ambient_gateway_are_stated_beside_the_others() -> None:
    """Each with its port."""
    given = {"gateway": {"addresses": [{"address": "198.51.100.7"}]}}
    west = _stated("ambient", **given).clusters["west"]
    assert [(a.address, a.port) for a in west.hbone_gateway_addresses] == [("198.51.100.7", 15008)]
    assert _stated("sidecar", **given).clusters["west"].hbone_gateway_addresses == ()


@pytest.mark.parametrize(("ours", "theirs"), [("ambient", "sidecar"), ("sidecar", "both")])
def test_stacks_do_not_share_a_network_with_ambient_clusters(ours: str, theirs: str) -> None:
    """Neither the one's nor the other's."""
    config = _ambient_stack(ours, network="eu")
    (problem,) = contract.problems(config, "o/p/west", _stated(theirs, network="eu"))
    assert problem.path == "clusters.east.network"
    assert problem.message.startswith("'eu' is the network of west too, and ambient clusters have one each")


@pytest.mark.parametrize("plane", ["sidecar", "ambient", "both"])
def test_stacks_with_one_data_plane_have_nothing_to_be_told(plane: str) -> None:
    """All call all."""
    assert list(contract.warnings(_ambient_stack(plane), _stated(plane))) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "hangs"),
    [
        ("sidecar", "ambient", True),
        ("both", "ambient", True),
        ("ambient", "sidecar", False),
        ("ambient", "both", False),
    ],
)
def test_a_peer_with_another_data_plane_is_told(ours: str, theirs: str, *, hangs: bool) -> None:
    """And where its stack has to help, that too."""
    (warning,) = contract.warnings(_ambient_stack(ours), _stated(theirs))
    assert warning.path == "peers.west"
    assert warning.message.startswith(f"west has the data plane {theirs}, and east another")
    assert ("wait for pods of it" in warning.message) is hangs
