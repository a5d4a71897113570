"""Pods of an old template beside those of a new one."""

from typing import Any

from mesh.live.pods import replaced


def _pod(template: str, *, of: str = "istiod", phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    names = {"generateName": f"{of}-{template}-", "labels": {"pod-template-hash": template}}
    return {"metadata": {**names, **metadata}, "status": {"phase": phase}}


def _of_a_daemon_set(revision: str) -> dict[str, Any]:
    labels = {"controller-revision-hash": revision}
    return {"metadata": {"generateName": "gateway-", "labels": labels}, "status": {"phase": "Running"}}


def test_pods_of_two_templates_are_a_change_under_way() -> None:
    """Also where the old one is on its way out: it still serves those who are connected to it."""
    assert replaced([_pod("a"), _pod("b")])
    assert replaced([_pod("a", deletionTimestamp="2026-01-01T00:00:00Z"), _pod("b")])
    assert replaced([_of_a_daemon_set("1"), _of_a_daemon_set("2")])


def test_pods_of_one_template_are_not() -> None:
    """However many there are."""
    assert not replaced([_pod("a"), _pod("a"), _of_a_daemon_set("1"), _of_a_daemon_set("1")])
    assert not replaced([])


def test_each_controller_has_a_template_of_its_own() -> None:
    """Such as istiod of two revisions."""
    assert not replaced([_pod("a"), _pod("b", of="istiod-next")])


def test_a_pod_that_has_ended_is_not_waited_for() -> None:
    """One that was evicted stays until somebody deletes it."""
    assert not replaced([_pod("a", phase="Failed"), _pod("b")])
