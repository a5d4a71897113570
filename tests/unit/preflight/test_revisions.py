"""A cluster goes from one control plane to another step by step, and leaves none that serves a proxy."""

from collections.abc import Mapping
from typing import Any

import pytest

from mesh.config.resolved import StackConfig
from mesh.live.facts import ServedProxies
from mesh.preflight.revisions import problems, used
from mesh.stacks.state import MUTATING_WEBHOOK, RELEASE, RecordedResource, RecordedState
from tests.builders.stacks import stack_config

_NEXT: dict[str, Any] = {"version": "1.31.0"}
_STEPS: dict[str, dict[str, Any]] = {
    "before": {"version": "1.30.4"},
    "beside": {"version": "1.30.4", "next": _NEXT},
    "moved": {"version": "1.30.4", "next": {**_NEXT, "phase": "moved"}},
    "after": {"version": "1.31.0", "revision": "1-31-0"},
}
_THERE: dict[str, tuple[tuple[str, ...], str | None]] = {
    "before": (("east-istiod",), None),
    "beside": (("east-istiod", "east-istiod-1-31-0"), "default"),
    "moved": (("east-istiod", "east-istiod-1-31-0"), "1-31-0"),
    "after": (("east-istiod-1-31-0",), "1-31-0"),
}


def _recorded(*releases: str, tag: str | None = None, cluster: str = "east") -> RecordedState:
    """A state with these releases of a control plane, and the tag `default` at a revision."""
    parent = f"urn:pulumi:dev::istio-mesh::mesh:index:ControlPlane::{cluster}-control-plane"
    resources = [
        RecordedResource(urn=f"urn:{RELEASE}::{name}", type=RELEASE, parent=parent)
        for name in (f"{cluster}-istio-base", *releases)
    ]
    if tag is not None:
        urn = f"urn:{MUTATING_WEBHOOK}::{cluster}-istio-revision-tag-default"
        outputs = {"metadata": {"labels": {"istio.io/rev": tag}}}
        resources.append(RecordedResource(urn=urn, type=MUTATING_WEBHOOK, parent=parent, outputs=outputs))
    return RecordedState(resources=tuple(resources))


def _at(step: str) -> RecordedState:
    releases, tag = _THERE[step]
    return _recorded(*releases, tag=tag)


def _config(step: str) -> StackConfig:
    return stack_config({"east": {}}, istio=_STEPS[step])


def _refused(
    there: str, wanted: str, proxies: Mapping[str, Mapping[str, int]] | None = None, **found: Any
) -> list[str]:
    config, recorded = _config(wanted), _at(there)
    read = ServedProxies(by_revision=proxies or {}, **found)
    return [
        str(problem) for problem in problems(config, recorded, dict.fromkeys(used(config, recorded), read))
    ]


@pytest.mark.parametrize("wanted", list(_STEPS))
@pytest.mark.parametrize("there", list(_STEPS))
def test_a_step_may_follow_only_the_one_beside_it(there: str, wanted: str) -> None:
    """Forth, back, and once more; after the last one, too, the old control plane may come back."""
    order = list(_STEPS)
    allowed = abs(order.index(there) - order.index(wanted)) <= 1
    assert (_refused(there, wanted) == []) is allowed


def test_a_refusal_names_the_step_that_is_left_out() -> None:
    """With the setting that says so."""
    see = "(docs/runbooks/upgrade-by-revision.md)"
    assert _refused("before", "moved") == [
        "istio.next.phase: moved makes the control plane istiod-1-31-0 serve east, which does not have it "
        f"yet; expected the phase beside first {see}"
    ]
    assert _refused("before", "after") == [
        "istio.revision: east has the control plane istiod, not the control plane istiod-1-31-0: use "
        "istio.next to add another one; expected version and revision as they were, and next: "
        f"{{version: 1.31.0}} {see}"
    ]
    for there, wanted, serves in (("beside", "after", "istiod"), ("moved", "before", "istiod-1-31-0")):
        (message,) = _refused(there, wanted)
        assert message == (
            f"istio.next: the control plane {serves} serves the gateways and new pods of east, and would be "
            "removed in the same step; expected the other phase first, with both control planes as they were "
            + see
        )


def test_a_cluster_without_a_control_plane_may_begin_anywhere() -> None:
    """One that joins while the others move."""
    for step in _STEPS:
        assert list(problems(_config(step), RecordedState(), {})) == []


def test_a_control_plane_does_not_go_from_under_its_proxies() -> None:
    """Neither the old one at the end, nor the next one on the way back; with the pods, and what to do."""
    (message,) = _refused("moved", "after", {"default": {"shop": 2, "web": 1}, "1-31-0": {"istio-system": 1}})
    assert message == (
        "istio.next: the control plane istiod would be removed from east, but serves 3 pods in the "
        "namespaces shop, "
        "web there: their proxies would get no more configuration, and no new certificate when theirs "
        "expires. "
        "Restart them, for example with `kubectl --namespace shop rollout restart deployment`, and run the "
        "same command again (docs/runbooks/upgrade-by-revision.md)"
    )
    (message,) = _refused("beside", "before", {"1-31-0": {"shop": 1}, "default": {"web": 1}})
    assert message.startswith(
        "istio.next: the control plane istiod-1-31-0 would be removed from east, but serves 1 pod "
    )
    assert _refused("moved", "after", {"1-31-0": {"shop": 3}}) == []


def test_pods_that_may_not_be_read_hold_the_old_control_plane() -> None:
    """Of a cluster that gives no answer, nothing goes anyway."""
    (message,) = _refused("moved", "after", refused="forbidden")
    assert message.startswith("istio.next: the proxies in east cannot be read: forbidden")
    assert _refused("moved", "after", unreachable="timeout") == []


def test_pods_are_read_where_a_control_plane_goes_alone() -> None:
    """Reading all pods of a large cluster takes its time."""
    assert [used(_config(step), _at("moved")) for step in ("beside", "moved", "after")] == [(), (), ("east",)]


def test_a_cluster_whose_name_begins_like_a_release_is_another_one() -> None:
    """Its releases have another parent."""
    recorded = _recorded("east-istiod-x-istiod", cluster="east-istiod-x")
    assert used(_config("before"), recorded) == ()
