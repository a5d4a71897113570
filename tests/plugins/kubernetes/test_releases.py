"""What pulumi-kubernetes does with Helm releases."""

import base64
import gzip
import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from sandbox import tools
from tests.plugins.engine import Program, Stack
from tests.plugins.kubernetes.chart_repository import NAME, ChartRepository
from tests.plugins.kubernetes.control_plane import ControlPlane
from tests.plugins.kubernetes.programs import options


def _release(
    plane: ControlPlane,
    charts: ChartRepository,
    namespace: str,
    values: Mapping[str, Any],
    *,
    secret: bool = False,
    **arguments: Any,
) -> Program:
    def program() -> None:
        chosen = {"name": "it", "version": "1.0.0", "timeout": 30, "max_history": 3, **arguments}
        it = k8s.helm.v3.Release(
            "it",
            chart=NAME,
            namespace=namespace,
            repository_opts={"repo": charts.url},
            values={key: pulumi.Output.secret(value) if secret else value for key, value in values.items()},
            opts=options(plane),
            **chosen,
        )
        pulumi.export("status", it.status.status)
        pulumi.export("revision", it.status.revision)
        pulumi.export("version", it.status.version)
        pulumi.export("app_version", it.status.app_version)
        pulumi.export("names", it.resource_names)

    return program


def _text(plane: ControlPlane, namespace: str) -> str:
    found = plane.get("configmap", "it", namespace)
    assert found is not None, "the release's object is not in the cluster"
    return found["data"]["text"]


def _helm(plane: ControlPlane, *arguments: str) -> str:
    helm = tools.ensure(("helm",))["helm"]
    command = [helm, f"--kubeconfig={plane.kubeconfig}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_release_is_installed_and_a_second_run_changes_nothing(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """Its status and the names of its objects are outputs."""
    program = _release(east, charts, namespace, {"text": "one"})
    assert stack.preview(program).ops == {"it": "create"}
    assert east.get("configmap", "it", namespace) is None, "a preview must not change the cluster"
    outputs = stack.up(program).outputs
    assert outputs == {
        "status": "deployed",
        "revision": 1,
        "version": "1.0.0",
        "app_version": "app-1.0.0",
        "names": {"ConfigMap/v1": ["it"]},
    }
    assert _text(east, namespace) == "one"
    assert stack.resource("it")["id"] == f"{namespace}/it"
    assert stack.up(program).ops == {"it": "same"}
    stack.refresh()
    assert stack.preview(program).ops == {"it": "same"}
    assert [item["name"] for item in json.loads(_helm(east, "list", f"-n={namespace}", "-o=json"))] == ["it"]


def test_changed_values_and_versions_upgrade_the_release(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """In place: the preview names what changes, and the revision counts."""
    stack.up(_release(east, charts, namespace, {"text": "one"}))
    preview = stack.preview(_release(east, charts, namespace, {"text": "two"}))
    assert preview.ops == {"it": "update"}
    assert dict(preview.steps["it"].changes) == {"values.text": "update"}
    assert stack.up(_release(east, charts, namespace, {"text": "two"})).outputs["revision"] == 2
    assert _text(east, namespace) == "two"
    newer = _release(east, charts, namespace, {"text": "two"}, version="1.1.0")
    assert dict(stack.preview(newer).steps["it"].changes) == {"version": "update"}
    assert stack.up(newer).outputs["version"] == "1.1.0"
    # A value that leaves the inputs is the chart's again.
    stack.up(_release(east, charts, namespace, {"balancer": False}, version="1.1.0"))
    assert _text(east, namespace) == "default"


def test_destroying_uninstalls_the_release(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """Its objects and Helm's records of it are gone."""
    stack.up(_release(east, charts, namespace, {}))
    stack.destroy()
    assert east.get("configmap", "it", namespace) is None
    assert json.loads(_helm(east, "list", "--all", f"-n={namespace}", "-o=json")) == []


def test_another_name_makes_another_release(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """A release cannot be renamed."""
    stack.up(_release(east, charts, namespace, {}))
    assert stack.preview(_release(east, charts, namespace, {}, name="other")).ops == {"it": "replace"}


def test_a_chart_that_is_not_there_is_an_error_before_anything_is_changed(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """The message says which chart, and that it is to be looked for in the repository."""
    said = stack.fails(_release(east, charts, namespace, {}, version="9.9.9"))
    assert "9.9.9" in said
    assert "check the chart name and repository configuration" in said
    assert stack.resources() == []


def test_a_name_that_is_in_use_is_not_taken_over(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """A release that somebody else installed stays as it is."""
    install = ("install", "it", NAME, f"--repo={charts.url}", "--version=1.0.0", f"-n={namespace}")
    _helm(east, *install, "--set=text=theirs")
    said = stack.fails(_release(east, charts, namespace, {"text": "ours"}))
    assert "cannot re-use a name that is still in use" in said
    assert _text(east, namespace) == "theirs"
    assert stack.resources() == []


def test_a_release_of_others_can_be_read(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """By its id, without owning it."""
    install = ("install", "it", NAME, f"--repo={charts.url}", "--version=1.0.0", f"-n={namespace}")
    _helm(east, *install, "--set=text=theirs")

    def program() -> None:
        it = k8s.helm.v3.Release.get("it", f"{namespace}/it", opts=options(east))
        pulumi.export("status", it.status.status)
        pulumi.export("values", it.values)

    assert stack.up(program).outputs == {"status": "deployed", "values": {"text": "theirs"}}


def test_secret_values_are_in_the_cluster_only(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """The state has them encrypted, wherever they occur in it."""
    stack.up(_release(east, charts, namespace, {"text": "confidential"}, secret=True))
    assert _text(east, namespace) == "confidential"
    assert "confidential" not in stack.state()
    stack.refresh()
    assert "confidential" not in stack.state()


def test_a_release_that_does_not_get_ready_fails_and_is_taken_up_again(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """It is in state as failed; with a change that lets it get ready, the next run goes on with it."""
    said = stack.fails(_release(east, charts, namespace, {"balancer": True}, timeout=4))
    assert "failed to initialize completely" in said or "context deadline exceeded" in said
    assert stack.resource("it")["initErrors"]
    run = stack.up(_release(east, charts, namespace, {"balancer": False}, timeout=4))
    assert run.ops == {"it": "update"}
    assert run.outputs["status"] == "deployed"
    assert "initErrors" not in stack.resource("it")


def test_without_waiting_a_release_is_done_when_it_is_sent(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """skip_await leaves readiness to others."""
    run = stack.up(_release(east, charts, namespace, {"balancer": True}, skip_await=True))
    assert run.outputs["status"] == "deployed"


@pytest.mark.usefixtures("stand_in_kubernetes")
def test_an_upgrade_that_was_killed_is_done_again(
    stack: Stack, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """Helm would refuse for ever: another operation is in progress. The official provider does, too."""
    stack.up(_release(east, charts, namespace, {"text": "one"}))
    stack.up(_release(east, charts, namespace, {"text": "two"}))
    _mark_pending(east, namespace, revision=2, status="pending-upgrade")
    run = stack.up(_release(east, charts, namespace, {"text": "three"}))
    assert "was interrupted" in run.diagnostics
    assert run.outputs["status"] == "deployed"
    assert _text(east, namespace) == "three"


def _mark_pending(plane: ControlPlane, namespace: str, *, revision: int, status: str) -> None:
    """Put a revision's record into the state in which a killed Helm leaves it."""
    name = f"sh.helm.release.v1.it.v{revision}"
    record = plane.get("secret", name, namespace)
    assert record is not None
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(record["data"]["release"]))))
    release["info"]["status"] = status
    packed = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    patch = {"metadata": {"labels": {"status": status}}, "data": {"release": packed}}
    plane.kubectl(
        "patch", "secret", name, f"--namespace={namespace}", "--type=merge", f"--patch={json.dumps(patch)}"
    )
