"""The configuration of the last update that ended well, for a way back to it."""

import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import yaml
from pulumi.automation import LocalWorkspace

from mesh.cli import stack as stacks
from mesh.cli.output import CommandError
from mesh.mappings import Json, as_map
from mesh.stack_file import settings, stack_file
from mesh.stacks import history

_PROJECT_FILE = "Pulumi.yaml"
_OPTION = "PULUMI_OPTION_CONFIG_FILE"
_ONE_A_PAGE = ("stack", "history", "--json", "--page-size=1")


@contextmanager
def last_good(work: LocalWorkspace, name: str, *, part: str) -> Generator[str]:
    """Use the configuration of the last update that ended well; gives when that was, and its message.

    While this lasts, it is in a stack file of its own, with secrets encrypted as in the other one. Updates
    whose message begins with `part` did not make all of a change.

    Raises:
        CommandError: no update has ended well, or its secrets cannot be decrypted any more.
    """
    document = settings(stack_file(name))
    written = as_map(document.get("config")) or {}
    plain = {key: value.value for key, value in stacks.values(work, name).items()}
    secret_key = f"{work.project_settings().name}:secret"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, stack_file(name, {}))
        _write(file, document)
        shutil.copy(Path(work.work_dir, _PROJECT_FILE), folder)
        # `pulumi stack history` knows no other stack file than the one beside the project.
        beside = _OPTION not in os.environ
        update = _last_good_update(name, Path(work.work_dir if beside else folder), part)

        def encrypt(text: str) -> str:
            _write(file, {**document, "config": {}})
            stacks.run(
                name, "config", "set", "--secret", f"--config-file={file}", secret_key, given=f"{text}\n"
            )
            return str(settings(file)["config"][secret_key]["secure"])

        try:
            before = history.configuration(update, written, plain, encrypt)
        except ValueError as error:
            raise CommandError(
                f"{error}; expected the passphrase or key of that time. Put the stack file back by hand, and "
                f"run `pulumi up`"
            ) from error
        _write(file, {**document, "config": before})
        with _environment(_OPTION, str(file)):
            yield f"{update['endTime']}: {update['message']}"


def latest_message(name: str) -> str:
    """The message of the latest operation on the stack; empty where there was none."""
    updates: list[Json] = json.loads(stacks.run(name, *_ONE_A_PAGE))
    return str(updates[0].get("message", "")) if updates else ""


def _last_good_update(name: str, folder: Path, part: str) -> Json:
    """The update with its secrets in plain text; `folder` has the project, and the stack file beside it.

    Raises:
        CommandError: there is none.
    """
    for number in itertools.count(1):
        updates: list[Json] = json.loads(stacks.run(name, *_ONE_A_PAGE, f"--page={number}", folder=folder))
        if not updates or updates[0]["kind"] == "destroy":
            raise CommandError(
                f"no update of the stack {name} has ended well; expected one in `pulumi stack history`"
            )
        if history.is_good(updates[0], part=part):
            shown = stacks.run(name, *_ONE_A_PAGE, f"--page={number}", "--show-secrets", folder=folder)
            return json.loads(shown)[0]
    raise AssertionError


def _write(file: Path, document: Json) -> None:
    file.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")


@contextmanager
def _environment(variable: str, value: str) -> Generator[None]:
    before = os.environ.get(variable)
    os.environ[variable] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before
