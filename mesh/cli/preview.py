"""`python -m mesh preview`: what `pulumi up` would do, and what of that is dangerous."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mesh.cli import stack as stacks
from mesh.cli.output import CommandError
from mesh.config.secrets import Secrets
from mesh.digest.dangers import Releases
from mesh.digest.digest import digest
from mesh.digest.markdown import COMMENT, markdown
from mesh.digest.releases import RenderedChange, release_changes
from mesh.digest.rendering import chart_renderer, rendered
from mesh.digest.report import DangerKind, PreviewReport
from mesh.digest.steps import Preview, read, warnings
from mesh.digest.text import text
from mesh.helm.errors import ChartUnavailableError
from mesh.live.concurrent import for_each


class DigestFormat(StrEnum):
    """Form of a digest."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


def _kinds(text: str) -> tuple[DangerKind, ...]:
    """The kinds in a list with commas."""
    known = ", ".join(DangerKind)
    try:
        return tuple(DangerKind(word.strip()) for word in text.split(",") if word.strip())
    except ValueError as error:
        raise typer.BadParameter(f"{error}; expected some of: {known}") from error


def preview(
    *,
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="Stack to preview; by default the selected one.")
    ] = None,
    output: Annotated[DigestFormat, typer.Option(help="Form of the digest.")] = DigestFormat.TABLE,
    artifact: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the whole digest as Markdown to a file, too."),
    ] = None,
    fail_on: Annotated[
        str,
        typer.Option(
            metavar="KINDS",
            help=f"Exit with 1 if the preview has one of these: {', '.join(DangerKind)}.",
        ),
    ] = "",
    target: Annotated[
        list[str] | None,
        typer.Option(metavar="URN", help="Preview these resources only, as `pulumi preview --target` does."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="URN", help="Leave out resources, as `pulumi preview --exclude` does."),
    ] = None,
) -> None:
    """Preview an update for people.

    Runs `pulumi preview`, and says what changes in each cluster: what is dangerous first, then the difference
    in the manifests of each Helm release. Changes nothing.

    Exit code: 0 if the preview could run, 1 if it has something of --fail-on, 2 if it could not run.
    """
    kinds = _kinds(fail_on)
    work = stacks.workspace()
    name = stacks.selected(work, stack)
    config = stacks.configuration(work, name)
    chosen = (
        *(f"--target={urn}" for urn in target or ()),
        *(f"--exclude={urn}" for urn in exclude or ()),
    )
    try:
        document = stacks.preview(name, *chosen)
    except CommandError as error:
        raise CommandError(config.secrets.masked(str(error))) from error
    found = read(document)
    report = digest(name, found, rendered_releases(found), config.offline)
    _print(report, output, artifact, config.secrets)
    for warning in warnings(document):
        print(config.secrets.masked(f"warning: {warning}"), file=sys.stderr)
    if failing := report.has(kinds):
        words = ", ".join(dict.fromkeys(danger.kind for danger in failing))
        print(f"the preview has what --fail-on names: {words}", file=sys.stderr)
    raise typer.Exit(1 if failing else 0)


def rendered_releases(preview: Preview) -> Releases:
    """The releases that change, with their manifests as far as they can be known here."""
    changes = dict(enumerate(release_changes(preview)))
    if not changes:
        return ()
    try:
        with chart_renderer() as render:
            found = for_each(changes, lambda number: rendered(changes[number], render))
    except ChartUnavailableError as error:
        found = dict.fromkeys(changes, RenderedChange(problem=str(error)))
    return tuple((changes[number], found[number]) for number in changes)


def _print(report: PreviewReport, output: DigestFormat, artifact: Path | None, secrets: Secrets) -> None:
    if artifact is not None:
        try:
            artifact.write_text(f"{secrets.masked(markdown(report))}\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"cannot write {artifact}: {error.strerror}; expected a file") from error
    match output:
        case DigestFormat.JSON:
            shown = report.model_dump_json(by_alias=True, indent=2)
        case DigestFormat.MARKDOWN:
            shown = markdown(report, limit=COMMENT, artifact=artifact.name if artifact else None)
        case DigestFormat.TABLE:
            shown = text(report)
    print(secrets.masked(shown))
