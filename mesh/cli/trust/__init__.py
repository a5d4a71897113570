"""`python -m mesh trust`: every CA certificate and reader token, how old, where in use, and what differs."""

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mesh.cli import stack
from mesh.cli.trust import state, text
from mesh.health.trust_report import judged
from mesh.live.trust import look

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

RIGHT = 0
WRONG = 1


def add_parser(subparsers: "Subparsers") -> argparse.ArgumentParser:
    """The command's options."""
    parser = subparsers.add_parser(
        "trust",
        help="report CA certificates and reader tokens: how long they last, where they are in use",
        description="Compares the stack's certificates and tokens with what runs in the clusters. Exit code: "
        "0 all is as the stack says, 1 something differs or ends soon, 2 it could not be looked at.",
    )
    parser.add_argument("--stack", metavar="NAME", help="stack to report on; by default the selected one")
    parser.add_argument("--output", choices=("table", "json"), default="table", help="form of the report")
    parser.add_argument(
        "--fail-within",
        type=int,
        metavar="DAYS",
        help="exit with 1 if a certificate has fewer days left than that",
    )
    parser.add_argument(
        "--workloads",
        action="store_true",
        help="ask every proxy, too, which intermediate and root its certificate comes from",
    )
    return parser


def run(options: argparse.Namespace) -> int:
    """Print the report, and give the exit code.

    Raises:
        CommandError: the stack cannot be read.
    """
    work = stack.workspace()
    name = stack.selected(work, options.stack)
    config = stack.configuration(work, name)
    declared = state.declared(config, state.exported(name))
    clusters = look(config, workloads=options.workloads)
    report = judged(name, config, declared, clusters, datetime.now(UTC))
    print(text.document(report) if options.output == "json" else text.table(report))
    ending = report.ending_within(options.fail_within) if options.fail_within is not None else ()
    for row in ending:
        print(f"{row.what} ({row.subject}) has {row.days_left} days left", file=sys.stderr)
    return WRONG if ending or report.findings else RIGHT
