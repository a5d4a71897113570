"""A running mesh moves from sidecars to ambient and back, and no step fails a call.

The steps are those of docs/runbooks/sidecar-to-ambient.md. These tests need a ztunnel: see
`tests/e2e/ambient.py`. `pytest -rP` shows how many calls were made in each step.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE
from sandbox import cluster
from tests.e2e.ambient import Loads, for_ambient
from tests.e2e.faults import feed, passes, restart
from tests.e2e.kube import Kube, assert_answered_everywhere
from tests.e2e.load import Load, Report
from tests.e2e.stack import Stack, mesh_config
from tests.fixtures import needs_ztunnel

pytestmark = [pytest.mark.ambient, needs_ztunnel]

View = Callable[[str], Kube]
NAMES = ("north", "south")
_SHOP = "shop"
_AMBIENT = "istio.io/dataplane-mode"
_KEPT_INSIDE = "networking.istio.io/traffic-distribution"
_AFTERWARDS_SECONDS, _LATELY_SECONDS = 6.0, 4.0
"""As long as pods go on that were told to end, and what counts as the last calls."""
_BY_BOTH, _BY_SAMPLE, _BY_SHOP = (
    tuple((caller, target) for caller in callers for target in (NAMESPACE, _SHOP))
    for callers in ((NAMESPACE, _SHOP), (NAMESPACE,), (_SHOP,))
)
"""Callers' namespaces, each with that of the service called: a client that is restarted cannot be one."""


@pytest.fixture(scope="module")
def migrating(
    fresh_clusters: Callable[..., Mapping[str, cluster.Cluster]],
    new_stack: Callable[[str], Stack],
    kube: View,
) -> Stack:
    """A mesh with sidecars, and in the namespace `shop` what HelloWorld is, made by somebody else.

    What is global is as it is with sidecars, in every step.
    """
    fresh_clusters(*NAMES)
    stack = new_stack("migrating")
    stack.init({**mesh_config(NAMES, cluster.merged_kubeconfig()), "exposure": {"hosts": ["*.local"]}})
    stack.up()
    for name in NAMES:
        feed(kube(name), "apply", _shop(kube(name)))
    _everywhere(kube, lambda view: _rolled_out(view, _SHOP))
    assert_answered_everywhere({name: kube(name) for name in NAMES})
    return stack


def test_a_running_mesh_moves_to_ambient_and_back(migrating: Stack, kube: View) -> None:
    """One cluster after the other, and a namespace of a user's; afterwards all is as it was."""
    before = migrating.config()
    _to_both(migrating, kube)
    _to_ambient(migrating, kube)
    passes(migrating)
    assert migrating.preview() == []
    _back_to_both(migrating, kube)
    _refused(migrating, {"north": "sidecar"}, "are ambient: without ztunnel they would have no network")
    _back_to_sidecars(migrating, kube, before)
    passes(migrating)
    assert migrating.preview() == []


def _to_both(stack: Stack, kube: View) -> None:
    """Steps 1 and 2 of the runbook."""
    stack.configure({**stack.config(), **for_ambient(stack.config())})
    _refused(stack, {"north": "ambient"}, "have sidecars, which an ambient cluster does without")
    for name in NAMES:
        with _no_call_fails(f"{name} gets ztunnel", _BY_BOTH):
            _update(stack, {name: "both"})
    _refused(stack, {"north": "ambient"}, "have sidecars, which an ambient cluster does without")
    assert "have sidecars from before" in stack.pulumi("preview").stdout
    for namespace, callers in ((_SHOP, _BY_SAMPLE), (NAMESPACE, _BY_SHOP)):
        with _no_call_fails(f"sidecars of {namespace} restart", callers) as loads:
            _everywhere(kube, lambda view, namespace=namespace: _restart(view, namespace))
            _crossing(loads)
    assert "have sidecars from before" not in stack.pulumi("preview").stdout


def _to_ambient(stack: Stack, kube: View) -> None:
    """Steps 3 to 6."""
    with _no_call_fails("kept inside", _BY_BOTH) as loads:
        _keep_inside(kube, NAMESPACE, _SHOP)
        _staying(loads)
    for name in NAMES:
        with _no_call_fails(f"shop moves in {name}", _BY_SAMPLE):
            kube(name).kubectl("label", "namespace", _SHOP, "istio-injection-", f"{_AMBIENT}=ambient")
            _restart(kube(name), _SHOP)
    with _no_call_fails("shop is open", _BY_BOTH) as loads:
        _open(kube, _SHOP)
        _crossing({(_SHOP, _SHOP): loads[_SHOP, _SHOP]})
    _refused(stack, {"north": "sidecar"}, "are ambient: without ztunnel they would have no network")
    for name in NAMES:
        with _no_call_fails(f"{name} is ambient", _BY_SHOP):
            _update(stack, {name: "ambient"})
    with _no_call_fails("all is open", _BY_BOTH) as loads:
        _open(kube, NAMESPACE)
        _crossing(loads)


def _back_to_both(stack: Stack, kube: View) -> None:
    """The first steps of the way back."""
    with _no_call_fails("kept inside again", _BY_BOTH) as loads:
        _keep_inside(kube, NAMESPACE, _SHOP)
        _staying(loads)
    with _no_call_fails("sidecars may come", _BY_SHOP):
        _update(stack, dict.fromkeys(NAMES, "both"))


def _back_to_sidecars(stack: Stack, kube: View, before: Mapping[str, Any]) -> None:
    """The last ones, in both clusters at once: pods with sidecars are not enrolled, so these come first."""
    for name in NAMES:
        with _no_call_fails(f"shop comes back in {name}", _BY_SAMPLE):
            kube(name).kubectl("label", "namespace", _SHOP, "istio-injection=enabled")
            _restart(kube(name), _SHOP)
            kube(name).kubectl("label", "namespace", _SHOP, f"{_AMBIENT}-")
    with _no_call_fails("all is open again", _BY_BOTH) as loads:
        _open(kube, NAMESPACE, _SHOP)
        _crossing(loads)
    with _no_call_fails("ztunnel goes", _BY_BOTH) as loads:
        stack.configure(before)
        stack.up()
        _crossing(loads)


def _shop(kube: Kube) -> dict[str, Any]:
    """HelloWorld's objects in another namespace; mutual TLS is required there, too."""
    namespace = {"name": _SHOP, "labels": {"istio-injection": "enabled"}}
    strict: dict[str, Any] = {"spec": {"mtls": {"mode": "STRICT"}}}
    items: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": namespace},
        {
            "apiVersion": "security.istio.io/v1",
            "kind": "PeerAuthentication",
            "metadata": {"name": "default", "namespace": _SHOP},
            **strict,
        },
    ]
    for found in kube.get("serviceaccounts,services,deployments", f"--namespace={NAMESPACE}")["items"]:
        name, spec = found["metadata"]["name"], found.get("spec", {})
        if name == "default":
            continue
        for of_the_cluster in ("clusterIP", "clusterIPs"):
            spec.pop(of_the_cluster, None)
        metadata = {"name": name, "namespace": _SHOP, "labels": found["metadata"].get("labels", {})}
        item = {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": metadata}
        items.append({**item, "spec": spec} if spec else item)
    return {"apiVersion": "v1", "kind": "List", "items": items}


@contextlib.contextmanager
def _no_call_fails(step: str, pairs: tuple[tuple[str, str], ...]) -> Iterator[dict[tuple[str, str], Loads]]:
    """Call in each pair, from each cluster, with a connection each and on kept ones, while a step is done."""
    kubeconfig = cluster.merged_kubeconfig()
    loads: dict[tuple[str, str], Loads] = {}
    with contextlib.ExitStack() as running:
        for caller, target in pairs:
            url = f"http://{SERVICE}.{target}:{PORT}/hello"
            short, kept = (
                running.enter_context(Load(kubeconfig, NAMES, rate=2, url=url, kept=kept, namespace=caller))
                for kept in (False, True)
            )
            loads[caller, target] = Loads(short=short, kept=kept)
        yield loads
        time.sleep(_AFTERWARDS_SECONDS)
    for (caller, target), made in loads.items():
        sys.stdout.write(f"{step}: {caller} to {target}: {made}\n")
    for made in loads.values():
        made.assert_none_failed()


def _crossing(loads: Mapping[tuple[str, str], Loads]) -> None:
    """Wait until both clusters answer each."""
    begin = datetime.now(UTC)
    for made in loads.values():
        made.short.wait_until(
            lambda report: all(set(report.answered(name, after=begin)) == set(NAMES) for name in NAMES)
        )


def _staying(loads: Mapping[tuple[str, str], Loads]) -> None:
    """Wait until each cluster answers itself alone, but on connections of ztunnel that are kept."""

    def stay(report: Report) -> bool:
        lately = datetime.now(UTC) - timedelta(seconds=_LATELY_SECONDS)
        return all(set(report.answered(name, after=lately)) == {name} for name in NAMES)

    for made in loads.values():
        made.short.wait_until(stay)


def _update(stack: Stack, planes: Mapping[str, str]) -> None:
    stack.configure(_with(stack.config(), planes))
    stack.up()


def _with(config: dict[str, Any], planes: Mapping[str, str]) -> dict[str, Any]:
    clusters = config["clusters"]
    changed = {name: {**clusters[name], "dataPlane": plane} for name, plane in planes.items()}
    return {**config, "clusters": {**clusters, **changed}}


def _refused(stack: Stack, planes: Mapping[str, str], why: str) -> None:
    before = stack.config()
    stack.configure(_with(before, planes))
    refused = stack.pulumi("preview", check=False)
    stack.configure(before)
    assert refused.returncode != 0
    assert why in refused.stdout


def _keep_inside(kube: View, *namespaces: str) -> None:
    for name in NAMES:
        kube(name).kubectl("annotate", "namespace", *namespaces, f"{_KEPT_INSIDE}=PreferClose")


def _open(kube: View, *namespaces: str) -> None:
    for name in NAMES:
        kube(name).kubectl("annotate", "namespace", *namespaces, f"{_KEPT_INSIDE}-")


def _restart(kube: Kube, namespace: str) -> None:
    restart(kube, f"{SERVICE}-{kube.context}", CLIENT, namespace=namespace)


def _rolled_out(kube: Kube, namespace: str) -> None:
    for name in (f"{SERVICE}-{kube.context}", CLIENT):
        status = ("rollout", "status", f"--namespace={namespace}", f"deployment/{name}", "--timeout=110s")
        kube.kubectl(*status)


def _everywhere(kube: View, work: Callable[[Kube], None]) -> None:
    """In both clusters at once."""
    with ThreadPoolExecutor() as clusters:
        list(clusters.map(lambda name: work(kube(name)), NAMES))
