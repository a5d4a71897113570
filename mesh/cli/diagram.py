"""`python -m mesh diagram`: a picture of the mesh, for a README or a wiki."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated

import typer

from mesh.cli import stack as stacks
from mesh.cli.check import checked
from mesh.diagram.drawing import drawing
from mesh.diagram.mermaid import mermaid
from mesh.diagram.picture import Picture, picture


class DiagramFormat(StrEnum):
    """Form of a picture."""

    MERMAID = "mermaid"
    SVG = "svg"


_FORMS: Mapping[DiagramFormat, Callable[[Picture], str]] = {
    DiagramFormat.MERMAID: mermaid,
    DiagramFormat.SVG: drawing,
}


def diagram(
    *,
    stack: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Stack to draw; by default the selected one. Repeat it for each stack of a split mesh.",
        ),
    ] = None,
    output: Annotated[DiagramFormat, typer.Option(help="Form of the picture.")] = DiagramFormat.MERMAID,
    live: Annotated[
        bool, typer.Option("--live", help="Check the mesh, and mark what is broken with the reason.")
    ] = False,
) -> None:
    """Draw the mesh: its clusters, and which see each other.

    Without --live, asks no cluster.

    Exit code: 0 if it was drawn, 2 if the command could not run.
    """
    work = stacks.workspace()
    names = tuple(dict.fromkeys(stack or [stacks.selected(work, None)]))
    config = stacks.joined(names, [stacks.configuration(work, name) for name in names])
    marks = checked(config, ", ".join(names)).findings if live else ()
    print(config.secrets.masked(_FORMS[output](picture(config, marks))))
