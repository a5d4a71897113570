"""`python -m mesh`: the commands beside `pulumi up`."""

import sys
from collections.abc import Sequence

import typer

from mesh.cli.check import check
from mesh.cli.diagram import diagram
from mesh.cli.forget import forget
from mesh.cli.observability import observability
from mesh.cli.output import CommandError
from mesh.cli.preview import preview
from mesh.cli.recover import recover
from mesh.cli.rollout import rollout
from mesh.cli.trust import trust
from mesh.cli.validate import validate
from mesh.cli.verify import verify

# Not 1, which means that a command ran and found something.
_CANNOT_RUN = 2

app = typer.Typer(
    name="python -m mesh",
    help="Commands beside `pulumi up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(validate)
app.command()(check)
app.command()(preview)
app.command()(verify)
app.command()(trust)
app.command()(recover)
app.command()(forget)
app.command()(diagram)
app.command()(rollout)
app.command()(observability)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name, and give its exit code; 2 where it cannot run."""
    try:
        app(arguments, prog_name="python -m mesh")
    except CommandError as error:
        typer.echo(f"error: {error}", err=True)
        return _CANNOT_RUN
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
