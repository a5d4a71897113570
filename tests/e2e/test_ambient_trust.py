"""Intermediates and the root of an ambient mesh are rotated, and no call fails; a revoked one is refused.

ztunnel learns of roots with its certificates, so a phase ends when every ztunnel has new ones. These tests
need a ztunnel: see `tests/e2e/ambient.py`.
"""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from mesh.config.resolved import Connection
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.ztunnel import read_dump
from sandbox import cluster
from tests.e2e.ambient import GATEWAY, NAMES, both_loads, restart
from tests.e2e.faults import SYSTEM, check, passes
from tests.e2e.kube import Kube, eventually
from tests.e2e.stack import Stack
from tests.fixtures import needs_ztunnel

pytestmark = [pytest.mark.ambient, needs_ztunnel]

View = Callable[[str], Kube]
_PHASES = ("trust-both", "sign-with-new", "drop-old")
# The kubelet brings a changed Secret into the pod of istiod within two minutes.
_PROPAGATION_SECONDS = 240


def test_new_intermediates_come_with_the_next_certificates(ambient: Stack, kube: View) -> None:
    """A restart of ztunnel renews all of them at once."""
    following = _next_intermediate(ambient)
    before = _intermediates()
    with both_loads() as loads:
        _set_trust(ambient, intermediate=following)
        ambient.up()
        _issued(kube, lambda: _intermediates().isdisjoint(before))
    loads.assert_none_failed()
    passes(ambient)


def test_the_root_is_rotated_in_phases_each_of_which_waits_for_ztunnel(ambient: Stack, kube: View) -> None:
    """The next phase is refused until every ztunnel and every gateway has what this one gives."""
    with both_loads() as loads:
        for phase, following in zip(_PHASES, [*_PHASES[1:], None], strict=True):
            _set_trust(ambient, nextRoot={"generation": 2, "key": "ecdsa-p256"}, phase=phase)
            ambient.up()
            if following is not None:
                _set_trust(ambient, phase=following)
                refused = ambient.pulumi("preview", check=False)
                assert refused.returncode != 0
                assert "ztunnel" in refused.stdout
                _set_trust(ambient, phase=phase)
            _issued(kube, lambda: not _trust(ambient)["waiting"])
        _set_trust(ambient, root={"generation": 2, "key": "ecdsa-p256"}, nextRoot=None, phase=None)
        ambient.up()
    loads.assert_none_failed()
    passes(ambient)
    assert ambient.preview() == []


def test_a_revoked_intermediate_is_refused_until_it_is_revoked_no_more(ambient: Stack, kube: View) -> None:
    """In east, ztunnel still has certificates of the one before; in west, all is new."""
    _set_trust(ambient, revoked=[])
    ambient.up()
    eventually(lambda: _has_no_error(ambient), lambda: check(ambient), seconds=_PROPAGATION_SECONDS)
    [old] = _intermediates("east")
    _set_trust(ambient, intermediate=_next_intermediate(ambient))
    ambient.up()
    before = _intermediates("west")
    _issued(kube, lambda: _intermediates("west").isdisjoint(before), "west")
    east = kube("east")
    eventually(lambda: set(east.answers(20)) == set(NAMES), east.answers, seconds=_PROPAGATION_SECONDS)
    assert _intermediates("east") == {old}
    _set_trust(ambient, revoked=[f"{int(old):x}"])
    ambient.up()
    eventually(lambda: "west" not in east.answers(), east.answers, seconds=_PROPAGATION_SECONDS)
    assert ambient.preview() == []
    _set_trust(ambient, revoked=[])
    ambient.up()
    eventually(lambda: "west" in east.answers(), east.answers, seconds=_PROPAGATION_SECONDS)
    _issued(kube, lambda: old not in _intermediates("east"), "east")
    _set_trust(ambient, revoked=None)
    ambient.up()
    for name in NAMES:
        restart(kube(name), "deployment/istiod")
    passes(ambient)


def _has_no_error(ambient: Stack) -> bool:
    code, _ = check(ambient)
    return code == 0


def _issued(kube: View, condition: Callable[[], bool], *names: str) -> None:
    """Restart what has certificates until the condition holds: istiod hears of a change by the kubelet."""

    def renewed() -> bool:
        for name in names or NAMES:
            for workload in ("daemonset/ztunnel", f"deployment/{GATEWAY}"):
                restart(kube(name), workload)
        return condition()

    eventually(renewed, lambda: {name: _intermediates(name) for name in NAMES}, seconds=_PROPAGATION_SECONDS)


def _next_intermediate(ambient: Stack) -> dict[str, Any]:
    """The settings of the next generation."""
    now = ambient.config()["trust"]["intermediate"]
    return {**now, "generation": now.get("generation", 1) + 1}


def _intermediates(*names: str) -> set[str]:
    """The serial numbers of those that signed what ztunnels have, in all clusters or in some."""
    found: set[str] = set()
    for name in names or NAMES:
        api = KubernetesApi.connect(Connection(context=name, path=str(cluster.merged_kubeconfig())))
        for pod in api.list(f"/api/v1/namespaces/{SYSTEM}/pods?labelSelector=app%3Dztunnel"):
            for held in read_dump(api, pod["metadata"]["name"])["certificates"]:
                found.add(held["certChain"][1]["serialNumber"])
    assert found, "ztunnel shows no certificates"
    return found


def _trust(ambient: Stack) -> dict[str, Any]:
    done = ambient.command("trust", "--workloads", "--output=json")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def _set_trust(ambient: Stack, **settings: Any) -> None:
    config = copy.deepcopy(ambient.config())
    config["trust"] = {k: v for k, v in {**config["trust"], **settings}.items() if v is not None}
    ambient.configure(config)
