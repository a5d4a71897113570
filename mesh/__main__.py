"""`python -m mesh`: the commands beside `pulumi up`."""

import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword

import typer

from mesh.cli.output import CommandError

# Not 1, which means that a command ran and found something.
_CANNOT_RUN = 2
_COMMANDS = (
    "import",
    "validate",
    "check",
    "preview",
    "verify",
    "trust",
    "recover",
    "forget",
    "diagram",
    "rollout",
    "observability",
)
"""Each is the function of its name in the module of its name below `mesh.cli`, with _ after a keyword."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name, and give its exit code; 2 where it cannot run."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        _app(given)(given, prog_name="python -m mesh")
    except CommandError as error:
        typer.echo(f"error: {error}", err=True)
        return _CANNOT_RUN
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _app(arguments: Sequence[str]) -> typer.Typer:
    """With the one command that is asked for, or with all: to import what all of them need takes a second."""
    app = typer.Typer(
        name="python -m mesh",
        help="Commands beside `pulumi up`.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_nothing)  # else an app with one command takes no command's name
    for name in [name for name in _COMMANDS if name in arguments[:1]] or _COMMANDS:
        identifier = f"{name}_" if iskeyword(name) else name
        app.command(name)(getattr(import_module(f"mesh.cli.{identifier}"), identifier))
    return app


def _nothing() -> None:
    """There are no options of all commands."""


if __name__ == "__main__":
    sys.exit(main())
