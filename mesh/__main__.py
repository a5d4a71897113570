"""`python -m mesh`: what is done with a mesh beside `pulumi up`."""

import argparse
import sys
from collections.abc import Sequence

from mesh.cli import trust, verify
from mesh.cli.errors import CommandError

_COMMANDS = (verify, trust)
# Different from what a command itself may find out, such as a pair that does not answer.
CANNOT_RUN = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and give the exit code; 2 where that cannot be begun."""
    parser = argparse.ArgumentParser(prog="python -m mesh", description="What is done beside `pulumi up`.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(subparsers).set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except CommandError as error:
        parser.exit(CANNOT_RUN, f"error: {error}\n")
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
