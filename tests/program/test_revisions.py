"""What the program registers while a cluster moves from one control plane to another, and back."""

import json
from functools import cache
from typing import Any

import pytest

from mesh.stacks import state
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import Recording, Registration, run_config

_RELEASE = "kubernetes:helm.sh/v3:Release"
_TAG = "kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfiguration"
_GATEWAY = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
_DEPLOYMENT = "kubernetes:apps/v1:Deployment"
_NEXT = {"version": "1.31.0"}
_PHASES: dict[str, dict[str, Any]] = {
    "before": {"version": "1.30.4"},
    "beside": {"version": "1.30.4", "next": _NEXT},
    "moved": {"version": "1.30.4", "next": {**_NEXT, "phase": "moved"}},
    "after": {"version": "1.31.0", "revision": "1-31-0"},
    "beside again": {"version": "1.31.0", "revision": "1-31-0", "next": {"version": "1.31.1"}},
    "moved again": {
        "version": "1.31.0",
        "revision": "1-31-0",
        "next": {"version": "1.31.1", "phase": "moved"},
    },
    "after again": {"version": "1.31.1", "revision": "1-31-1"},
}
_UPGRADE = ["before", "beside", "moved", "after"]
_AGAIN = ["after", "beside again", "moved again", "after again"]


@cache
def _run(phase: str, data_plane: str = "sidecar") -> Recording:
    write_kubeconfigs({"east": {"context": "east"}})
    sections = {
        "mesh": {"id": "dev"},
        "dataPlane": data_plane,
        "helloWorld": {"enabled": True},
        "istio": _PHASES[phase],
        "waypoints": ["sample"] if data_plane == "ambient" else [],
        "clusters": {"east": {"context": "east"}},
    }
    given = {name: value for name, value in sections.items() if value != []}
    return run_config({f"istio-mesh:{name}": json.dumps(value) for name, value in given.items()})


def _named(recording: Recording) -> dict[str, Registration]:
    return {r.urn: r for r in recording.resources}


def _names(urns: set[str]) -> list[str]:
    return sorted(urn.rpartition("::")[2] for urn in urns)


def _step(before: str, after: str, data_plane: str = "sidecar") -> tuple[list[str], list[str], list[str]]:
    """Logical names of what is added, removed and changed from one phase to another."""
    old, new = _named(_run(before, data_plane)), _named(_run(after, data_plane))
    changed = {urn for urn in old.keys() & new.keys() if old[urn].inputs != new[urn].inputs}
    return _names(new.keys() - old.keys()), _names(old.keys() - new.keys()), _names(changed)


_SERVED = ["east-hello-world-client-deployment", "east-hello-world-server-deployment", "east-istio-base"]
_MOVES = sorted([*_SERVED, "east-istio-eastwestgateway", "east-istio-revision-tag-default"])


@pytest.mark.parametrize(
    ("step", "added", "removed", "changed"),
    [
        (
            ("before", "beside"),
            ["east-istio-revision-tag-default", "east-istiod-1-31-0"],
            [],
            ["east-istio-base", "east-istiod"],
        ),
        (("beside", "moved"), [], [], _MOVES),
        (("moved", "after"), [], ["east-istiod"], []),
        (("after", "beside again"), ["east-istiod-1-31-1"], [], ["east-istio-base"]),
        (("beside again", "moved again"), [], [], _MOVES),
        (("moved again", "after again"), [], ["east-istiod-1-31-0"], []),
    ],
    ids=lambda value: " to ".join(value) if isinstance(value, tuple) else "",
)
def test_a_step_changes_no_more_than_it_says_and_the_way_back_undoes_it(
    step: tuple[str, str], added: list[str], removed: list[str], changed: list[str]
) -> None:
    """No resource gets another name: nothing is replaced, and the old control plane alone goes."""
    assert _step(*step) == (added, removed, changed)
    assert _step(step[1], step[0]) == (removed, added, changed)


def test_a_chart_follows_the_control_plane_that_serves_it() -> None:
    """Definitions are those of the newest one, which the older takes too."""
    versions = {
        phase: {r.name.removeprefix("east-"): r.inputs["version"] for r in _run(phase).of_type(_RELEASE)}
        for phase in _UPGRADE
    }
    old, new = "1.30.4", "1.31.0"
    base, gateway = "istio-base", "istio-eastwestgateway"
    assert versions == {
        "before": {base: old, "istiod": old, gateway: old},
        "beside": {base: new, "istiod": old, "istiod-1-31-0": new, gateway: old},
        "moved": {base: new, "istiod": old, "istiod-1-31-0": new, gateway: new},
        "after": {base: new, "istiod-1-31-0": new, gateway: new},
    }


def test_one_webhook_gives_a_pod_its_proxy_in_every_phase() -> None:
    """The control plane without a revision makes its own until there is the tag, and none beside it."""
    for phase in (*_UPGRADE, *_AGAIN):
        recording = _run(phase)
        own = [
            r.name
            for r in recording.of_type(_RELEASE)
            if r.name == "east-istiod" and "operatorManageWebhooks" not in r.inputs["values"]["global"]
        ]
        assert len([*own, *recording.of_type(_TAG)]) == 1, phase


@pytest.mark.parametrize(
    ("phase", "service", "label"),
    [
        ("beside", "istiod", "default"),
        ("moved", "istiod-1-31-0", "1-31-0"),
        ("after", "istiod-1-31-0", "1-31-0"),
    ],
)
def test_the_tag_leads_to_the_control_plane_that_serves(phase: str, service: str, label: str) -> None:
    """All of its webhooks at once, and its label says so to istiod."""
    tag = _run(phase).one(_TAG, "east-istio-revision-tag-default").inputs
    assert {w["clientConfig"]["service"]["name"] for w in tag["webhooks"]} == {service}
    assert (tag["metadata"]["labels"]["istio.io/rev"], tag["metadata"]["labels"]["istio.io/tag"]) == (
        label,
        "default",
    )


def test_the_tag_is_there_before_the_old_control_plane_leaves_its_webhook() -> None:
    """A pod that starts in between would have no proxy, and nothing would say so."""
    recording = _run("beside")
    assert "east-istio-revision-tag-default" in recording.before(recording.one(_RELEASE, "east-istiod"))


def test_what_is_served_waits_for_the_tag_and_the_control_plane_that_it_leads_to() -> None:
    """A pod that restarts earlier would get its proxy from the old one."""
    recording = _run("moved")
    needed = {"east-istio-revision-tag-default", "east-istiod-1-31-0"}
    assert needed <= recording.before(recording.one(_RELEASE, "east-istio-eastwestgateway"))
    for role in ("server", "client"):
        pods = recording.one(_DEPLOYMENT, f"east-hello-world-{role}-deployment")
        assert needed <= recording.before(pods)


def test_gateways_and_the_sample_restart_for_another_control_plane_alone() -> None:
    """By a value and an annotation of their pods, which are the same before and after the old one goes."""
    revisions = {
        phase: (
            recording.one(_RELEASE, "east-istio-eastwestgateway").inputs["values"].get("revision"),
            recording.one(_DEPLOYMENT, "east-hello-world-server-deployment")
            .inputs["spec"]["template"]["metadata"]
            .get("annotations"),
        )
        for phase in _UPGRADE
        if (recording := _run(phase))
    }
    moved = ("1-31-0", {"istio-mesh/revision": "1-31-0"})
    assert revisions == {"before": (None, None), "beside": (None, None), "moved": moved, "after": moved}


def test_ambient_gateways_waypoints_and_ztunnel_follow_the_same_control_plane() -> None:
    """Their pods by the label of their Gateway; workloads need no restart."""
    names = ("east-istio-eastwestgateway-ambient", "east-sample-waypoint")
    for phase, revision in (("beside", None), ("moved", "1-31-0"), ("after", "1-31-0")):
        recording = _run(phase, "ambient")
        labels = [(recording.one(_GATEWAY, n).inputs["metadata"].get("labels") or {}) for n in names]
        ztunnel = recording.one(_RELEASE, "east-ztunnel").inputs
        assert [found.get("istio.io/rev") for found in labels] == [revision, revision], phase
        assert ztunnel["values"].get("revision") == revision
        assert ztunnel["version"] == ("1.31.0" if revision else "1.30.4")
    _, _, changed = _step("beside", "moved", "ambient")
    assert not [name for name in changed if "hello-world" in name]


def test_checks_of_istios_objects_go_to_the_control_plane_that_serves() -> None:
    """When the old one is gone, a write of such an object would fail there."""
    checks = [
        _run(p).one(_RELEASE, "east-istio-base").inputs["values"].get("defaultRevision") for p in _UPGRADE
    ]
    assert checks == [None, None, "1-31-0", "1-31-0"]


def test_the_stack_says_which_version_serves() -> None:
    """The one that proxies get."""
    versions = [_run(phase).outputs["clusters"]["east"]["istioVersion"] for phase in _UPGRADE]
    assert versions == ["1.30.4", "1.30.4", "1.31.0", "1.31.0"]


def test_the_type_of_the_tag_is_the_one_that_the_preflight_looks_for() -> None:
    """It looks for what others made under that name."""
    assert state.MUTATING_WEBHOOK == _TAG
