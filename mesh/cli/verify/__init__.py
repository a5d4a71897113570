"""`python -m mesh verify`: proof by traffic that every cluster is answered by every cluster that it sees."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mesh.cli import stack
from mesh.cli.errors import CommandError
from mesh.cli.verify import text
from mesh.cli.verify.verification import verify
from mesh.config.resolved import StackConfig
from mesh.health import verdict as judge

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
    parser.add_argument(
        "--stack",
        metavar="NAME",
        action="append",
        help="stack to verify, by default the selected one; once for each stack of a mesh that is split",
    )
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
    """Verify the stacks, print the report, and give the exit code.

    Raises:
        CommandError: a stack cannot be read, has no sample to call, or is no part of the same mesh.
    """
    work = stack.workspace()
    names = tuple(options.stack or [stack.selected(work, None)])
    config = _together(names, [stack.configuration(work, name) for name in names])
    if not judge.with_sample(config):
        raise CommandError(f"stack {', '.join(names)} has HelloWorld in no cluster; {text.turn_on()}")
    report = verify(", ".join(names), config, calls=options.calls, timeout=options.timeout)
    print(text.document(report) if options.output == "json" else text.table(report))
    if left_out := [peer for peer in config.peers if peer not in config.clusters]:
        print(
            f"not verified: {', '.join(left_out)} of other stacks; name those too, each with --stack",
            file=sys.stderr,
        )
    return PASSED if report.passed else FAILED


def _together(names: Sequence[str], configs: Sequence[StackConfig]) -> StackConfig:
    """The clusters of all stacks as those of one.

    Raises:
        CommandError: two stacks have other meshes, or the same cluster.
    """
    first, clusters = configs[0], dict(configs[0].clusters)
    for name, config in zip(names[1:], configs[1:], strict=True):
        if config.mesh != first.mesh:
            raise CommandError(f"stack {name} has the mesh {config.mesh.id}, and {names[0]} {first.mesh.id}")
        if both := clusters.keys() & config.clusters.keys():
            raise CommandError(f"{', '.join(sorted(both))} is in two of the stacks {', '.join(names)}")
        clusters |= config.clusters
    peers = {peer: place for config in configs for peer, place in config.peers.items()}
    return replace(first, clusters=clusters, peers=peers)


def _positive(kind: type[int] | type[float]) -> Callable[[str], float]:
    def parse(value: str) -> float:
        number = kind(value)
        if not 0 < number < float("inf"):
            raise ValueError
        return number

    parse.__name__ = "number above 0"  # argparse names it where a value is not right
    return parse
