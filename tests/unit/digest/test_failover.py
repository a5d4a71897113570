"""Which calls a change of failover cuts short, in words."""

from typing import Any

import pytest

from mesh.digest.dangers import dangers
from mesh.digest.failover import cut_short
from mesh.digest.steps import Change, Preview, Step

_HOST = "checkout.shop.svc.cluster.local"
_TYPE = "kubernetes:networking.istio.io/v1:VirtualService"
_OTHER = "kubernetes:networking.istio.io/v1:DestinationRule"
_LIMIT_25 = (
    "calls to `checkout.shop.svc.cluster.local` from east fail if their answer does not begin within 2.5s "
    "(docs/failover.md)"
)


def _inputs(limit: str | None, name: str = f"failover-{_HOST}") -> dict[str, Any]:
    if limit is None:
        return {}
    route = {"retries": {"perTryTimeout": limit}}
    return {"metadata": {"name": name}, "spec": {"hosts": [_HOST], "http": [route]}}


def _step(
    old: dict[str, Any],
    new: dict[str, Any],
    *,
    cluster: str | None = "east",
    kind: str = _TYPE,
    change: Change = Change.CHANGED,
) -> Step:
    states = ({"type": kind, "custom": True, "inputs": inputs} if inputs else {} for inputs in (old, new))
    before, after = states
    return Step(urn="urn::name", change=change, cluster=cluster, old=before, new=after)


def _messages(*steps: Step) -> list[str]:
    return [danger.message for danger in cut_short(steps)]


@pytest.mark.parametrize("old", [None, "10s"], ids=["new", "shorter"])
def test_answers_with_less_time_are_told(old: str | None) -> None:
    """Where there was no limit, and where there was a longer one."""
    assert _messages(_step(_inputs(old), _inputs("2.5s"))) == [_LIMIT_25]


def test_a_change_in_several_clusters_is_told_once() -> None:
    """With their names."""
    steps = [_step({}, _inputs("2.5s"), cluster=name) for name in ("east", "west")]
    (danger,) = cut_short(steps)
    assert (danger.clusters, danger.message) == (("east", "west"), _LIMIT_25.replace("east", "east, west"))


@pytest.mark.parametrize(
    "step",
    [
        _step(_inputs("2.5s"), _inputs("10s")),
        _step(_inputs("2.5s"), _inputs("2.5s")),
        _step(_inputs("2.5s"), {}, change=Change.DELETED),
        _step({}, _inputs("2.5s", name="istiod-gateway")),
        _step({}, _inputs("2.5s"), kind=_OTHER),
        _step({}, _inputs("2.5s"), cluster=None),
        _step({}, _inputs("[secret]")),
        _step(
            {}, {"metadata": {"name": f"failover-{_HOST}"}, "spec": {"hosts": "[secret]", "http": "[secret]"}}
        ),
    ],
    ids=["longer", "equal", "deleted", "another one", "another kind", "no cluster", "secret", "all secret"],
)
def test_nothing_else_is(step: Step) -> None:
    """What is deleted is told as such."""
    assert _messages(step) == []


def test_a_cluster_that_joins_has_no_calls_yet() -> None:
    """So it endangers nobody; in one that stays, it is among what is dangerous."""
    step = _step({}, _inputs("2.5s"))
    staying = Preview(steps=(step,), clusters=("east",))
    assert [danger.message for danger in dangers(staying, ())] == [_LIMIT_25]
    assert dangers(Preview(steps=(step,), clusters=("east",), added=frozenset({"east"})), ()) == ()
