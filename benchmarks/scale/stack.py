"""A stack of the benchmark, driven by the real CLI."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.scale import inputs, processes
from benchmarks.scale.state import State
from sandbox import stack
from sandbox.cluster.environment import backend_url
from sandbox.paths import CHECKOUT

_NAME = "scale"
_TIMEOUT_SECONDS = 3600
_STEP = re.compile(r"^\s+[+~-]*\s*(\d+) (?:to )?(create|update|delete|replace|unchanged)d?$", re.MULTILINE)


class RunError(Exception):
    """The CLI has failed; with the end of what it printed."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """A command of the CLI: what it took, and how many resources it would change or has changed."""

    usage: processes.Usage
    changes: Mapping[str, int]


class Stack:
    """One stack with its configuration, kubeconfig and state in `folder`."""

    def __init__(self, folder: Path, *, layout: str, checkpoints: bool, port: int, provider: int) -> None:
        """`port` and `provider` are port and process ID of the provider that answers from memory."""
        self._folder = folder
        self._provider = provider
        self._config_file = folder / f"Pulumi.{_NAME}.yaml"
        self.kubeconfig = folder / "kubeconfig"
        self._project = CHECKOUT if layout == "pair" else _other_project(folder)
        (folder / "state").mkdir()
        self._environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(CHECKOUT / ".sandbox" / "bin"), os.environ["PATH"]]),
            "PULUMI_BACKEND_URL": backend_url(folder / "state"),
            "PULUMI_CONFIG_PASSPHRASE": _NAME,
            "PULUMI_OPTION_CONFIG_FILE": str(self._config_file),
            "PULUMI_STACK": _NAME,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_PYTHON_CMD": sys.executable,
            "PULUMI_DEBUG_PROVIDERS": f"kubernetes:{port},tls:{port},random:{port}",
            "PYTHONPATH": str(CHECKOUT),
        }
        self._environment.pop("PULUMI_CONFIG_PASSPHRASE_FILE", None)
        if not checkpoints:
            self._environment |= {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write configuration and kubeconfig; the stack is made where it is not there."""
        kubeconfig = inputs.kubeconfig(list(config["clusters"]))
        self.kubeconfig.write_text(yaml.safe_dump(kubeconfig, sort_keys=False), encoding="utf-8")
        is_new = not self._config_file.exists()
        before = {} if is_new else yaml.safe_load(self._config_file.read_text(encoding="utf-8"))
        keys = {key if ":" in key else f"istio-mesh:{key}": value for key, value in config.items()}
        text = yaml.safe_dump({**before, "config": keys}, sort_keys=False)
        self._config_file.write_text(text, encoding="utf-8")
        if is_new:
            stack.make(self._environment)

    def preview(self) -> Run:
        """Run `pulumi preview`."""
        return self._run("preview", "--suppress-progress")

    def up(self) -> Run:
        """Run `pulumi up` without a preview before it."""
        return self._run("up", "--yes", "--skip-preview", "--suppress-progress", "--suppress-outputs")

    def state(self) -> State:
        """The state as it is stored."""
        (file,) = (self._folder / "state").rglob(f"stacks/*/{_NAME}.json")
        return State.read(file)

    def _run(self, *arguments: str) -> Run:
        before = processes.cpu_seconds(self._provider)
        done = processes.measured(
            ["pulumi", *arguments, "--non-interactive", "--color=never"],
            folder=self._project,
            environment=self._environment,
            log=self._folder / "log",
            timeout=_TIMEOUT_SECONDS,
        )
        if done.code:
            raise RunError(f"pulumi {' '.join(arguments)}: exit code {done.code}\n{done.output[-4000:]}")
        provider = processes.cpu_seconds(self._provider) - before
        usage = processes.with_cpu(done.usage, "provider", provider)
        changes = {
            found[2]: int(found[1]) for found in _STEP.finditer(done.output.rpartition("Resources:")[2])
        }
        return Run(usage=usage, changes=changes)


@contextmanager
def provider() -> Iterator[tuple[int, int]]:
    """Start the provider that answers from memory: its port and its process ID."""
    command = [sys.executable, "-m", "benchmarks.scale.provider"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield int(process.stdout.readline() if process.stdout else ""), process.pid
        finally:
            process.terminate()


def _other_project(folder: Path) -> Path:
    """The project with another entry point, which lays links out otherwise."""
    project = folder / "project"
    project.mkdir()
    document = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text(encoding="utf-8"))
    document["runtime"]["options"]["virtualenv"] = str(CHECKOUT / ".venv")
    (project / "Pulumi.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    entry = "from benchmarks.scale import layouts\n\nlayouts.run()\n"
    (project / "__main__.py").write_text(entry, encoding="utf-8")
    return project
