"""`python -m mesh verify`: call from every cluster to every cluster that it sees."""

import sys
import time
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer

from mesh.cli import stack as stacks
from mesh.cli.output import CommandError, OutputFormat, columns, print_report
from mesh.config.resolved import StackConfig
from mesh.health.finding import Finding
from mesh.health.verification import (
    PairResult,
    SilentPair,
    VerificationReport,
    add,
    came,
    expected_pairs,
    keeps_inside,
    result,
    unanswered,
    unwanted_pairs,
    unwanted_result,
    wanted,
    with_sample,
)
from mesh.live.concurrent import for_each
from mesh.live.facts import Answers, Pair
from mesh.live.pairs import concerned, connect, read_pairs
from mesh.live.sample import call

_PAUSE_SECONDS = 1.0
# With n clusters a call misses a given one with probability 1 - 1/n: at this many calls for each cluster, all
# of them miss it once in three million times.
_CALLS_PER_CLUSTER = 15
_MOST_SHOWN = 6


def verify(
    *,
    stack: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Stack to verify; by default the selected one. Repeat it for each stack of a split mesh.",
        ),
    ] = None,
    output: Annotated[OutputFormat, typer.Option(help="Form of the report.")] = OutputFormat.TABLE,
    timeout: Annotated[
        float, typer.Option(min=0.001, metavar="SECONDS", help="How long to try again what fails.")
    ] = 30.0,
    calls: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="NUMBER",
            help=f"Calls from each cluster in each attempt; default {_CALLS_PER_CLUSTER} for each cluster.",
        ),
    ] = None,
) -> None:
    """Call from every cluster to every cluster that it sees.

    Calls HelloWorld, reads all clusters, and says what is wrong and what to do.

    Exit code: 0 if all pairs passed, 1 if a pair failed, 2 if the command could not run.
    """
    work = stacks.workspace()
    names = tuple(stack or [stacks.selected(work, None)])
    config = stacks.joined(names, [stacks.configuration(work, name) for name in names])
    if not with_sample(config):
        raise CommandError(f"stack {', '.join(names)} has no cluster with HelloWorld; {_turn_on()}")
    report = verification(", ".join(names), config, calls=calls, timeout=timeout)
    print_report(report, table(report), output, config.secrets)
    if missing := [peer for peer in config.peers if peer not in config.clusters]:
        print(
            f"not verified: {', '.join(missing)}, in other stacks; add a --stack for each of them",
            file=sys.stderr,
        )
    raise typer.Exit(0 if report.passed else 1)


def verification(
    stack: str, config: StackConfig, *, calls: int | None = None, timeout: float
) -> VerificationReport:
    """Call and read all clusters until every pair passes, or for `timeout` seconds."""
    begin = time.monotonic()
    pairs, unwanted = expected_pairs(config), unwanted_pairs(config)
    callers = tuple(dict.fromkeys(pair.caller for pair in pairs))
    answers: Mapping[str, Answers] = {name: Answers() for name in callers}
    while True:
        answers, results = _attempt(
            config, pairs, unwanted, answers, calls or _CALLS_PER_CLUSTER * len(callers)
        )
        report = VerificationReport(
            stack=stack,
            seconds=time.monotonic() - begin,
            pairs=results,
            silent=tuple(
                SilentPair(caller=pair.caller, target=pair.target)
                for pair in unwanted
                if pair not in came(unwanted, answers) and pair.target in callers
            ),
            not_verified=tuple(name for name in config.online if name not in callers),
            offline=config.offline,
        )
        if report.passed or report.seconds + _PAUSE_SECONDS > timeout:
            return report
        time.sleep(_PAUSE_SECONDS)


def _attempt(
    config: StackConfig,
    pairs: tuple[Pair, ...],
    unwanted: tuple[Pair, ...],
    before: Mapping[str, Answers],
    calls: int,
) -> tuple[Mapping[str, Answers], tuple[PairResult, ...]]:
    """Call from the clusters that miss an answer, or got one that they should not, then read all clusters."""
    connections = connect(config, concerned(config, pairs))
    incomplete = {pair.caller for pair in (*unanswered(pairs, before), *came(unwanted, before))}

    def called(name: str) -> Answers:
        if reason := connections.problem(name):
            return Answers(problem=reason)
        if name not in incomplete:
            return before[name]
        return add(wanted(before[name], unwanted, name), call(connections.apis[name], calls))

    answers = for_each(before, called)
    facts = read_pairs(config, pairs, answers, connections)
    return answers, (
        *(result(pair, facts[pair], config.offline) for pair in pairs),
        *(
            unwanted_result(pair, answers[pair.caller], local=keeps_inside(config, pair.caller))
            for pair in came(unwanted, answers)
        ),
    )


def table(report: VerificationReport) -> str:
    """A line for each pair, then each finding with its hint, then the result."""
    rows = [
        (
            pair.caller,
            pair.target,
            f"{pair.answers}/{pair.calls}",
            "ok" if pair.passed else next((f.reason.value for f in pair.findings), "no-answer"),
        )
        for pair in report.pairs
    ]
    lines = columns(("FROM", "TO", "ANSWERS", "RESULT"), rows)
    return "\n".join([*lines, *_findings(report), "", *_summary(report)])


def _findings(report: VerificationReport) -> Iterator[str]:
    """Each finding once, with all the pairs that it affects."""
    pairs: dict[Finding, list[PairResult]] = {}
    for pair in report.pairs:
        for finding in pair.findings:
            pairs.setdefault(finding, []).append(pair)
    for finding, affected in pairs.items():
        names = ", ".join(dict.fromkeys(f"{pair.caller} → {pair.target}" for pair in affected))
        yield from (
            "",
            f"{finding.severity}: {finding.reason} in {finding.cluster} ({names})",
            f"  {finding.message}",
            f"  hint: {finding.hint}",
        )


def _summary(report: VerificationReport) -> Iterator[str]:
    failed = sum(not pair.passed for pair in report.pairs)
    if failed:
        yield f"{failed} of {len(report.pairs)} pairs failed ({report.seconds:.1f} s)"
    else:
        yield f"all {len(report.pairs)} pairs passed ({report.seconds:.1f} s)"
    if report.silent:
        shown = [f"{pair.caller} → {pair.target}" for pair in report.silent]
        more = f" and {len(shown) - _MOST_SHOWN} more" if len(shown) > _MOST_SHOWN else ""
        yield f"no answers where no calls should go: {', '.join(shown[:_MOST_SHOWN])}{more}"
    if report.not_verified:
        names = ", ".join(report.not_verified)
        yield f"not verified, because HelloWorld is off: {names}; {_turn_on(report.not_verified[0])}"
    if report.offline:
        yield f"not verified, because they are offline in the stack file: {', '.join(report.offline)}"


def _turn_on(cluster: str | None = None) -> str:
    """How to turn HelloWorld on, in all clusters or in one."""
    path = f"clusters.{cluster}.helloWorld" if cluster else "helloWorld.enabled"
    return f"turn it on: pulumi config set --path '{path}' true && pulumi up"
