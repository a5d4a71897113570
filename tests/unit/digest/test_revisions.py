"""What an upgrade by revision does to the pods of a cluster, in words."""

from typing import Any

from mesh.digest.releases import RenderedChange
from mesh.digest.steps import read
from tests.builders.previews import report

_CLUSTER = "urn:pulumi:dev::istio-mesh::mesh:index:Mesh$mesh:index:Cluster"
_TAG = "kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfiguration"
_RELEASE = "kubernetes:helm.sh/v3:Release"
_SEE = "(docs/runbooks/upgrade-by-revision.md)"


def _step(op: str, type_: str, name: str, cluster: str, old: Any = None, new: Any = None) -> dict[str, Any]:
    urn = f"{_CLUSTER}${type_}::{cluster}-{name}"
    state = {"urn": urn, "type": type_, "custom": True, "parent": f"{_CLUSTER}::{cluster}"}
    return {
        "op": op,
        "urn": urn,
        **({"oldState": {**state, "inputs": old}} if old else {}),
        **({"newState": {**state, "inputs": new}} if new else {}),
    }


def _tag(op: str, cluster: str, old: str | None, new: str | None) -> dict[str, Any]:
    before, after = (
        {"metadata": {"labels": {"istio.io/rev": revision}}} if revision else None for revision in (old, new)
    )
    return _step(op, _TAG, "istio-revision-tag-default", cluster, before, after)


def _release(op: str, name: str, cluster: str, *, versions: tuple[str | None, str | None]) -> dict[str, Any]:
    old, new = ({"name": name, "chart": "istiod", "version": v} if v else None for v in versions)
    return _step(op, _RELEASE, name, cluster, old, new)


def _dangers(*steps: dict[str, Any], **manifests: RenderedChange) -> list[tuple[str, tuple[str, ...], str]]:
    clusters = [
        {
            "op": "same",
            "urn": f"{_CLUSTER}::{name}",
            "newState": {"urn": f"{_CLUSTER}::{name}", "type": "mesh:index:Cluster"},
        }
        for name in ("east", "west")
    ]
    found = read({"steps": [*clusters, *steps]})
    return [(d.kind.value, d.clusters, d.message) for d in report(found, manifests).dangers]


def test_a_tag_that_moves_says_whose_proxies_pods_get_and_when() -> None:
    """Of all clusters at once, and back."""
    steps = [_tag("update", name, "default", "1-31-0") for name in ("east", "west")]
    assert _dangers(*steps) == [
        (
            "restart",
            ("east", "west"),
            "new pods in east, west get their proxy from istiod-1-31-0, so far from istiod: gateways "
            f"and the sample restart for it, and your workloads move when you restart them {_SEE}",
        )
    ]
    ((_, _, message),) = _dangers(_tag("update", "east", "1-31-0", "default"))
    assert "from istiod, so far from istiod-1-31-0:" in message
    assert _dangers(_tag("update", "east", "1-31-0", "1-31-0")) == []


def test_a_control_plane_that_goes_is_told_once_and_with_what_holds_it() -> None:
    """By its own name; a release of another chart is told as before."""
    gone = _release("delete", "istiod-1-31-0", "east", versions=("1.31.0", None))
    assert _dangers(gone) == [
        (
            "delete",
            ("east",),
            "the control plane istiod-1-31-0 is deleted in east; an update is refused while it "
            f"serves a proxy {_SEE}",
        )
    ]
    ((_, _, message),) = _dangers(_release("delete", "istio-cni", "east", versions=("1.31.0", None)))
    assert message == "Helm release istio-cni is deleted in east"


def test_a_webhook_that_the_tag_takes_over_is_not_gone_without_a_word() -> None:
    """A reviewer would take it for the end of injection."""
    webhook = {"kind": "MutatingWebhookConfiguration", "metadata": {"name": "istio-sidecar-injector"}}
    istiod = _release("update", "istiod", "east", versions=("1.31.0", "1.31.0"))
    taken = _dangers(_tag("create", "east", None, "default"), istiod, istiod=RenderedChange(old=(webhook,)))
    begin = (
        "MutatingWebhookConfiguration istio-sidecar-injector, of the Helm release istiod, is deleted in east"
    )
    assert [message for _, _, message in taken] == [f"{begin}: istio-revision-tag-default takes its place"]
    assert [m for _, _, m in _dangers(istiod, istiod=RenderedChange(old=(webhook,)))] == [begin]


def test_a_control_plane_beside_another_one_is_no_danger() -> None:
    """It serves nothing yet."""
    assert _dangers(_release("create", "istiod-1-31-0", "east", versions=(None, "1.31.0"))) == []
