"""What a sandbox remembers of its clusters, without a cluster."""

import json
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from sandbox.cluster import Surroundings, memory
from sandbox.cluster.layout import Instance
from sandbox.errors import SandboxError

_SUBNET = "172.30.7.0/24"
_EU = Surroundings(network="eu")


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """Return a sandbox that remembers its /24 and nothing else."""
    monkeypatch.setenv("ISTIO_MESH_SANDBOX", str(tmp_path))
    _remember(tmp_path)
    return Instance(state=tmp_path, subnet=IPv4Network(_SUBNET))


def _remember(state: Path, **content: object) -> None:
    (state / "memory.json").write_text(json.dumps({"subnet": _SUBNET, **content}))


def test_a_cluster_keeps_its_surroundings_without_being_told_again(instance: Instance):
    """A repair, and whoever looks for clusters, finds what the first start asked for."""
    (first,) = memory.allot(instance, {"a": _EU})
    assert memory.allot(instance, {"a": None}) == [first]
    assert memory.allot(instance, {"a": _EU}) == [first]
    assert memory.layouts() == {"a": first}
    assert first.surroundings == _EU


def test_other_surroundings_than_it_has_are_refused_and_nothing_is_remembered(instance: Instance):
    """The message says how to go on; a new cluster in the same start is not half there."""
    memory.allot(instance, {"plain": None, "a": _EU})
    for name, other in (("a", Surroundings(network="us")), ("plain", _EU), ("a", Surroundings())):
        with pytest.raises(
            SandboxError, match=f"cluster {name} was started with other options.* stop {name}"
        ):
            memory.allot(instance, {"new": _EU, name: other})
    assert set(memory.layouts()) == {"a", "plain"}


def test_a_port_of_the_nat_leads_to_one_cluster(instance: Instance):
    """Both ports may be free elsewhere: what they lead to may be the same."""
    memory.allot(instance, {"a": Surroundings(nat="18443:15443"), "b": Surroundings(nat="18444:15443")})
    with pytest.raises(SandboxError, match="NAT port 18443 leads to cluster a already"):
        memory.allot(instance, {"c": Surroundings(nat="18443:15444")})


def test_an_external_ip_is_for_a_cluster_without_load_balancer():
    """Its address would be one of the load balancer's."""
    assert Surroundings(load_balancer="none", external_ip=True)
    with pytest.raises(SandboxError, match="--load-balancer none --external-ip"):
        Surroundings(external_ip=True)


def test_a_network_has_one_range_until_its_last_cluster_is_forgotten(instance: Instance):
    """A second network has another; the range of one that is gone is used again."""
    a, b, c = memory.allot(instance, {"a": _EU, "b": _EU, "c": Surroundings(network="us")})
    assert a.network_range == b.network_range != c.network_range
    memory.forget("a")
    assert memory.layouts()["b"].network_range == b.network_range
    memory.forget("b")
    (d,) = memory.allot(instance, {"d": Surroundings(network="asia")})
    assert d.network_range == a.network_range


def test_clusters_of_a_sandbox_without_surroundings_have_the_usual_ones(instance: Instance):
    """Such a memory was written before there was a choice."""
    _remember(instance.state, clusters={"old": 3})
    old = memory.layouts()["old"]
    assert (old.index, old.surroundings, old.pod_routes) == (3, Surroundings(), {})
    memory.forget("old")
    assert memory.layouts() == {}
