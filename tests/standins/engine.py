"""Pulumi's real engine for the conformance suite: stacks whose program a test may exchange."""

import dataclasses
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pulumi import automation as auto
from pulumi.automation.events import EngineEvent

_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"

Program = Callable[[], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """What the engine does, or would do, with one resource: `op` is `same`, `create`, `update` and so on.

    `changed` and `replacing` are top-level properties. `changes` maps property paths to the kind of
    change, such as `update` or `update-replace`; not every official provider gives them.
    """

    urn: str
    type: str
    op: str
    changed: frozenset[str]
    replacing: frozenset[str]
    changes: Mapping[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A run of the engine: the step of each resource by its name, outputs and what was said.

    The stack itself and providers are left out. `diagnostics` has warnings and errors.
    """

    steps: Mapping[str, Step]
    outputs: Mapping[str, Any]
    secret_outputs: frozenset[str]
    diagnostics: str

    @property
    def ops(self) -> dict[str, str]:
        """The operation on each resource, by name."""
        return {name: step.op for name, step in self.steps.items()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Installation:
    """A Pulumi with its plugins: `bin_dir` is first on the path, `variables` are its environment."""

    bin_dir: Path
    variables: Mapping[str, str]

    def run(self, *arguments: str, folder: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run the CLI in a folder, without raising when it fails."""
        return subprocess.run(
            ["pulumi", "--non-interactive", *arguments],
            cwd=folder,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *arguments: str, folder: Path) -> subprocess.Popen[str]:
        """Start the CLI in a folder, in a process group of its own; its errors go with its output."""
        return subprocess.Popen(
            ["pulumi", "--non-interactive", *arguments],
            cwd=folder,
            env={**os.environ, **self.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


class Stack:
    """A stack in a backend of its own, driven by inline programs."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        # The command looks for bin/pulumi below its root.
        command = auto.PulumiCommand(root=str(installation.bin_dir.parent))
        self._stack = auto.create_or_select_stack(
            stack_name="test",
            project_name="conformance",
            program=_nothing,
            opts=auto.LocalWorkspaceOptions(
                work_dir=str(folder),
                env_vars={**installation.variables, "PULUMI_BACKEND_URL": folder.as_uri()},
                project_settings=auto.ProjectSettings(name="conformance", runtime="python"),
                pulumi_command=command,
            ),
        )

    def up(self, program: Program, **options: Any) -> Run:
        """Run the program and change what it asks for."""
        events: list[EngineEvent] = []
        done = self._stack.up(program=program, on_event=events.append, **options)
        return _run_of(events, done.outputs)

    def preview(self, program: Program, **options: Any) -> Run:
        """Run the program and change nothing."""
        events: list[EngineEvent] = []
        self._stack.preview(program=program, on_event=events.append, **options)
        return _run_of(events, {})

    def refresh(self, **options: Any) -> Run:
        """Take over into the state what is in the world."""
        events: list[EngineEvent] = []
        self._stack.refresh(on_event=events.append, **options)
        return _run_of(events, {})

    def destroy(self, **options: Any) -> Run:
        """Delete all that the stack has."""
        events: list[EngineEvent] = []
        self._stack.destroy(on_event=events.append, **options)
        return _run_of(events, {})

    def fails(self, program: Program, **options: Any) -> str:
        """Run the program, which must fail, and give all that was said."""
        try:
            self._stack.up(program=program, **options)
        except auto.CommandError as error:
            return str(error)
        raise AssertionError("the update succeeded, though it should have failed")

    def fails_to_destroy(self, **options: Any) -> str:
        """Delete all that the stack has, which must fail, and give all that was said."""
        try:
            self._stack.destroy(**options)
        except auto.CommandError as error:
            return str(error)
        raise AssertionError("the stack was destroyed, though that should have failed")

    def state(self) -> str:
        """The whole state as it is stored; that of `resources` has its secrets decrypted."""
        return (self._folder / ".pulumi" / "stacks" / "conformance" / "test.json").read_text()

    def resource(self, name: str) -> dict[str, Any]:
        """The one resource of that name in the state, with `id`, `inputs` and `outputs`."""
        (found,) = [resource for resource in self.resources() if resource["urn"].rsplit("::", 1)[1] == name]
        return found

    def resources(self) -> list[dict[str, Any]]:
        """The state's resources without the stack itself and providers."""
        state = self._stack.export_stack().deployment or {}
        return [
            resource for resource in state.get("resources", []) if not resource["type"].startswith("pulumi:")
        ]


def is_secret(value: Any) -> bool:
    """Whether a property in the state is one that the engine encrypts."""
    return isinstance(value, dict) and value.get(_SIGNATURE_KEY) == _SECRET_SIGNATURE


def _nothing() -> None:
    """A program that declares nothing."""


def _run_of(events: list[EngineEvent], outputs: Mapping[str, auto.OutputValue]) -> Run:
    steps: dict[str, Step] = {}
    said: list[str] = []
    for event in events:
        if event.diagnostic_event and event.diagnostic_event.severity in ("warning", "error"):
            said.append(event.diagnostic_event.message)
        if event.resource_pre_event:
            step = _step_of(event.resource_pre_event.metadata)
            if not step.type.startswith("pulumi:"):
                # A replacement is reported as its parts too, and the whole says more; a refresh
                # that comes before the run proper says less.
                name = step.urn.rsplit("::", 1)[1]
                if name not in steps or steps[name].op == "refresh" or step.op == "replace":
                    steps[name] = step
    return Run(
        steps=steps,
        outputs={name: output.value for name, output in outputs.items()},
        secret_outputs=frozenset(name for name, output in outputs.items() if output.secret),
        diagnostics="\n".join(said),
    )


def _step_of(metadata: Any) -> Step:
    changes = {path: change.diff_kind.value for path, change in (metadata.detailed_diff or {}).items()}
    return Step(
        urn=metadata.urn,
        type=metadata.type,
        op=metadata.op.value,
        changed=frozenset(metadata.diffs or ()),
        replacing=frozenset(metadata.keys or ()),
        changes=changes,
    )
