"""What commands have in common: reports as tables or JSON, errors, and a dry run before a change."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, TypeAlias

import typer
from pydantic import BaseModel

from mesh.config.secrets import Secrets


class OutputFormat(StrEnum):
    """Form of a report."""

    TABLE = "table"
    JSON = "json"


Confirmed: TypeAlias = Annotated[
    bool, typer.Option("--yes", help="Do it; without this, only show what would be done.")
]


class CommandError(Exception):
    """A command cannot run; the message says what is wrong, where, and what to do."""


def print_report(report: BaseModel, table: str, output: OutputFormat, secrets: Secrets) -> None:
    """Print a report as JSON (keys in camelCase, times in RFC 3339), or its table; no secret is in it."""
    text = report.model_dump_json(by_alias=True, indent=2) if output is OutputFormat.JSON else table
    print(secrets.masked(text))


def columns(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of aligned columns; none where there are no rows."""
    if not rows:
        return
    widths = [max(len(row[i]) for row in (heading, *rows)) for i in range(len(heading))]
    for row in (heading, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
