"""A mesh configuration that is not the stack's is found and named, and what verify says puts it back."""

from collections.abc import Callable

import pytest

from tests.e2e.faults import SYSTEM, follow, patch, sees
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]


def test_a_mesh_configuration_that_istiod_drops_is_named(mesh: Stack, kube: View) -> None:
    """A boolean where text belongs: istiod says so once in its log, and calls go on for the time being."""
    west = kube("west")
    text = west.get("configmap", "istio", f"--namespace={SYSTEM}")["data"]["mesh"]
    broken = text.replace('PROXY_CONFIG_XDS_AGENT: "true"', "PROXY_CONFIG_XDS_AGENT: true")
    assert broken != text
    patch(west, "configmap", "istio", {"data": {"mesh": broken}})
    verdict = sees(mesh, "east", "west", "mesh-config-not-loaded")
    findings = {finding["message"] for pair in verdict.report["pairs"] for finding in pair["findings"]}
    assert findings == {
        "the ConfigMap istio in west has another mesh configuration than the stack: meshConfig.defaultConfig."
        "proxyMetadata.PROXY_CONFIG_XDS_AGENT is True; expected 'true'"
    }
    follow(mesh, kube, verdict, "east", "west")


def test_another_mesh_configuration_in_a_running_istiod_is_named(mesh: Stack, kube: View) -> None:
    """Somebody has changed the ConfigMap by hand; istiod has loaded it."""
    west = kube("west")
    text = west.get("configmap", "istio", f"--namespace={SYSTEM}")["data"]["mesh"]
    changed = text.replace("enablePrometheusMerge: false", "enablePrometheusMerge: true")
    assert changed != text
    patch(west, "configmap", "istio", {"data": {"mesh": changed}})
    verdict = sees(mesh, "east", "west", "mesh-config-not-loaded")
    follow(mesh, kube, verdict, "east", "west")


def test_a_change_of_a_running_members_identity_is_refused(mesh: Stack) -> None:
    """By a preview, with what to do instead; nothing is changed."""
    before = mesh.config()
    changed = {
        **before,
        "mesh": {**before["mesh"], "trustDomain": "new.example.com"},
        "clusters": {**before["clusters"], "west": {**before["clusters"]["west"], "network": "net-2"}},
    }
    mesh.configure(changed)
    try:
        done = mesh.pulumi("preview", check=False)
    finally:
        mesh.configure(before)
    assert done.returncode != 0
    for message in (
        "istio-mesh:mesh.trustDomain: is 'new.example.com', and east runs with 'cluster.local'",
        "istio-mesh:clusters.west.network: is 'net-2', and the cluster runs with 'net-west'",
    ):
        assert message in done.stdout, done.stdout + done.stderr
