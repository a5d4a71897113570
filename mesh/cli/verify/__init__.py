"""`python -m mesh verify`: proof by traffic that every cluster is answered by every cluster that it sees."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from mesh.cli import stack
from mesh.cli.errors import CommandError
from mesh.cli.verify import judge, text
from mesh.cli.verify.verification import verify

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

PASSED = 0
FAILED = 1
_TIMEOUT_SECONDS = 30.0


def add_parser(subparsers: "Subparsers") -> argparse.ArgumentParser:
    """The command's options."""
    parser = subparsers.add_parser(
        "verify",
        help="call from every cluster to every cluster, and say what is wrong where there is no answer",
        description="Calls the sample HelloWorld from each cluster's client, and looks at what the mesh "
        "stands on. Exit code: 0 all pairs passed, 1 a pair failed, 2 it could not be tried.",
    )
    parser.add_argument("--stack", metavar="NAME", help="stack to verify; by default the selected one")
    parser.add_argument("--output", choices=("table", "json"), default="table", help="form of the report")
    parser.add_argument(
        "--timeout",
        type=_positive(float),
        default=_TIMEOUT_SECONDS,
        metavar="SECONDS",
        help=f"how long to try again what is missing or wrong; default {_TIMEOUT_SECONDS:.0f}",
    )
    parser.add_argument(
        "--calls",
        type=_positive(int),
        metavar="NUMBER",
        help="calls from each cluster at a time; default 15 for each cluster of the mesh",
    )
    return parser


def run(options: argparse.Namespace) -> int:
    """Verify the stack, print the report, and give the exit code.

    Raises:
        CommandError: the stack cannot be read, or has no sample to call.
    """
    work = stack.workspace()
    name = stack.selected(work, options.stack)
    config = stack.configuration(work, name)
    if not judge.with_sample(config):
        raise CommandError(f"stack {name} has HelloWorld in no cluster; {text.turn_on()}")
    report = verify(name, config, calls=options.calls, timeout=options.timeout)
    print(text.document(report) if options.output == "json" else text.table(report))
    return PASSED if report.passed else FAILED


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    def parse(value: str) -> float:
        number = kind(value)
        if not 0 < number < float("inf"):
            raise ValueError
        return number

    parse.__name__ = "number above 0"  # argparse names it where a value is not right
    return parse
