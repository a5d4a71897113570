"""Gateways whose pods go while connections lead through them, and what may be cut then.

A pod keeps its connections until they end, or until its time is over: docs/connections.md.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from mesh.istio.names import GATEWAY
from tests.e2e.connections import Watch
from tests.e2e.faults import SYSTEM
from tests.e2e.kube import Kube, eventually
from tests.e2e.load import Load

_CUT = "reset reason: connection termination"
_MOST_CUT = 2
"""Of each client through each gateway: it has a connection or two, which may be in use just then."""
_CLOCK = timedelta(seconds=1)
"""Kubernetes says times in whole seconds."""


def all_pods(kube: Kube, app: str = GATEWAY) -> list[dict[str, Any]]:
    """The pods of a Deployment in Istio's namespace, those on their way out too."""
    return kube.get("pods", f"--namespace={SYSTEM}", f"--selector=app={app}")["items"]


def pods(kube: Kube, app: str = GATEWAY) -> list[dict[str, Any]]:
    """The pods of a Deployment in Istio's namespace that stay."""
    return [pod for pod in all_pods(kube, app) if _end(pod) is None]


def end_of_those_that_go(kubes: Iterable[Kube]) -> datetime:
    """When the time of the first gateway that goes is over; there must be one that goes in each cluster."""
    ends = [[end for pod in all_pods(kube) if (end := _end(pod))] for kube in kubes]
    assert all(ends), "the gateways of before are gone already"
    return min(end for found in ends for end in found)


def wait_until_gone(kubes: Iterable[Kube]) -> None:
    """Wait until no gateway is on its way out."""
    for kube in kubes:
        eventually(lambda kube=kube: all_pods(kube) == pods(kube), lambda: "a gateway is still going")


def assert_only_cut(
    load: Load, watch: Watch, clusters: Collection[str], *, after: datetime | None = None
) -> None:
    """No call fails and no connection breaks but what a gateway that goes has cut.

    A connection goes through one gateway, which goes once, and cuts nothing before the time `after`. Each of
    the clusters calls, and is answered by all.
    """
    report = load.report
    others = [call for call in report.failed if not call.reason.endswith(_CUT)]
    assert not others, str(report)
    assert len(report.failed) <= _MOST_CUT * len(clusters) * (len(clusters) - 1), str(report)
    for caller in clusters:
        assert set(report.answered(caller)) == set(clusters), report
    times = Counter(event.connection for event in watch.broken)
    assert max(times.values(), default=0) <= 1, watch
    if after:
        cut = [*(event.at for event in watch.broken), *(call.ended for call in report.failed)]
        assert not cut or min(cut) >= after - _CLOCK, f"cut before {after}: {watch}\n{report}"


def _end(pod: Mapping[str, Any]) -> datetime | None:
    end = pod["metadata"].get("deletionTimestamp")
    return datetime.fromisoformat(end) if end else None
