"""What happens to work under way when the user presses Ctrl-C."""

import dataclasses
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plugins.engine import Installation
from tests.plugins.kubernetes.chart_repository import ChartRepository
from tests.plugins.kubernetes.control_plane import ControlPlane

# Soon, compared with the ten minutes that the provider would wait otherwise.
_SOON = 40.0

_SERVICE = """
import pulumi, pulumi_kubernetes as k8s
east = k8s.Provider("east", kubeconfig={kubeconfig!r}, cluster_identifier="east")
k8s.core.v1.Service(
    "it", metadata={{"name": "it", "namespace": {namespace!r}}},
    spec={{"type": "LoadBalancer", "ports": [{{"port": 80}}]}},
    opts=pulumi.ResourceOptions(provider=east),
)
"""
_RELEASE = """
import pulumi, pulumi_kubernetes as k8s
east = k8s.Provider("east", kubeconfig={kubeconfig!r}, cluster_identifier="east")
k8s.helm.v3.Release(
    "it", name="it", namespace={namespace!r}, chart="small", version="1.0.0",
    repository_opts={{"repo": {url!r}}}, values={{"balancer": True}}, timeout=600,
    opts=pulumi.ResourceOptions(provider=east),
)
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Project:
    """A program on disk, run by the plain CLI."""

    installation: Installation
    folder: Path

    def write(self, program: str) -> None:
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "cancelled", "runtime": runtime}))
        (self.folder / "__main__.py").write_text(program)
        self.run("stack", "init", "dev")

    def run(self, *arguments: str) -> str:
        done = self.installation.run(*arguments, folder=self.folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def interrupt(self, is_under_way: Callable[[], bool]) -> tuple[str, float]:
        """Start an update, press Ctrl-C in the middle; give what was said and the seconds it took to end."""
        process = self.installation.start("up", "--yes", "--skip-preview", "--stack=dev", folder=self.folder)
        end = time.monotonic() + 60
        while not is_under_way():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < end, "the update did not come to the object that is to be awaited"
            time.sleep(0.2)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        pressed = time.monotonic()
        said, _ = process.communicate(timeout=120)
        assert process.returncode != 0
        return said, time.monotonic() - pressed

    def resource(self) -> dict[str, Any] | None:
        state = json.loads(self.run("stack", "export", "--stack=dev"))["deployment"]
        found = [item for item in state.get("resources", []) if item["urn"].endswith("::it")]
        return found[0] if found else None


@pytest.fixture
def project(installation: Installation, tmp_path: Path) -> _Project:
    """A project in a backend of its own."""
    (tmp_path / "program").mkdir()
    (tmp_path / "state").mkdir()
    variables = {**installation.variables, "PULUMI_BACKEND_URL": (tmp_path / "state").as_uri()}
    own = dataclasses.replace(installation, variables=variables)
    return _Project(installation=own, folder=tmp_path / "program")


def test_an_object_that_is_awaited_is_kept_and_taken_up_again(
    project: _Project, east: ControlPlane, namespace: str
) -> None:
    """It ends soon with a clear word; the object is in state, and the next run waits for it."""
    project.write(_SERVICE.format(kubeconfig=str(east.kubeconfig), namespace=namespace))
    said, seconds = project.interrupt(lambda: east.get("service", "it", namespace) is not None)
    assert seconds < _SOON
    assert "cancel" in said.lower()
    kept = project.resource()
    assert kept is not None, "the object is in the cluster, so it must be in state"
    assert kept["id"] == f"{namespace}/it"
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}}
    east.patch_status("service", "it", namespace, address)
    project.run("up", "--yes", "--skip-preview", "--stack=dev")
    done = project.resource()
    assert done is not None
    assert "initErrors" not in done
    assert done["outputs"]["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.9"


def test_a_release_that_is_awaited_is_kept_and_taken_up_again(
    project: _Project, east: ControlPlane, charts: ChartRepository, namespace: str
) -> None:
    """Helm is told to stop and records that it failed, so the next run can go on."""
    project.write(_RELEASE.format(kubeconfig=str(east.kubeconfig), namespace=namespace, url=charts.url))
    said, seconds = project.interrupt(lambda: east.get("service", "it", namespace) is not None)
    assert seconds < _SOON
    assert "cancel" in said.lower()
    kept = project.resource()
    assert kept is not None, "the release is in the cluster, so it must be in state"
    address = {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}]}}
    east.patch_status("service", "it", namespace, address)
    project.run("up", "--yes", "--skip-preview", "--stack=dev")
    done = project.resource()
    assert done is not None
    assert done["outputs"]["status"]["status"] == "deployed"
