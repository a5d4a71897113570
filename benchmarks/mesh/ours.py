"""Our way: one stack of the program, and the command of each step."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.mesh import plan
from sandbox import stack
from sandbox.cluster.environment import backend_url
from sandbox.errors import SandboxError

_QUIET = ("--non-interactive", "--suppress-progress")
_UP = ("pulumi", "up", "--yes", "--skip-preview", *_QUIET)
_PREVIEW = ("pulumi", "preview", *_QUIET)
_COMMANDS: dict[str, Sequence[str]] = {
    plan.FIRST: _PREVIEW,
    plan.PREVIEW: _PREVIEW,
    plan.DESTROY: ("pulumi", "destroy", "--ignore-protect", "--yes", "--skip-preview", *_QUIET),
}
_STACK = "bench"


class Ours:
    """A stack with a configuration and a state of its own, in `folder`."""

    def __init__(self, folder: Path, config: dict[str, Any], environment: Mapping[str, str]) -> None:
        """`folder` is for the stack alone; what is in it goes."""
        self._state = folder / "pulumi"
        self._config = folder / f"Pulumi.{_STACK}.yaml"
        self.environment = {
            **environment,
            "PULUMI_STACK": _STACK,
            "PULUMI_BACKEND_URL": backend_url(self._state),
            "PULUMI_OPTION_CONFIG_FILE": str(self._config),
        }
        shutil.rmtree(folder, ignore_errors=True)
        self._state.mkdir(parents=True)
        self.configure(config)
        stack.make(self.environment)

    def configure(self, config: Mapping[str, Any]) -> None:
        """Replace the configuration, and keep the salt of the state's encryption."""
        before = yaml.safe_load(self._config.read_text(encoding="utf-8")) if self._config.exists() else {}
        document = {**before, "config": dict(config)}
        self._config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    @staticmethod
    def command(step: str) -> Sequence[str]:
        """What is measured in a step, in the checkout's folder."""
        return _COMMANDS.get(step, _UP)

    def state(self) -> tuple[int, int]:
        """How many resources the state has, and how many bytes it is."""
        files = list(self._state.rglob(f"stacks/*/{_STACK}.json"))
        if len(files) != 1:
            raise SandboxError(f"expected one state in {self._state}, found {len(files)}")
        content = files[0].read_bytes()
        return len(json.loads(content)["checkpoint"]["latest"].get("resources") or []), len(content)
