"""Whether pods can go on where a cluster gets another data plane, or loses one."""

from collections.abc import Mapping
from typing import Any

import pytest

from mesh.config.resolved import Connection, StackConfig
from mesh.live.facts import ProxiedPods
from mesh.preflight.data_plane import problems, used, warnings
from mesh.stacks.state import RELEASE, RecordedState
from tests.builders.stacks import stack_config

_ENROLLED = ProxiedPods(enrolled={"shop": 2, "web": 1})
_SIDECARS = ProxiedPods(sidecars={"shop": 2}, without_hbone={"shop": 1})


def _recorded(*clusters: str, away: frozenset[str] = frozenset()) -> RecordedState:
    """A state in which these clusters have ztunnel, and one more does not."""
    return RecordedState(
        urns={(RELEASE, f"{name}-ztunnel"): "urn" for name in clusters},
        connections={name: Connection(context=name, path="config") for name in (*clusters, "other")},
        away=away,
    )


def _config(**planes: str) -> StackConfig:
    return stack_config({name: {"dataPlane": plane} for name, plane in planes.items()})


def _refused(config: StackConfig, pods: Mapping[str, ProxiedPods]) -> list[str]:
    return [str(problem) for problem in problems(config, pods)]


def test_pods_count_where_there_is_or_will_be_a_ztunnel() -> None:
    """Also in a cluster whose entry is gone, but not where no cluster is to be asked."""
    config = _config(new="ambient", back="sidecar", never="sidecar", both="both")
    recorded = _recorded("back", "both", "gone", "lost", away=frozenset({"lost"}))
    assert used(config, recorded) == ("new", "back", "both", "gone")
    offline = stack_config({"a": {"dataPlane": "ambient", "offline": True}})
    assert used(offline, _recorded()) == ()


def test_ztunnel_does_not_go_from_under_its_pods() -> None:
    """With the pods, the reason, and the command that lets it go."""
    (message,) = _refused(_config(east="sidecar"), {"east": _ENROLLED})
    assert message == (
        "clusters.east.dataPlane: 3 pods in the namespaces shop, web of east are ambient: without ztunnel "
        "they would have no network, until they are made again. Remove the label istio.io/dataplane-mode "
        "from their namespaces or from the pods, for example with `kubectl label namespace shop "
        "istio.io/dataplane-mode-`: they go on, in plain text. Then run the same command again "
        "(docs/runbooks/sidecar-to-ambient.md#back-to-sidecars)"
    )


def test_a_cluster_does_not_leave_from_under_its_ambient_pods() -> None:
    """Its entry is gone."""
    (message,) = _refused(_config(east="ambient"), {"west": _ENROLLED})
    assert message.startswith("clusters.west: 3 pods in the namespaces shop, web of west are ambient")


@pytest.mark.parametrize("plane", ["ambient", "both"])
def test_ambient_pods_may_stay_with_their_ztunnel(plane: str) -> None:
    """Nothing is taken from them."""
    assert _refused(_config(east=plane), {"east": _ENROLLED}) == []


def test_a_cluster_with_sidecars_becomes_ambient_by_way_of_both() -> None:
    """In one step, and in the last one before all have moved."""
    (message,) = _refused(_config(east="ambient"), {"east": _SIDECARS})
    assert message.startswith("clusters.east.dataPlane: 2 pods in the namespace shop of east have sidecars")
    assert "Expected both, until none has one" in message


@pytest.mark.parametrize("plane", ["sidecar", "both"])
def test_sidecars_may_be_where_they_are_meant_to_be(plane: str) -> None:
    """On the way forth and back."""
    assert _refused(_config(east=plane), {"east": _SIDECARS}) == []


def test_pods_that_cannot_be_read_stop_what_depends_on_them() -> None:
    """An answer that refuses does not pass by itself; without an answer nothing is changed anyway."""
    (message,) = _refused(_config(east="sidecar"), {"east": ProxiedPods(refused="pods is forbidden")})
    assert message.startswith("clusters.east.dataPlane: the pods of east cannot be read: pods is forbidden")
    assert _refused(_config(east="sidecar"), {"east": ProxiedPods(unreachable="timed out")}) == []


@pytest.mark.parametrize(
    ("plane", "recorded", "told"),
    [
        ("both", ["east"], True),
        ("both", [], False),
        ("ambient", ["east"], False),
        ("sidecar", ["east"], False),
    ],
)
def test_sidecars_without_tunnels_are_told_once_they_can_get_them(
    plane: str, recorded: list[str], *, told: bool
) -> None:
    """Where the control plane gives them to new pods, and both kinds are meant to be there."""
    found = list(warnings(_config(east=plane), {"east": _SIDECARS}, _recorded(*recorded)))
    assert bool(found) is told
    if told:
        assert found[0].startswith("1 pod in the namespace shop of east have sidecars from before east had")


def test_many_namespaces_are_not_all_named() -> None:
    """A line is read to its end."""
    many: dict[str, Any] = {f"ns-{number}": 1 for number in range(7)}
    (message,) = _refused(_config(east="sidecar"), {"east": ProxiedPods(enrolled=many)})
    assert "7 pods in the namespaces ns-0, ns-1, ns-2, ns-3, ns-4 and 2 more of east" in message
