"""What keeps a cluster from finding another one is named by `mesh verify`, and its hint mends it."""

import base64
from collections.abc import Callable

import pytest

from tests.e2e.faults import SYSTEM, follow, replace, sees, verify
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]
SECRET = "istio-remote-secret-west"


def test_a_mesh_that_is_right_passes(mesh: Stack) -> None:
    """All pairs are answered, each cluster by itself and by the other."""
    verdict = verify(mesh)
    assert verdict.code == 0, verdict
    pairs = {(pair["from"], pair["to"]) for pair in verdict.report["pairs"]}
    assert pairs == {("east", "east"), ("east", "west"), ("west", "east"), ("west", "west")}, verdict
    assert all(pair["answers"] > 0 for pair in verdict.report["pairs"]), verdict


def test_a_removed_remote_secret_is_named(mesh: Stack, kube: View) -> None:
    """Only the pair whose caller lacks it fails."""
    kube("east").kubectl("delete", "secret", SECRET, f"--namespace={SYSTEM}")
    verdict = sees(mesh, "east", "west", "remote-secret-missing")
    assert set(verdict.failed()) == {("east", "west")}, verdict
    follow(mesh, kube, verdict, "east", "west")


def test_a_changed_label_of_a_remote_secret_is_named(mesh: Stack, kube: View) -> None:
    """It belongs to another manager then, and an update takes it back."""
    kube("east").kubectl(
        "label", "secret", SECRET, f"--namespace={SYSTEM}", "--overwrite", "istio/multiCluster=false"
    )
    verdict = sees(mesh, "east", "west", "remote-secret-label")
    follow(mesh, kube, verdict, "east", "west")


def test_a_misspelt_data_key_of_a_remote_secret_is_named(mesh: Stack, kube: View) -> None:
    """The kubeconfig is right, the cluster's name is not."""
    east = kube("east")
    right = east.get("secret", SECRET, f"--namespace={SYSTEM}")
    replace(east, {**right, "data": {"wets": right["data"]["west"]}})
    verdict = sees(mesh, "east", "west", "remote-secret-key")
    assert set(verdict.failed()) == {("east", "west")}, verdict
    follow(mesh, kube, verdict, "east", "west")
    assert set(east.get("secret", SECRET, f"--namespace={SYSTEM}")["data"]) == {"west"}


def test_a_revoked_token_is_named(mesh: Stack, kube: View) -> None:
    """Deleting the Secret of a token kills the token, though connections that stand go on for a while."""
    west = kube("west")
    west.kubectl("delete", "secret", _token_secret(west), f"--namespace={SYSTEM}")
    verdict = sees(mesh, "east", "west", "token-refused")
    assert set(verdict.failed()) == {("east", "west")}, verdict
    follow(mesh, kube, verdict, "east", "west")


def test_removed_rights_of_the_reader_are_named(mesh: Stack, kube: View) -> None:
    """The token is known, and may read nothing."""
    west = kube("west")
    west.kubectl("delete", "clusterrolebinding", _reader_binding(west))
    verdict = sees(mesh, "east", "west", "reader-denied")
    assert set(verdict.failed()) == {("east", "west")}, verdict
    follow(mesh, kube, verdict, "east", "west")


def test_a_remote_cluster_that_is_not_synced_is_named(mesh: Stack, kube: View) -> None:
    """The kubeconfig in the remote secret leads nowhere."""
    east = kube("east")
    right = east.get("secret", SECRET, f"--namespace={SYSTEM}")
    text = base64.b64decode(right["data"]["west"]).decode()
    nowhere = text.replace(text.split("server: ")[1].split()[0], "https://192.0.2.1:6443")
    replace(east, {**right, "data": {"west": base64.b64encode(nowhere.encode()).decode()}})
    verdict = sees(mesh, "east", "west", "remote-cluster-not-synced", seconds=90)
    assert set(verdict.failed()) == {("east", "west")}, verdict
    follow(mesh, kube, verdict, "east", "west")


def test_an_istiod_that_is_down_is_named(mesh: Stack, kube: View) -> None:
    """Its proxies go on with what they know, so calls alone would not show it."""
    kube("west").kubectl("scale", f"--namespace={SYSTEM}", "deployment/istiod", "--replicas=0")
    verdict = sees(mesh, "west", "east", "istiod-down")
    assert verdict.reasons("west", "west")[:1] == ["istiod-down"], verdict
    assert verdict.reasons("east", "east") == [], verdict
    follow(mesh, kube, verdict, "west", "east")


def _token_secret(kube: Kube) -> str:
    secrets = kube.get("secrets", f"--namespace={SYSTEM}")["items"]
    [name] = [s["metadata"]["name"] for s in secrets if s["type"] == "kubernetes.io/service-account-token"]
    return name


def _reader_binding(kube: Kube) -> str:
    bindings = kube.get("clusterrolebindings")["items"]
    accounts = {
        binding["metadata"]["name"]: [subject["name"] for subject in binding.get("subjects") or []]
        for binding in bindings
    }
    [name] = [name for name, subjects in accounts.items() if "istio-reader-service-account" in subjects]
    return name
