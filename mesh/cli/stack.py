"""The stack that a command is about: its name, its configuration and its state, by the Pulumi CLI."""

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pulumi import automation

from mesh.cli.output import CommandError
from mesh.config.problems import ConfigurationError
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.digest.steps import errors
from mesh.load import Loaded, load_values
from mesh.mappings import Json, as_map
from mesh.plan import remotes
from mesh.stack_file import settings
from mesh.stacks.state import StateError, export

_PROJECT = Path(__file__).resolve().parents[2]


def workspace() -> automation.LocalWorkspace:
    """The project of this checkout, by the Pulumi CLI on the path.

    Raises:
        CommandError: the CLI does not exist, or is too old.
    """
    try:
        return automation.LocalWorkspace(work_dir=str(_PROJECT))
    except (OSError, subprocess.CalledProcessError, RuntimeError) as error:
        raise CommandError(f"cannot use the Pulumi CLI: {error}; expected `pulumi` on the path") from error


def project() -> str:
    """The name of this checkout's project, which needs no Pulumi CLI."""
    return str(settings(_PROJECT / "Pulumi.yaml")["name"])


def selected(work: automation.LocalWorkspace, name: str | None) -> str:
    """The stack's name: the given one, `PULUMI_STACK`, or the selected stack.

    Raises:
        CommandError: no stack is named or selected, or Pulumi cannot read its state.
    """
    if name or (name := os.environ.get("PULUMI_STACK")):
        return name
    try:
        current = work.stack()
    except automation.CommandError as error:
        raise CommandError(f"pulumi cannot list the stacks: {_error(error)}") from error
    if current is None:
        raise CommandError("no stack is selected; name one, for example --stack dev")
    return current.name


def values(work: automation.LocalWorkspace, stack: str) -> Mapping[str, automation.ConfigValue]:
    """The stack's configuration as Pulumi gives it, with secrets in plain text.

    Raises:
        CommandError: the stack does not exist, or its secrets cannot be decrypted.
    """
    try:
        return work.get_all_config(stack)
    except automation.CommandError as error:
        raise CommandError(f"pulumi cannot read the configuration of {stack}: {_error(error)}") from error


def configuration(work: automation.LocalWorkspace, stack: str) -> StackConfig:
    """The stack's configuration, checked as `pulumi up` checks it.

    Raises:
        CommandError: the stack does not exist, or its configuration is invalid.
    """
    try:
        return loaded(work, stack).valid()
    except ConfigurationError as invalid:
        raise CommandError(f"stack {stack}: {invalid}") from invalid


def loaded(work: automation.LocalWorkspace, stack: str) -> Loaded:
    """The stack's configuration with all that is wrong with it.

    Raises:
        CommandError: the stack does not exist.
    """
    found = values(work, stack)
    return load_values(
        work.project_settings().name,
        {key: value.value for key, value in found.items()},
        stack=stack,
        is_secret=lambda key: found[key].secret,
    )


def joined(names: Sequence[str], configs: Sequence[StackConfig]) -> StackConfig:
    """The clusters of several stacks as those of one.

    Raises:
        CommandError: two stacks belong to different meshes, or have the same cluster.
    """
    first, clusters = configs[0], dict(_by_name(configs[0]))
    for name, config in zip(names[1:], configs[1:], strict=True):
        if config.mesh != first.mesh:
            raise CommandError(
                f"stack {name} belongs to the mesh {config.mesh.id}, and stack {names[0]} to "
                f"{first.mesh.id}; expected stacks of one mesh"
            )
        if both := clusters.keys() & config.clusters.keys():
            raise CommandError(
                f"the stacks {', '.join(names)} have the same cluster {', '.join(sorted(both))}; expected "
                "each cluster in one stack"
            )
        clusters |= _by_name(config)
    peers = {peer: stack for config in configs for peer, stack in config.peers.items()}
    return replace(first, clusters=clusters, peers=peers)


def _by_name(config: StackConfig) -> Mapping[str, ClusterConfig]:
    """The clusters, each with the names of what it sees: labels select in its own stack alone."""
    return {
        name: cluster if cluster.sees is None else replace(cluster, sees=remotes(config, name))
        for name, cluster in config.clusters.items()
    }


def state(stack: str) -> Json:
    """The stack's state as JSON; secrets in it stay encrypted.

    Raises:
        CommandError: Pulumi cannot export it.
    """
    try:
        return export(stack, _PROJECT)
    except StateError as error:
        raise CommandError(str(error)) from error


def run(stack: str, *arguments: str, given: str | None = None, folder: Path = _PROJECT) -> str:
    """What a command of the Pulumi CLI prints; it asks nothing, and reads `given` from its standard input.

    `folder` has the project, for a command that takes no stack file from elsewhere.

    Raises:
        CommandError: it failed, with its error output.
    """
    done = subprocess.run(
        ["pulumi", *arguments, "--stack", stack, "--non-interactive"],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        # An update says what went wrong on its standard output, where it shows no secret.
        errors = [line.strip() for line in done.stdout.splitlines() if "error: " in line]
        raise CommandError(
            f"`pulumi {' '.join(arguments[:2])}` fails for the stack {stack}: "
            f"{'; '.join(filter(None, [done.stderr.strip(), *errors]))}"
        )
    return done.stdout


def update(stack: str, *arguments: str) -> bool:
    """Run `pulumi up` as a user would, with what it prints; say whether it ended well.

    An interruption is handed on, once each time: at the first one, Pulumi saves its state and ends.
    """
    command = ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--suppress-outputs"]
    running: list[subprocess.Popen[bytes]] = []

    def hand_on(number: int, _frame: object) -> None:
        for process in running:
            process.send_signal(number)

    before = {one: signal.signal(one, hand_on) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        # In a session of its own: a terminal would interrupt it, too.
        running.append(
            subprocess.Popen([*command, "--stack", stack, *arguments], cwd=_PROJECT, start_new_session=True)
        )
        return running[0].wait() == 0
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def preview(stack: str, *arguments: str) -> Json:
    """What an update would do, as the document of `pulumi preview --json`, resources without changes too.

    Raises:
        CommandError: the preview failed, with Pulumi's errors.
    """
    done = subprocess.run(
        ["pulumi", "preview", "--json", "--show-sames", *arguments, "--stack", stack, "--non-interactive"],
        cwd=_PROJECT,
        env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        document = as_map(json.loads(done.stdout)) or {}
    except json.JSONDecodeError:
        document = {}
    if done.returncode != 0 or "steps" not in document:
        found = errors(document) or (done.stderr.strip(),)
        raise CommandError(f"`pulumi preview` fails for the stack {stack}: {'; '.join(found)}")
    return document


def _error(error: automation.CommandError) -> str:
    """Pulumi's error output, without its standard output, which may hold secrets."""
    return str(error).rpartition("stderr:")[2].strip().removeprefix("error: ")
