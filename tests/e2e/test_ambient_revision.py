"""An ambient mesh moves to another version of Istio by revision, and no call fails.

The steps are those of docs/runbooks/upgrade-by-revision.md. The test needs a ztunnel: see
`tests/e2e/ambient.py`.
"""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sandbox import cluster, versions
from tests.e2e.ambient import ambient_config, both_loads
from tests.e2e.faults import SYSTEM, passes
from tests.e2e.kube import Kube, assert_answered_everywhere
from tests.e2e.stack import Stack
from tests.fixtures import needs_ztunnel

pytestmark = [pytest.mark.ambient, needs_ztunnel]

NAMES = ("north", "south")
_REVISION = versions.ISTIO_NEXT.replace(".", "-")


@pytest.fixture(scope="module")
def upgrading(
    fresh_clusters: Callable[..., Mapping[str, cluster.Cluster]], new_stack: Callable[[str], Stack]
) -> Stack:
    """A mesh whose control planes have no revision; what has a version of its own is told the next one's."""
    fresh_clusters(*NAMES)
    stack = new_stack("upgrading")
    stack.init(ambient_config(NAMES, cluster.merged_kubeconfig()))
    stack.up()
    return stack


def test_istio_is_upgraded_by_revision(upgrading: Stack, kube: Callable[[str], Kube]) -> None:
    """The next control plane comes, ztunnel and the gateways move to it, and the old one goes."""
    kubes = {name: kube(name) for name in NAMES}
    assert_answered_everywhere(kubes)
    for settings in (
        {"next": {"version": versions.ISTIO_NEXT}},
        {"next": {"version": versions.ISTIO_NEXT, "phase": "moved"}},
        {"next": None, "version": versions.ISTIO_NEXT, "revision": _REVISION},
    ):
        _configure(upgrading, **settings)
        with both_loads(NAMES) as loads:
            upgrading.up()
        loads.assert_none_failed()
        passes(upgrading)
    for view in kubes.values():
        deployments = view.get("deployments", f"--namespace={SYSTEM}")["items"]
        names = {deployment["metadata"]["name"] for deployment in deployments}
        assert {name for name in names if name.startswith("istiod")} == {f"istiod-{_REVISION}"}
        charts = {release["chart"] for release in view.releases().values()}
        assert charts == {f"{c}-{versions.ISTIO_NEXT}" for c in ("base", "istiod", "cni", "ztunnel")}
    assert_answered_everywhere(kubes)
    assert upgrading.preview() == []


def _configure(stack: Stack, **settings: Any) -> None:
    """Change settings of the section `istio`; None takes one away."""
    config = copy.deepcopy(stack.config())
    istio = {**config["istio"], **settings}
    config["istio"] = {key: value for key, value in istio.items() if value is not None}
    stack.configure(config)
