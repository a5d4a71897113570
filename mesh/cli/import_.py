"""`python -m mesh import`: a stack file from an existing mesh, or from what describes one."""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from mesh.cli import stack as stacks
from mesh.cli.adoption import adopt
from mesh.cli.output import CommandError
from mesh.config.problems import summary
from mesh.importing.documents import documents
from mesh.importing.from_ristioctl import from_ristioctl
from mesh.importing.imported import Imported, NotImportableError, Remark
from mesh.importing.ristioctl import configuration
from mesh.importing.stack_file import has_settings, stack_file_text
from mesh.kubeconfig.read import default_files
from mesh.load import load, read_file
from mesh.stack_file import settings, stack_file


def import_(
    *,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]", help="Configuration of `ristioctl`, as it applies it."),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Context of a cluster of a running mesh, instead of files. Repeat it for each cluster.",
        ),
    ] = None,
    root_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --context: the private key of the mesh's root, for a stack that makes the "
            "intermediates from now on. The command compares it with the root's certificate, and writes it "
            "nowhere.",
        ),
    ] = None,
    stack: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write the stack file of this stack; by default, print it."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the settings of an existing stack file.")
    ] = False,
) -> None:
    """Make a stack file from the configuration of `ristioctl`, or from a mesh that runs.

    With --context, also a file for `pulumi import`, with what the clusters have already.

    Says on standard error what has no counterpart, and what is left to do. Changes no cluster.

    Exit code: 0 if the stack file can be used, 1 if something is left to do before, 2 if the command could
    not run.
    """
    if bool(files) == bool(context):
        raise CommandError("expected files of `ristioctl`, or --context for each cluster of a mesh that runs")
    if context:
        if stack is None:
            raise CommandError("expected --stack: the name of the new stack, which takes the mesh over")
        adoption = adopt(tuple(dict.fromkeys(context)), stack=stack, root_key=root_key)
        code = finish(adoption.imported, ", ".join(context), stack, overwrite=overwrite)
        adoption.write()
        raise typer.Exit(code)
    if root_key is not None:
        raise CommandError("--root-key belongs to --context")
    texts = {str(path): _read(path) for path in files or ()}
    origin = ", ".join(texts)
    try:
        found = [document for file, text in texts.items() for document in documents(file, text)]
        imported = from_ristioctl(configuration(found), read_file)
    except ValueError as error:
        raise CommandError(str(error)) from error
    except NotImportableError as error:
        raise CommandError(summary(error.problems, origin)) from error
    raise typer.Exit(finish(imported, origin, stack, overwrite=overwrite))


def finish(imported: Imported, origin: str, stack: str | None, *, overwrite: bool) -> int:
    """Write or print the stack file, and say what is left to do; the exit code.

    Raises:
        CommandError: the stack file cannot be written, or already has settings, which must not be replaced.
    """
    project = stacks.project()
    if stack is None:
        print(stack_file_text(project, imported.sections, origin=origin, existing={}), end="")
    else:
        path = stack_file(stack)
        existing = _existing(path)
        if has_settings(existing, project) and not overwrite:
            raise CommandError(
                f"{path} already has settings; expected a stack without settings, or --overwrite to replace "
                "them"
            )
        try:
            path.write_text(
                stack_file_text(project, imported.sections, origin=origin, existing=existing),
                encoding="utf-8",
            )
        except OSError as error:
            raise CommandError(f"cannot write {path}: {error.strerror}; expected a folder") from error
        print(path)
    problems = load(
        imported.sections,
        kubeconfigs=default_files(os.environ),
        environment=os.environ,
        path_prefix=f"{project}:",
    ).problems
    for heading, step in (("To know:", False), ("To do:", True)):
        _say(heading, list(_lines(remark for remark in imported.remarks if remark.step is step)))
    _say("Still wrong in the stack file:", [str(problem) for problem in problems])
    return 1 if problems else 0


def _existing(path: Path) -> Mapping[str, Any]:
    try:
        return settings(path)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CommandError(f"cannot read {path}; expected a stack file, or no such file") from error


def _lines(remarks: Iterable[Remark]) -> Iterator[str]:
    """One for each message, with all that it is about."""
    about: dict[str, list[str]] = {}
    for remark in remarks:
        about.setdefault(remark.message, []).append(remark.about)
    return (f"{'; '.join(places)}: {message}" for message, places in about.items())


def _say(heading: str, lines: Sequence[str]) -> None:
    if lines:
        print("\n".join([heading, *(f"  {line}" for line in lines), ""]), file=sys.stderr)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        raise CommandError(
            f"cannot read {path}: {reason}; expected the configuration of ristioctl"
        ) from error
