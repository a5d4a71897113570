"""A stack of the program on real clusters, driven by the real CLI as a user would."""

import contextlib
import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sandbox import cluster, stack
from sandbox.cluster.environment import backend_url

PROJECT = Path(__file__).resolve().parents[2]
_TIMEOUT_SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class Change:
    """One step of a preview: what would be done (`create`, `update`, `replace`, `delete`, …) to what."""

    op: str
    urn: str

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return self.urn.rpartition("::")[2]

    @property
    def type(self) -> str:
        """The resource's type without its parents'."""
        return self.urn.split("::")[2].rpartition("$")[2]


def mesh_config(names: tuple[str, ...], kubeconfig: Path) -> dict[str, Any]:
    """The configuration of `Pulumi.dev.yaml` for these clusters of the tests' sandbox."""
    document = yaml.safe_load((PROJECT / "Pulumi.dev.yaml").read_text(encoding="utf-8"))
    config = {k.removeprefix("istio-mesh:"): v for k, v in copy.deepcopy(document["config"]).items()}
    config["istio"]["chartRepository"] = cluster.chart_repository()
    config["clusters"] = {name: {"kubeconfig": str(kubeconfig), "context": name} for name in names}
    # Else tests that take a gateway away would wait for minutes until its connections have ended.
    config["istio"]["values"]["gateway"]["terminationGracePeriodSeconds"] = 6
    # Small keys: what is tested here does not depend on their size, and large ones take seconds of CPU.
    config["trust"] = {"root": {"key": "ecdsa-p256"}, "intermediate": {"key": "ecdsa-p256"}}
    return config


class Stack:
    """One stack with a configuration file and a state in `folder`; stacks of one folder see each other."""

    def __init__(
        self, name: str, folder: Path, environment: Mapping[str, str], *, project: Path = PROJECT
    ) -> None:
        """`environment` is that of a shell which uses the sandbox; `project` where the CLI is run."""
        self.name = name
        self.folder = folder
        self.project = project
        self.config_file = folder / f"Pulumi.{name}.yaml"
        (folder / "pulumi").mkdir(parents=True, exist_ok=True)
        self.environment = {
            **environment,
            "PULUMI_STACK": name,
            "PULUMI_BACKEND_URL": backend_url(folder / "pulumi"),
            "PULUMI_OPTION_CONFIG_FILE": str(self.config_file),
        }
        if folder == project:  # found without a word, as the files of the project's other stacks are
            del self.environment["PULUMI_OPTION_CONFIG_FILE"]

    def init(self, config: Mapping[str, Any]) -> None:
        """Make the stack if it is not there; `config` has values by key without the project's name."""
        self.configure(config)
        stack.make(self.environment)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Replace the configuration, and keep the salt of the state's encryption."""
        before = yaml.safe_load(self.config_file.read_text()) if self.config_file.exists() else {}
        keys = {f"istio-mesh:{key}" if ":" not in key else key: value for key, value in config.items()}
        document = {**(before or {}), "config": keys}
        self.config_file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def set_secret(self, path: str, text: str) -> None:
        """Put a secret into the configuration; it comes by standard input, as it should."""
        done = subprocess.run(
            ["pulumi", "config", "set", "--secret", "--path", f"istio-mesh:{path}"],
            input=text,
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def config(self) -> dict[str, Any]:
        """The configuration as it is now: values by key without the project's name."""
        document = yaml.safe_load(self.config_file.read_text(encoding="utf-8"))
        return {key.removeprefix("istio-mesh:"): value for key, value in document["config"].items()}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the CLI in a session of its own and leave it running; its output is in pipes."""
        return subprocess.Popen(
            ["pulumi", *arguments, "--non-interactive"],
            cwd=self.project,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the CLI to its end; a failure is an assertion error with all that it printed."""
        return self.ended(self.start(*arguments), check=check)

    def ended(
        self, process: subprocess.Popen[str], *, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Wait for the end of a CLI that was started."""
        try:
            output, errors = process.communicate(timeout=_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            raise AssertionError(f"{process.args} took too long\n{output}\n{errors}") from None
        if check:
            assert process.returncode == 0, f"{process.args} failed\n{output}\n{errors}"
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def command(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run `python -m mesh` to its end, whatever its exit code."""
        return subprocess.run(
            [sys.executable, "-m", "mesh", *arguments],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def preview(self, *arguments: str) -> list[Change]:
        """What `pulumi preview` would change; what stays the same, and reads, are left out."""
        document = json.loads(self.pulumi("preview", "--json", *arguments).stdout)
        steps = document.get("steps", [])
        unchanged = {"same", "read"}
        return [Change(op=s["op"], urn=s["urn"]) for s in steps if s["op"] not in unchanged]

    def up(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `pulumi up`."""
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, check=check)

    def destroy(self) -> None:
        """Remove everything that the stack has made, the protected root CA too."""
        self.pulumi("destroy", "--ignore-protect", "--yes", "--skip-preview")

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs in plain."""
        return json.loads(self.pulumi("stack", "output", "--json").stdout)

    def state(self, *, show_secrets: bool = False) -> dict[str, Any]:
        """The stack's state as `pulumi stack export` gives it."""
        arguments: Sequence[str] = ["--show-secrets"] if show_secrets else []
        return json.loads(self.pulumi("stack", "export", *arguments).stdout)

    @contextlib.contextmanager
    def having(self, state: Mapping[str, Any]) -> Iterator[None]:
        """Have another state while the block runs."""
        now = self.state()
        self.put(state)
        try:
            yield
        finally:
            self.put(now)

    def put(self, state: Mapping[str, Any]) -> None:
        """Replace the state; secrets in it may be in plain."""
        with tempfile.NamedTemporaryFile("w", dir=self.folder, suffix=".json") as file:
            json.dump(state, file)
            file.flush()
            self.pulumi("stack", "import", "--file", file.name)

    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources in the state by URN."""
        return {r["urn"]: r for r in self.state()["deployment"]["resources"]}
