"""A member of a mesh of others, read from the recorded cluster and from what other tools leave there."""

import base64
import gzip
import json
from typing import Any

import pytest

from mesh.live import installed
from mesh.live.facts import GatewayInstalled, HelmRelease, InstalledMesh
from mesh.live.installed import read_installed
from tests.recordings.recorded import SYSTEM, RecordedApi, Recording

_DEPLOYMENTS = "/apis/apps/v1/namespaces/istio-system/deployments"
_VALUES = f"{SYSTEM}/configmaps/values"
_HELM = {"fieldSelector": "type=helm.sh/release.v1", "labelSelector": "owner=helm,status=deployed"}
_GATEWAY = f"{_DEPLOYMENTS}/istio-eastwestgateway"
_ISTIO_GATEWAYS = "/apis/networking.istio.io/v1/gateways"
_NETWORKS = {"labelSelector": "topology.istio.io/network"}
_ZTUNNEL = "/apis/apps/v1/namespaces/istio-system/daemonsets/ztunnel"


def _release(name: str, chart: str, config: dict[str, Any], *, compressed: bool = True) -> dict[str, Any]:
    """Return a Secret in which Helm keeps a release."""
    text = json.dumps(
        {
            "name": name,
            "config": config,
            "chart": {"metadata": {"name": chart, "version": "1.31.0"}},
            "manifest": "---",
        }
    ).encode()
    packed = base64.b64encode(gzip.compress(text) if compressed else text)
    return {"metadata": {"name": name}, "data": {"release": base64.b64encode(packed).decode()}}


@pytest.fixture(autouse=True)
def east(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> RecordedApi:
    """Let the reader connect to the recorded cluster, in which Helm, kubectl and a script have been."""
    api = recording.api("east")
    monkeypatch.setattr(installed.KubernetesApi, "connect", lambda _: api)
    recording.add("east", _VALUES, {"data": {"original-values": json.dumps({"global": {"meshID": "dev"}})}})
    recording.add("east", f"{SYSTEM}/secrets", {"items": [_release("istiod", "istiod", {"a": 1})]}, **_HELM)
    recording.add("east", _GATEWAY, {"spec": {"selector": {"matchLabels": {"app": "gateway"}}}})
    own = {"metadata": {"namespace": "istio-system", "name": "istio-eastwestgateway"}}
    other = {"metadata": {"namespace": "edge", "name": "gateway"}}
    recording.add("east", "/api/v1/services", {"items": [own, other]}, **_NETWORKS)
    passing = {"port": {"number": 15443}, "tls": {"mode": "AUTO_PASSTHROUGH"}, "hosts": ["*.local"]}
    ingress = {"port": {"number": 443}, "tls": {"mode": "SIMPLE"}, "hosts": ["shop.example.com"]}
    gateways = [
        {
            "metadata": {"namespace": "istio-system", "name": "cross-network-gateway"},
            "spec": {"servers": [passing]},
        },
        {"metadata": {"namespace": "edge", "name": "ingress"}, "spec": {"servers": [ingress]}},
    ]
    recording.add("east", _ISTIO_GATEWAYS, {"items": gateways})
    recording.remove("east", _ZTUNNEL)
    return api


def _read(recording: Recording) -> InstalledMesh:
    return read_installed(recording.config.clusters["east"].connection)


def test_all_that_makes_a_cluster_a_member_is_read(recording: Recording) -> None:
    """By whatever it was made, and without the key of its CA."""
    found = _read(recording)
    assert found.unreachable is found.refused is None
    assert found.control_plane is not None
    assert (found.control_plane.cluster_id, found.control_plane.mesh_id) == ("east", "dev")
    assert (found.network, found.version, found.revisions) == ("net-east", "1.31.0", ("default",))
    assert found.values == {"global": {"meshID": "dev"}}
    assert found.releases == (HelmRelease(name="istiod", chart="istiod", version="1.31.0", values={"a": 1}),)
    assert found.environment["CLUSTER_ID"] == "east"
    assert [list(secret.kubeconfigs) for secret in found.remote_secrets] == [["west"]]
    assert found.other_gateways == (("edge", "gateway"),)
    assert found.exposing == {("istio-system", "cross-network-gateway"): ("*.local",)}
    assert not found.ambient
    assert found.trust.cacerts is not None
    assert found.trust.cacerts.roots
    assert found.trust.cacerts.private_key == ""


def test_the_gateway_is_read_with_what_an_update_cannot_change(recording: Recording) -> None:
    """Its Service may be one that somebody has annotated and closed."""
    service = recording.object("east", f"{SYSTEM}/services/istio-eastwestgateway")
    service["spec"] |= {"type": "LoadBalancer", "loadBalancerSourceRanges": ["198.51.100.0/24"]}
    service["metadata"]["annotations"] = {"zone": "a"}
    assert _read(recording).gateway == GatewayInstalled(
        type="LoadBalancer",
        annotations={"zone": "a"},
        source_ranges=("198.51.100.0/24",),
        selector={"app": "gateway"},
    )
    recording.remove("east", f"{SYSTEM}/services/istio-eastwestgateway")
    assert _read(recording).gateway is None


@pytest.mark.parametrize(
    ("image", "label", "version"),
    [
        ("registry.example.com:5000/istio/pilot:1.30.3-distroless", "1.31.0", "1.30.3"),
        ("registry.example.com:5000/istio/pilot@sha256:0123", "1.30.2", "1.30.2"),
        ("registry.example.com:5000/istio/pilot", "1.30.1", "1.30.1"),
    ],
)
def test_the_version_is_that_of_the_image_or_of_the_chart(
    recording: Recording, image: str, label: str, version: str
) -> None:
    """A port is no tag, and a digest says nothing."""
    (istiod,) = recording.object("east", _DEPLOYMENTS, labelSelector="app=istiod")["items"]
    istiod["spec"]["template"]["spec"]["containers"][0]["image"] = image
    istiod["metadata"]["labels"]["app.kubernetes.io/version"] = label
    assert _read(recording).version == version


def test_releases_are_read_in_both_forms_and_what_is_no_release_is_left_out(recording: Recording) -> None:
    """Old ones are not compressed."""
    secrets = [
        _release("istio-base", "base", {}, compressed=False),
        {"metadata": {"name": "broken"}, "data": {"release": "!"}},
        {"metadata": {"name": "empty"}},
    ]
    recording.add("east", f"{SYSTEM}/secrets", {"items": secrets}, **_HELM)
    assert [release.name for release in _read(recording).releases] == ["istio-base"]


def test_a_second_revision_is_seen(recording: Recording) -> None:
    """Its Deployment has another name."""
    canary = {"metadata": {"name": "istiod-canary", "labels": {"istio.io/rev": "canary"}}}
    recording.add("east", _DEPLOYMENTS, {"items": [canary]}, labelSelector="app=istiod")
    assert _read(recording).revisions == ("canary",)


def test_a_cluster_without_istio_has_nothing(recording: Recording) -> None:
    """And is no error."""
    recording.add("east", _DEPLOYMENTS, {"items": []}, labelSelector="app=istiod")
    recording.remove("east", _VALUES)
    found = _read(recording)
    assert (found.control_plane, found.version, found.values, found.environment) == (None, None, None, {})


def test_a_cluster_that_gives_no_answer_or_refuses_says_why(recording: Recording) -> None:
    """Nothing else is known of it then."""
    recording.refuse("east", 403, "forbidden", only="/secrets")
    assert "forbidden" in str(_read(recording).refused)
    recording.disconnect("east")
    assert "timed out" in str(_read(recording).unreachable)
