"""A cluster that is away stops nobody, catches up with one update, and is forgotten when it is gone.

West dies while a third cluster joins and leaves. The tests build on each other, in their order.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from hashlib import sha256
from typing import Any

import pytest

from sandbox import cluster
from tests.e2e.faults import SYSTEM, dead, follow, passes, sees, verify
from tests.e2e.kube import Kube, eventually
from tests.e2e.stack import Stack

pytestmark = pytest.mark.mesh

NAMES = ("east", "west", "south")
_ROTATION = {"nextRoot": {"generation": 2, "key": "ecdsa-p256"}, "phase": "trust-both"}
_DISCARD = ("discard", "kubernetes:core/v1:Service", "west-east-west-gateway-service")


@pytest.fixture(scope="module")
def clusters(
    mesh: Stack, fresh_clusters: Callable[..., Any], kube: Callable[[str], Kube], keep: bool
) -> Iterator[Mapping[str, Kube]]:
    """Three clusters, the third of which is in no mesh yet; after the tests the mesh is as before."""
    config = mesh.config()
    fresh_clusters("south")
    yield {name: kube(name) for name in NAMES}
    mesh.configure({**config, "reader": {"tokenGenerations": [2, 1]}})
    mesh.up()
    mesh.configure(config)
    mesh.up()
    if not keep and "south" in cluster.find():
        cluster.stop(["south"])


@pytest.fixture(scope="module")
def away(clusters: Mapping[str, Kube]) -> Iterator[ExitStack]:
    """West is dead until the stack is closed."""
    with ExitStack() as until_back:
        until_back.enter_context(dead(cluster.named("west")))
        yield until_back


def _changed(mesh: Stack, **changes: Any) -> None:
    config = mesh.config()
    for key, value in changes.items():
        config[key] = {**config.get(key, {}), **value}
    mesh.configure(config)


def _mark(mesh: Stack, **marks: Any) -> None:
    config = mesh.config()
    config["clusters"]["west"] |= marks
    mesh.configure(config)


def _concerns(name: str, urn: str) -> bool:
    """Whether a cluster's name is in a resource's."""
    return re.search(rf"::({name}(-|$)|\w+-sees-{name})", urn) is not None


def _recorded(mesh: Stack) -> dict[str, str]:
    """Hashes of what the state has of each resource, but for the stack itself and what is only read.

    Secrets are encrypted anew now and then, and no test may print them.
    """
    parts = ("id", "inputs", "outputs", "parent", "type")
    return {
        resource["urn"]: sha256(json.dumps([resource.get(part) for part in parts]).encode()).hexdigest()
        for resource in mesh.state(show_secrets=True)["deployment"]["resources"]
        if resource["type"] != "pulumi:pulumi:Stack" and not resource.get("external")
    }


def _of_west(mesh: Stack) -> dict[str, str]:
    """Those of west and of the remote secrets for it, without its provider."""
    return {
        urn: found
        for urn, found in _recorded(mesh).items()
        if _concerns("west", urn) and "pulumi:providers:" not in urn
    }


def _hosts(kube: Kube) -> list[str]:
    gateway = kube.get("gateways.networking.istio.io", "cross-network-gateway", "--namespace=istio-system")
    return gateway["spec"]["servers"][0]["hosts"]


def _tokens(kube: Kube) -> set[str]:
    secrets = kube.get("secrets", "--namespace=istio-system")["items"]
    return {name for s in secrets if (name := s["metadata"]["name"]).startswith("istio-reader-token-")}


def _remotes(kube: Kube) -> set[str]:
    secrets = kube.get("secrets", "--namespace=istio-system", "--selector=istio/multiCluster=true")["items"]
    return {s["metadata"]["annotations"]["networking.istio.io/cluster"] for s in secrets}


def _istiod_answers(kube: Kube) -> bool:
    """Its webhook is asked about every change."""
    gateway = ["gateways.networking.istio.io", "cross-network-gateway", "--namespace=istio-system"]
    asked = kube.run(
        "kubectl", f"--context={kube.context}", "label", *gateway, "a=b", "--dry-run=server", check=False
    )
    return asked.returncode == 0


@pytest.mark.usefixtures("away")
def test_a_cluster_joins_while_another_is_away(mesh: Stack, clusters: Mapping[str, Kube]):
    """With one warning and without a failure; of west the state keeps all, and the newcomer waits for it."""
    before = _of_west(mesh)
    config = mesh.config()
    config["clusters"]["south"] = {**config["clusters"]["east"], "context": "south"}
    mesh.configure(config)
    # Nothing of its entry is needed: its kubeconfig may be gone with it.
    _mark(mesh, offline=True, context="gone", kubeconfig=str(mesh.folder / "gone"))
    changes = [c for c in mesh.preview() if _concerns("west", c.urn)]
    assert {(c.op, c.type, c.name) for c in changes} == {
        ("update", "pulumi:providers:kubernetes", "west"),
        _DISCARD,
    }
    done = mesh.up()
    diagnostics = done.stdout.partition("Diagnostics:")[2]
    assert diagnostics.count("offline in the stack file") == 1, done.stdout
    assert "unreachable" not in done.stdout, done.stdout
    assert _of_west(mesh) == before
    for name in ("east", "south"):
        eventually(lambda kube=clusters[name]: {*kube.answers()} >= {"east", "south"}, clusters[name].answers)
    assert _remotes(clusters["south"]) == {"east"}
    assert mesh.preview() == []
    assert mesh.outputs()["clusters"]["west"]["offline"] is True
    assert mesh.outputs()["clusters"]["west"]["gatewayAddresses"]


@pytest.mark.usefixtures("away")
def test_all_others_change_while_a_cluster_is_away(mesh: Stack, clusters: Mapping[str, Kube]):
    """Values, all of a rotation of tokens, and a release; verification leaves the dead one out."""
    before = _of_west(mesh)
    config = mesh.config()
    # Its kubeconfig is there again, and the cluster still dead.
    _mark(mesh, context="west", kubeconfig=config["clusters"]["east"]["kubeconfig"])
    _changed(mesh, reader={"tokenGenerations": [1, 2]}, exposure={"hosts": ["*.svc.cluster.local"]})
    assert [c for c in mesh.preview() if _concerns("west", c.urn)] == []
    mesh.up()
    _changed(mesh, reader={"tokenGenerations": [2]})
    config = mesh.config()
    config["istio"]["values"]["istiod"]["env"]["PILOT_DEBOUNCE_AFTER"] = "50ms"
    mesh.configure(config)
    mesh.up()
    assert _of_west(mesh) == before
    for name in ("east", "south"):
        assert _hosts(clusters[name]) == ["*.svc.cluster.local"]
        assert _tokens(clusters[name]) == {"istio-reader-token-g2"}
    verdict = verify(mesh)
    assert (verdict.code, verdict.report["offline"]) == (0, ["west"]), verdict
    mesh.up("--expect-no-changes")


@pytest.mark.usefixtures("away")
def test_a_hint_is_followed_while_a_cluster_is_away(mesh: Stack, kube: Callable[[str], Kube]):
    """A refresh would fail at the cluster that is away, and leaves it out."""
    kube("east").kubectl("label", "namespace", SYSTEM, "--overwrite", "topology.istio.io/network=net-other")
    verdict = sees(mesh, "south", "east", "network-label-missing")
    follow(mesh, kube, verdict, "south", "east")


@pytest.mark.usefixtures("away")
def test_a_phase_of_the_root_waits_for_the_cluster_that_is_away(mesh: Stack):
    """Refused before anything is changed."""
    config = mesh.config()
    _changed(mesh, trust=_ROTATION)
    refused = mesh.up(check=False)
    mesh.configure(config)
    assert refused.returncode != 0, refused.stdout
    assert "the phase of west is unknown: it is offline in the stack file" in refused.stdout


@pytest.mark.usefixtures("away")
def test_a_cluster_leaves_while_another_is_away(mesh: Stack, clusters: Mapping[str, Kube]):
    """What it has brought to the one that is away stays there, and in the state."""
    before = _of_west(mesh)
    config = mesh.config()
    del config["clusters"]["south"]
    mesh.configure(config)
    mesh.up()
    assert _of_west(mesh) == before
    assert clusters["south"].releases() == {}
    assert _remotes(clusters["east"]) == {"west"}


def test_one_update_brings_a_cluster_back(
    mesh: Stack, clusters: Mapping[str, Kube], away: ExitStack, tmp_path_factory: pytest.TempPathFactory
):
    """It gets all that was missed, and every cluster answers every cluster."""
    away.close()
    config = mesh.config()
    del config["clusters"]["west"]["offline"]
    copy = tmp_path_factory.mktemp("copy") / "kubeconfig"
    shutil.copy(config["clusters"]["west"]["kubeconfig"], copy)
    config["clusters"]["west"]["kubeconfig"] = str(copy)
    mesh.configure(config)
    eventually(lambda: _istiod_answers(clusters["west"]), lambda: clusters["west"].get("pods", "-A"))
    mesh.up()
    assert _hosts(clusters["west"]) == ["*.svc.cluster.local"]
    assert _tokens(clusters["west"]) == {"istio-reader-token-g2"}
    passes(mesh)
    assert mesh.preview() == []
    copy.unlink()


def test_a_cluster_may_be_away_together_with_its_kubeconfig(mesh: Stack):
    """The provider could not read what the state has for it, so that stays."""
    config = mesh.config()
    _mark(mesh, offline=True)
    assert [(c.op, c.type, c.name) for c in mesh.preview() if c.type != "pulumi:pulumi:Stack"] == [_DISCARD]
    config["clusters"]["west"]["kubeconfig"] = config["clusters"]["east"]["kubeconfig"]
    mesh.configure(config)


def test_a_cluster_that_left_joins_under_another_name(mesh: Stack):
    """The documented way to rename it (docs/renaming.md)."""
    config = mesh.config()
    config["clusters"]["pole"] = {**config["clusters"]["east"], "context": "south"}
    mesh.configure(config)
    mesh.up()
    passes(mesh)


@pytest.fixture(scope="module")
def gone(mesh: Stack, clusters: Mapping[str, Kube]) -> Mapping[str, str]:
    """The renamed cluster no longer exists; gives all other resources of the state."""
    refused = mesh.command("forget", "pole", "--yes")
    assert refused.returncode == 2, "a cluster that is there was forgotten"
    assert "pole answers, and has the mesh of this stack" in refused.stderr
    cluster.stop(["south"])
    return _without_pole(mesh)


def _without_pole(mesh: Stack) -> dict[str, str]:
    return {urn: found for urn, found in _recorded(mesh).items() if not _concerns("pole", urn)}


def test_a_cluster_that_is_gone_cannot_simply_leave(mesh: Stack, gone: Mapping[str, str]):
    """Without its entry an update would try to delete what is in it, for ever: that is said before."""
    config = mesh.config()
    without = {**config, "clusters": {k: v for k, v in config["clusters"].items() if k != "pole"}}
    mesh.configure(without)
    refused = mesh.up(check=False)
    mesh.configure(config)
    assert refused.returncode != 0, refused.stdout
    assert "run `python -m mesh forget pole`" in refused.stdout
    assert "Traceback" not in refused.stdout


def test_a_cluster_that_is_gone_is_forgotten(
    mesh: Stack, clusters: Mapping[str, Kube], gone: Mapping[str, str]
):
    """A dry run first; then it is gone from the state, its peers and the stack file, and nothing else is."""
    shown = mesh.command("forget", "pole")
    assert shown.returncode == 1, shown.stderr
    assert "delete east-sees-pole-remote-secret in its cluster" in shown.stdout
    assert _remotes(clusters["east"]) == {"west", "pole"}
    assert "pole" in mesh.config()["clusters"]
    done = mesh.command("forget", "pole", "--yes")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert _remotes(clusters["east"]) == {"west"}
    assert _remotes(clusters["west"]) == {"east"}
    assert "pole" not in mesh.config()["clusters"]
    assert not [urn for urn in mesh.resources() if _concerns("pole", urn)]
    assert _without_pole(mesh) == gone
    assert mesh.preview() == []
    assert mesh.command("forget", "pole").returncode == 2
    passes(mesh)
