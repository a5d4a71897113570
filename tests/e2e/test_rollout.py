"""A change goes through three clusters in two waves, and stops where it breaks something.

A third cluster joins with the first change. The tests build on each other, in their order.
"""

import copy
import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from sandbox import cluster
from tests.e2e.connections import Connections
from tests.e2e.faults import SYSTEM, passes
from tests.e2e.kube import Kube
from tests.e2e.leaks import Haystack, Needle, Watch
from tests.e2e.load import Load
from tests.e2e.stack import Stack

pytestmark = pytest.mark.load

OLD = ("east", "west")
NEW = "south"
_MARKED = "istio.values.istiod.podAnnotations.marked"
_SECRETS = {name: secrets.token_hex(20) for name in ("good", "bad")}
_NAMESPACE_LABEL = "kubernetes.io/metadata.name"


@pytest.fixture(scope="module")
def clusters(
    mesh: Stack, fresh_clusters: Callable[..., Any], kube: Callable[[str], Kube], used_after: bool, keep: bool
) -> Iterator[Mapping[str, Kube]]:
    """Three clusters, the third of which is in no mesh yet; after the tests the mesh is as before."""
    config = mesh.config()
    fresh_clusters(NEW)
    yield {name: kube(name) for name in (*OLD, NEW)}
    if used_after:
        mesh.configure(config)
        mesh.up()
        passes(mesh)
    if not keep:
        cluster.stop([NEW])


def _configure(mesh: Stack, waves: list[list[str]], istiod: Mapping[str, Any]) -> None:
    """Set waves, and values for istiod beside those that are there."""
    config = copy.deepcopy(mesh.config())
    config["rollout"] = {"waves": waves}
    values = config["istio"]["values"]["istiod"]
    for key, value in istiod.items():
        values[key] = {**values.get(key, {}), **value}
    config["clusters"][NEW] = {**config["clusters"]["east"], "context": NEW}
    mesh.configure(config)


def _rollout(mesh: Stack, *arguments: str) -> CompletedProcess[str]:
    return mesh.command("rollout", *arguments, timeout=900)


def _picture(kube: Kube) -> dict[str, Any]:
    """The revisions of Helm's releases, and the pods of the control plane and the gateway."""
    pods = kube.get("pods", f"--namespace={SYSTEM}")["items"]
    return {
        "releases": {name: release["revision"] for name, release in kube.releases().items()},
        "pods": {pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]},
    }


def test_a_good_change_goes_through_wave_by_wave_and_costs_no_call(
    mesh: Stack, clusters: Mapping[str, Kube], connections: Connections
) -> None:
    """West waits until east is right; a new cluster waits for nobody. Afterwards nothing is left to do.

    No long connection breaks either.
    """
    before = {name: _picture(clusters[name]) for name in OLD}
    _configure(mesh, [["east"], ["west"]], {"podAnnotations": {"changed": "1"}})
    mesh.set_secret(_MARKED, _SECRETS["good"])
    plan = _rollout(mesh)
    assert plan.returncode == 1, plan
    assert plan.stdout.splitlines()[:4] == [
        "wave 1 of 2:",
        "  east: istiod, restarts the pods of istiod",
        "wave 2 of 2:",
        "  west: istiod, restarts the pods of istiod",
    ]
    assert {name: _picture(clusters[name]) for name in OLD} == before, "without --yes nothing is changed"
    with connections.watched() as watch, Load(cluster.merged_kubeconfig(), OLD) as load:
        done = _rollout(mesh, "--yes")
    assert done.returncode == 0, done
    assert not load.report.failed, load.report
    assert not watch.broken, watch
    updated = {name: kube.releases()["istiod"]["updated"] for name, kube in clusters.items()}
    assert updated["east"] < updated["west"], updated
    assert updated[NEW] < updated["west"], updated
    for name in OLD:
        assert _picture(clusters[name])["pods"] != before[name]["pods"], name
    assert mesh.preview() == []
    passes(mesh)


@pytest.fixture(scope="module")
def good(mesh: Stack, clusters: Mapping[str, Kube]) -> str:
    """Return the stack file of the good change."""
    assert NEW in clusters
    return mesh.config_file.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def later_wave(good: str, clusters: Mapping[str, Kube]) -> dict[str, Any]:
    """Return how the clusters of the second wave are before the first one breaks."""
    assert NEW in good
    return {name: _picture(clusters[name]) for name in OLD}


def test_a_change_that_breaks_the_first_wave_goes_no_further(
    mesh: Stack, clusters: Mapping[str, Kube], later_wave: Mapping[str, Any]
) -> None:
    """Helm is content: istiod is ready, and no longer sees the namespace of the workloads."""
    selectors = [{"matchLabels": {_NAMESPACE_LABEL: SYSTEM}}]
    _configure(
        mesh,
        [[NEW], list(OLD)],
        {"meshConfig": {"discoverySelectors": selectors}, "podAnnotations": {"changed": "2"}},
    )
    mesh.set_secret(_MARKED, _SECRETS["bad"])
    done = _rollout(mesh, "--yes", "--timeout=5")
    assert done.returncode == 1, done
    verdict = done.stdout.partition("\nStopped. ")[2]
    assert verdict.startswith("Wave 1 (south): the mesh is not as it should be"), done
    assert "endpoints-missing in south" in verdict, verdict
    assert "Not touched: east, west" in verdict, verdict
    assert {name: _picture(clusters[name]) for name in OLD} == later_wave


def test_a_second_try_does_not_spread_it(
    mesh: Stack, clusters: Mapping[str, Kube], later_wave: Mapping[str, Any]
) -> None:
    """The first wave has the change already, and is looked at again before the second."""
    done = _rollout(mesh, "--yes", "--timeout=5")
    assert done.returncode == 1, done
    assert "Stopped. Before wave 2 (east, west): the mesh is not as it should be" in done.stdout, done
    assert {name: _picture(clusters[name]) for name in OLD} == later_wave


def test_an_update_that_fails_goes_no_further(
    mesh: Stack, clusters: Mapping[str, Kube], later_wave: Mapping[str, Any]
) -> None:
    """As with a value that the charts take, and no API server does: a limit below the request.

    Some refusals repeat all of an object, and Pulumi's state keeps what was said in plain; this one does not.
    """
    _configure(mesh, [[NEW], list(OLD)], {"resources": {"limits": {"memory": "1Mi"}}})
    done = _rollout(mesh, "--yes")
    assert done.returncode == 1, done
    assert "Stopped. Wave 1 (south): `pulumi up` says why" in done.stdout, done
    assert clusters[NEW].releases()["istiod"]["status"] == "failed"
    assert {name: _picture(clusters[name]) for name in OLD} == later_wave


def test_the_way_back_is_one_command(
    mesh: Stack, clusters: Mapping[str, Kube], later_wave: Mapping[str, Any], good: str, tmp_path: Path
) -> None:
    """It puts back what was touched, with its secret, which is nowhere in plain; then the mesh is right."""
    plan = _rollout(mesh, "--back")
    assert plan.returncode == 1, plan
    assert [line.split(":")[0].strip() for line in plan.stdout.splitlines() if "istiod" in line] == [NEW], (
        plan
    )
    environment = mesh.environment
    mesh.environment = {**environment, "TMPDIR": str(tmp_path)}
    try:
        with Watch(tmp_path) as watch:
            done = _rollout(mesh, "--back", "--yes")
    finally:
        mesh.environment = environment
    assert done.returncode == 0, done
    mesh.config_file.write_text(good, encoding="utf-8")
    passes(mesh)
    assert mesh.preview() == []
    assert {name: _picture(clusters[name]) for name in OLD} == later_wave
    _nowhere_in_plain(mesh, watch, {"output": done.stdout, "errors": done.stderr, "plan": plan.stdout})


def _nowhere_in_plain(mesh: Stack, watch: Watch, texts: Mapping[str, str]) -> None:
    haystack = Haystack(Needle(name=name, secret=secret) for name, secret in _SECRETS.items())
    assert any("Pulumi.mesh.yaml" in file for file in watch.files), "the configuration was not seen"
    seen = {
        **{f"a process {n}": content for n, content in enumerate(watch.arguments)},
        **{f"{file} {n}": text for file, all_ in watch.files.items() for n, text in enumerate(all_)},
    }
    found = {finding for where, content in seen.items() for finding in haystack.in_bytes(content, where)}
    assert not found | haystack.in_texts(texts) | haystack.in_folder(mesh.folder)
