"""The workflows of examples/github-actions, step by step as they are written, on a real mesh.

GitLab's jobs run the same commands, which a unit test holds. Left out are what needs GitHub itself, and what
installs from the lock files or runs other tests.
"""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders.reviews import Reviews
from tests.builders.servers import running
from tests.e2e.kube import Kube
from tests.e2e.stack import PROJECT, Stack

pytestmark = pytest.mark.mesh

_ELSEWHERE = ("make lint unit", "examples/ci/install.sh")


class Checkout:
    """A job's folder with this checkout in it, and what its steps leave behind."""

    def __init__(self, folder: Path, stack: Stack, reviews: Reviews) -> None:
        self.folder = folder
        self._stack = stack
        self._reviews = reviews
        folder.mkdir()
        for entry in PROJECT.iterdir():
            if entry.name not in (".git", ".sandbox"):
                (folder / entry.name).symlink_to(entry)
        (folder / "bin").mkdir()
        (folder / "bin/python").symlink_to(PROJECT / ".venv/bin/python")

    def run(self, step: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        """Run a step in the shell that GitHub takes."""
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        inherited = {**self._stack.environment}
        del inherited["PULUMI_STACK"]  # each command is told
        return {
            **inherited,
            "PATH": os.pathsep.join([str(self.folder / "bin"), inherited["PATH"]]),
            "STACK": self._stack.name,
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_API_URL": self._reviews.url,
            "GITHUB_REPOSITORY": "example/mesh",
            "GITHUB_TOKEN": self._reviews.token,
            "PULL_REQUEST": "5",
        }


@pytest.fixture
def reviews() -> Iterator[Reviews]:
    """GitHub's comments."""
    with running(Reviews()) as server:
        yield server


@pytest.fixture
def checkout(tmp_path: Path, mesh: Stack, reviews: Reviews) -> Checkout:
    """A job on the mesh."""
    return Checkout(tmp_path / "checkout", mesh, reviews)


def _steps(file: str, job: str) -> list[dict[str, Any]]:
    """The steps of a job that can run here."""
    workflow = yaml.safe_load((PROJECT / "examples/github-actions" / file).read_text(encoding="utf-8"))
    steps = [step for step in workflow["jobs"][job]["steps"] if "run" in step]
    return [
        step
        for step in steps
        if step["run"] not in _ELSEWHERE and not step["run"].startswith("gh run download")
    ]


def _step(file: str, job: str, name: str) -> dict[str, Any]:
    (found,) = (step for step in _steps(file, job) if step.get("name") == name)
    return found


def _run_all(checkout: Checkout, file: str, job: str) -> dict[str, str]:
    """Run a job's steps; give what each has printed by its name. Each must end well."""
    printed: dict[str, str] = {}
    for step in _steps(file, job):
        done = checkout.run(step)
        assert done.returncode == 0, f"{step['run']}\n{done.stdout}\n{done.stderr}"
        printed[step.get("name", step["run"])] = done.stdout
    return printed


def test_a_pull_request_is_commented_and_what_is_approved_is_applied(
    checkout: Checkout, mesh: Stack, reviews: Reviews
) -> None:
    """A change through both jobs; approved, it is applied once, and afterwards it is something else."""
    config = mesh.config()
    try:
        # One host more cuts nobody off.
        mesh.configure({**config, "exposure": {"hosts": ["*.local", "*.sample.svc.cluster.local"]}})
        printed = _run_all(checkout, "mesh.yml", "preview")
        assert "istio-mesh@v1.0.0" in printed["Policies"]
        (comment,) = reviews.comments.values()
        assert comment["body"].startswith("<!-- mesh preview of mesh -->\n")
        assert (checkout.folder / "summary").read_text().strip()
        _run_all(checkout, "mesh.yml", "up")
        assert mesh.preview() == []
        late = checkout.run(_step("mesh.yml", "up", "Is it still what was approved?"))
        assert late.returncode != 0, "what is applied already is not what was approved"
    finally:
        mesh.configure(config)
        mesh.up()


def test_a_policy_stops_a_pull_request(checkout: Checkout, mesh: Stack) -> None:
    """In the preview, before anything is applied; and it says why."""
    config = mesh.config()
    mesh.configure({**config, "exposure": {"hosts": ["*"]}})
    try:
        done = checkout.run(_step("mesh.yml", "preview", "Policies"))
    finally:
        mesh.configure(config)
    assert done.returncode != 0
    assert "it exposes *; expected only what `hosts` allows: *.local" in done.stdout + done.stderr


def test_the_watch_is_silent_on_a_mesh_as_it_was_made(checkout: Checkout) -> None:
    """No drift, no expiry, no broken policy."""
    printed = _run_all(checkout, "watch.yml", "watch")
    assert {"Drift", "Expiry", "Policies"} <= {*printed}


def test_the_watch_sees_what_somebody_has_changed(
    checkout: Checkout, mesh: Stack, kube: Callable[[str], Kube], used_after: bool
) -> None:
    """By hand, in a cluster."""
    spec = '{"spec": {"servers": [{"port": {"number": 15443, "name": "tls", "protocol": "TLS"}, '
    spec += '"tls": {"mode": "AUTO_PASSTHROUGH"}, "hosts": ["*.elsewhere.local"]}]}}'
    gateway = ("gateways.networking.istio.io", "cross-network-gateway", "--namespace", "istio-system")
    kube("east").kubectl("patch", *gateway, "--type", "merge", "--patch", spec)
    try:
        assert checkout.run(_step("watch.yml", "watch", "Drift")).returncode != 0
    finally:
        if used_after:
            mesh.up("--refresh")
