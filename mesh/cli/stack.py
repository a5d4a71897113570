"""The configuration of a stack, read outside of `pulumi up` as the program reads it inside."""

import os
import subprocess
from pathlib import Path

from pulumi import automation

from mesh.cli.errors import CommandError
from mesh.config.problems import ConfigurationError
from mesh.config.resolved import StackConfig
from mesh.load import from_values

PROJECT = Path(__file__).resolve().parents[2]


def workspace() -> automation.LocalWorkspace:
    """The project of this checkout, in the hands of the Pulumi CLI that is on the path.

    Raises:
        CommandError: there is no CLI, or it is too old.
    """
    try:
        return automation.LocalWorkspace(work_dir=str(PROJECT))
    except (OSError, subprocess.CalledProcessError, RuntimeError) as error:
        raise CommandError(
            f"the Pulumi CLI cannot be used: {error}; expected `pulumi` on the path"
        ) from error


def selected(work: automation.LocalWorkspace, name: str | None) -> str:
    """The name of the stack that is meant: the one given, `PULUMI_STACK`, or the selected one.

    Raises:
        CommandError: none of these is there, or Pulumi's state cannot be read.
    """
    if name or (name := os.environ.get("PULUMI_STACK")):
        return name
    try:
        current = work.stack()
    except automation.CommandError as error:
        raise CommandError(f"pulumi cannot list the stacks: {_said(error)}") from error
    if current is None:
        raise CommandError("no stack is selected; name one, for example --stack dev")
    return current.name


def configuration(work: automation.LocalWorkspace, stack: str) -> StackConfig:
    """The configuration of that stack, checked as `pulumi up` checks it.

    Raises:
        CommandError: there is no such stack, or its configuration is not right.
    """
    try:
        values = work.get_all_config(stack)
    except automation.CommandError as error:
        raise CommandError(f"pulumi cannot read the configuration of {stack}: {_said(error)}") from error
    try:
        return from_values(
            work.project_settings().name,
            {key: value.value for key, value in values.items()},
            is_secret=lambda key: values[key].secret,
        )
    except ConfigurationError as wrong:
        raise CommandError(f"stack {stack}: {wrong}") from wrong


def _said(error: automation.CommandError) -> str:
    """What Pulumi wrote as its error, without its plain output, where secrets may stand."""
    return str(error).rpartition("stderr:")[2].strip().removeprefix("error: ")
