"""Which changes wait for a wave, what each update of a rollout leaves out, and what stops it."""

from typing import Any

import pytest

from mesh.digest.releases import Chart, Manifests, RenderedChange, release_changes
from mesh.digest.steps import read
from mesh.health.finding import Finding, Reason, Severity
from mesh.rollout import Changes, WaitingRelease, Wave, changes, described, steps, unexpected

_PREFIX = "urn:pulumi:dev::istio-mesh::mesh:index:Mesh$"
_CLUSTER = f"{_PREFIX}mesh:index:Cluster"
_WAVES = (
    Wave(number=1, clusters=("canary",)),
    Wave(number=2, clusters=("eu", "us")),
    Wave(number=3, clusters=("asia",)),
)
_POD = {"kind": "Deployment", "metadata": {"name": "istiod"}, "spec": {"template": {"metadata": {}}}}
_OTHER_POD = {**_POD, "spec": {"template": {"metadata": {"labels": {"a": "b"}}}}}


def _urn(cluster: str, release: str = "istiod") -> str:
    return f"{_CLUSTER}$kubernetes:helm.sh/v3:Release::{cluster}-{release}"


def _release(
    op: str, cluster: str = "eu", *, failed: bool = False, release: str = "istiod", version: str = "1.31.0"
) -> dict[str, Any]:
    """A step of a preview; before it, the release has version 1.31.0."""
    inputs = {"name": release, "chart": release, "values": {}}
    urn = _urn(cluster, release)
    state = {
        "urn": urn,
        "type": "kubernetes:helm.sh/v3:Release",
        "custom": True,
        "parent": f"{_CLUSTER}::{cluster}",
    }
    old = {
        **state,
        "inputs": {**inputs, "version": "1.31.0"},
        "initErrors": ["timed out"] if failed else None,
    }
    new = {**state, "inputs": {**inputs, "version": version}}
    return {
        "op": op,
        "urn": urn,
        **({"oldState": old} if op != "create" else {}),
        **({"newState": new} if op != "delete" else {}),
    }


def _component(op: str, type_: str, name: str, parent: str = "") -> dict[str, Any]:
    urn = f"{_PREFIX}{type_}::{name}"
    return {"op": op, "urn": urn, "newState": {"urn": urn, "type": type_, "parent": parent}}


def _cluster(op: str, name: str) -> dict[str, Any]:
    step = _component(op, "mesh:index:Cluster", name)
    step["urn"] = step["newState"]["urn"] = f"{_CLUSTER}::{name}"
    return step


def _secret(op: str) -> dict[str, Any]:
    urn = f"{_CLUSTER}$kubernetes:core/v1:Secret::eu-cacerts"
    state = {"urn": urn, "type": "kubernetes:core/v1:Secret", "custom": True, "parent": f"{_CLUSTER}::eu"}
    return {"op": op, "urn": urn, "oldState": state, "newState": state}


def _manifests(chart: Chart | None) -> Manifests:
    return (_POD if chart and chart.version == "1.31.0" else _OTHER_POD,)


def _changes(*preview: dict[str, Any], problem: str | None = None) -> Changes:
    """What a preview comes to, where another version has other pods."""
    found = read({"steps": [_cluster("same", "eu"), *preview]})
    manifests = [
        RenderedChange(problem=problem)
        if problem
        else RenderedChange(old=_manifests(change.old), new=_manifests(change.new))
        for change in release_changes(found)
    ]
    return changes(found, tuple(zip(release_changes(found), manifests, strict=True)))


def _waiting(cluster: str, release: str = "istiod", *, restarts: bool = True) -> WaitingRelease:
    return WaitingRelease(
        urn=_urn(cluster, release),
        cluster=cluster,
        name=release,
        restarts=(release,) if restarts else (),
    )


def test_a_release_with_other_manifests_waits() -> None:
    """The preview says whose pods are restarted."""
    found = _changes(_release("update", version="1.31.1"), _secret("update"))
    assert found.releases == (_waiting("eu"),)
    assert found.others == 1


def test_a_release_whose_manifests_stay_does_not_wait() -> None:
    """Such as one whose chart comes from another repository."""
    found = _changes(_release("update"))
    assert (found.releases, found.others) == ((), 1)


def test_a_release_whose_manifests_are_not_known_waits() -> None:
    """It may restart anything."""
    (release,) = _changes(_release("update"), problem="no plugin").releases
    assert release.restarts is None


def test_a_release_that_failed_before_waits_again() -> None:
    """Its manifests are those of the state, and it may be the reason for which a rollout has stopped."""
    (release,) = _changes(_release("update", failed=True)).releases
    assert release.restarts is None


def test_what_is_new_or_removed_does_not_wait() -> None:
    """First builds stay parallel; nothing that runs is restarted."""
    found = _changes(_release("create"), _release("delete", release="istio-eastwestgateway"))
    assert (found.releases, found.others) == ((), 2)


def test_a_replaced_release_waits() -> None:
    """All of its steps are one change."""
    replacing = [
        _release(op, version="1.31.1") for op in ("create-replacement", "replace", "delete-replaced")
    ]
    assert len(_changes(*replacing).releases) == 1


def _object(type_: str, name: str, old: Any, new: Any, cluster: str = "eu") -> dict[str, Any]:
    urn = f"{_CLUSTER}$kubernetes:{type_}::{cluster}-{name}"
    state = {"urn": urn, "type": f"kubernetes:{type_}", "custom": True, "parent": f"{_CLUSTER}::{cluster}"}
    return {
        "op": "update",
        "urn": urn,
        "oldState": {**state, "inputs": old},
        "newState": {**state, "inputs": new},
    }


def _sample(revision: str, image: str = "hello:1") -> dict[str, Any]:
    template = {"metadata": {"annotations": {"istio-mesh/revision": revision}}, "image": image}
    return {"kind": "Deployment", "metadata": {"name": "hello"}, "spec": {"template": template}}


def _gateway(revision: str, network: str = "n") -> dict[str, Any]:
    return {"metadata": {"labels": {"istio.io/rev": revision, "network": network}}}


def test_what_moves_to_another_revision_waits_with_the_releases_of_its_cluster() -> None:
    """Else the pods of every cluster that start would get the proxies of the next one with the first wave."""
    tag = _object("admissionregistration.k8s.io/v1:MutatingWebhookConfiguration", "tag", {"a": 1}, {"a": 2})
    gateway = _object("gateway.networking.k8s.io/v1:Gateway", "gw", _gateway("a"), _gateway("b"))
    sample = _object("apps/v1:Deployment", "server", _sample("a"), _sample("b"))
    found = _changes(tag, gateway, sample)
    assert {release.name: release.restarts for release in found.releases} == {
        "tag": (),
        "gw": None,
        "server": ("hello",),
    }
    assert found.others == 0


def test_another_change_of_what_has_a_revision_goes_with_the_first_wave() -> None:
    """As it did before."""
    gateway = _object("gateway.networking.k8s.io/v1:Gateway", "gw", _gateway("a"), _gateway("a", "other"))
    sample = _object("apps/v1:Deployment", "server", _sample("a"), _sample("a", "hello:2"))
    assert (_changes(gateway, sample).releases, _changes(gateway, sample).others) == ((), 2)


def test_without_a_change_there_is_nothing_to_do() -> None:
    """Reads and components are none."""
    assert not _changes(_secret("same"), _component("create", "mesh:index:RemoteSecret", "eu-sees-us"))


def test_new_clusters_and_samples_cannot_be_called_yet() -> None:
    """Where a rollout goes on, they are not among what must be right before."""
    found = _changes(
        _cluster("create", "us"),
        _component("create", "mesh:index:HelloWorld", "eu-hello-world", parent=f"{_CLUSTER}::eu"),
    )
    assert found.new == {"us", "eu"}


def test_each_update_leaves_out_the_releases_of_all_later_waves() -> None:
    """The last one leaves out nothing."""
    releases = [_waiting(name) for name in ("asia", "canary", "eu", "us")]
    first, second, third = steps(_WAVES, releases)
    assert [step.clusters for step in (first, second, third)] == [("canary",), ("eu", "us"), ("asia",)]
    assert {release.cluster for release in first.later} == {"eu", "us", "asia"}
    assert second.waiting == ("asia",)
    assert third.later == ()


def test_a_wave_in_which_nothing_waits_is_no_update() -> None:
    """So a rollout that was stopped goes on where it was."""
    (only,) = steps(_WAVES, [_waiting("us")])
    assert (only.wave.number, only.clusters, only.later) == (2, ("us",), ())
    assert steps(_WAVES, []) == ()


def test_the_plan_says_who_restarts_when() -> None:
    """By wave and cluster, and what goes at once."""
    releases = (_waiting("canary"), _waiting("eu", restarts=False))
    assert list(described(_WAVES, Changes(releases=releases, others=2, new=frozenset()))) == [
        "wave 1 of 3:",
        "  canary: istiod, restarts the pods of istiod",
        "wave 2 of 3:",
        "  eu: istiod, restarts no pod",
        "with the first wave: 2 other changes",
    ]


def test_a_change_that_harms_nobody_goes_at_once() -> None:
    """It has no wave."""
    assert list(described(_WAVES, Changes(releases=(), others=1, new=frozenset()))) == [
        "at once: 1 other change"
    ]


_NOT_LOADED = Finding(
    reason=Reason.MESH_CONFIG_NOT_LOADED, cluster="eu", message="another mesh configuration", hint="pulumi up"
)
_NOT_KEPT = _NOT_LOADED.model_copy(update={"reason": Reason.UNSEEN_CLUSTER_ANSWERS})
_DOWN = _NOT_LOADED.model_copy(update={"reason": Reason.ISTIOD_DOWN})
_WARNING = _DOWN.model_copy(update={"severity": Severity.WARNING})


def test_a_cluster_has_its_old_mesh_configuration_until_its_wave() -> None:
    """And calls that will stay inside leave it. Later both are errors, and so is all else at any time."""
    findings = (_NOT_LOADED, _NOT_KEPT, _DOWN, _WARNING)
    assert list(unexpected(findings, {"eu"}, answered=True)) == [_DOWN]
    assert list(unexpected(findings, set(), answered=True)) == [_NOT_LOADED, _NOT_KEPT, _DOWN]


@pytest.mark.parametrize(
    "reason", [Reason.NEXT_ISTIOD_DOWN, Reason.NEXT_ISTIOD_NOT_SYNCED, Reason.INJECTION_NOT_MOVED]
)
def test_a_cluster_is_not_on_its_way_to_another_control_plane_until_its_wave(reason: Reason) -> None:
    """Then it must be there, and serve what it should."""
    finding = _NOT_LOADED.model_copy(update={"reason": reason})
    assert list(unexpected([finding], {"eu"}, answered=True)) == []
    assert list(unexpected([finding], {"us"}, answered=True)) == [finding]


def test_a_call_without_an_answer_is_never_expected() -> None:
    """Whatever the reason is, and even if a warning is all that is known."""
    findings = (_NOT_LOADED, _WARNING)
    assert list(unexpected(findings, {"eu"}, answered=False)) == [_NOT_LOADED, _WARNING]
