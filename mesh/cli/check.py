"""`python -m mesh check`: what is in order in a mesh, and what is not, without the sample."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from mesh.cli import stack as stacks
from mesh.cli.output import columns
from mesh.config.resolved import StackConfig
from mesh.health import readiness
from mesh.health.checks import connections, results
from mesh.health.junit import junit
from mesh.health.report import CheckReport, CheckResult, Outcome
from mesh.health.upgrade import next_phases
from mesh.live.inspection import inspect
from mesh.live.pairs import connect
from mesh.live.readiness import read_readiness
from mesh.preflight.access import unchecked as access_unchecked
from mesh.preflight.look import look
from mesh.stacks.state import recorded

_PAUSE_SECONDS = 2.0
_MARKS = {Outcome.PASSED: "ok", Outcome.FAILED: "FAIL", Outcome.WARNING: "warn", Outcome.SKIPPED: "skip"}


class CheckFormat(StrEnum):
    """Form of a report."""

    TABLE = "table"
    JSON = "json"
    JUNIT = "junit"


def check(
    *,
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="Stack to check; by default the selected one.")
    ] = None,
    output: Annotated[CheckFormat, typer.Option(help="Form of the report.")] = CheckFormat.TABLE,
    pre: Annotated[
        bool,
        typer.Option("--pre", help="Check whether the clusters can become members, before a first update."),
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long to check again what fails.")
    ] = 0.0,
) -> None:
    """Check all clusters, and the ways between them.

    Needs no sample, and changes nothing. Connects from inside each cluster to its peers.

    Exit code: 0 if nothing failed, 1 if something did, 2 if the command could not run.
    """
    work = stacks.workspace()
    name = stacks.selected(work, stack)
    config = stacks.configuration(work, name)
    end = time.monotonic() + wait
    once = _ready if pre else checked
    report = once(config, name)
    while not report.passed and time.monotonic() + _PAUSE_SECONDS < end:
        time.sleep(_PAUSE_SECONDS)
        report = once(config, name)
    forms = {CheckFormat.TABLE: table, CheckFormat.JUNIT: junit, CheckFormat.JSON: _json}
    print(config.secrets.masked(forms[output](report)))
    raise typer.Exit(0 if report.passed else 1)


def checked(config: StackConfig, stack: str) -> CheckReport:
    """Check once all clusters of a stack that are not offline."""
    begin = time.monotonic()
    mesh = inspect(config, connect(config, config.online))
    found = tuple(results(mesh, config.offline, datetime.now(UTC)))
    return CheckReport(
        stack=stack,
        results=found,
        gateways=tuple(connections(mesh)),
        next_phases=tuple(next_phases(mesh, found)),
        offline=config.offline,
        seconds=round(time.monotonic() - begin, 1),
    )


def _ready(config: StackConfig, stack: str) -> CheckReport:
    """Check once whether all clusters of a stack that are not offline can become members."""
    begin = time.monotonic()
    found = look(config, lambda: recorded(stacks.state(stack)))
    unchecked = {
        way.cluster: why for way, access in found.by_peers.items() for why in access_unchecked({way: access})
    }
    return CheckReport(
        stack=stack,
        results=tuple(readiness.results(read_readiness(config), found.problems, unchecked)),
        offline=config.offline,
        seconds=round(time.monotonic() - begin, 1),
    )


def table(report: CheckReport) -> str:
    """A line for each check and where it holds, each finding with its hint, the gateways, and the result.

    Before the result, a line for the next phase of an upgrade by revision, or several where clusters differ.
    """
    return "\n".join([*_checks(report), *_gateways(report), *_summary(report)])


def _checks(report: CheckReport) -> Iterator[str]:
    for subject in dict.fromkeys(result.subject for result in report.results):
        yield subject
        of_subject = [result for result in report.results if result.subject == subject]
        for name in dict.fromkeys(result.check for result in of_subject):
            yield from _check([result for result in of_subject if result.check == name])
        yield ""


def _check(found: list[CheckResult]) -> Iterator[str]:
    for outcome, mark in _MARKS.items():
        if of_outcome := [result for result in found if result.outcome is outcome]:
            yield f"  {mark:<4}  {of_outcome[0].check} ({', '.join(_places(of_outcome))})"
        for finding in dict.fromkeys(result.finding for result in of_outcome if result.finding):
            yield from (
                f"        {finding.reason}: {finding.message}",
                f"        hint: {finding.hint}",
                f"        see: {finding.see}",
            )


def _places(found: Iterable[CheckResult]) -> list[str]:
    return [f"{r.cluster} → {r.peer}" if r.peer else r.cluster for r in found]


def _gateways(report: CheckReport) -> Iterator[str]:
    rows = [(g.cluster, g.peer, g.address, _ms(g.connect_ms)) for g in report.gateways]
    if rows:
        yield from (*columns(("FROM", "TO", "GATEWAY", "CONNECT"), rows), "")


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} ms"


def _summary(report: CheckReport) -> Iterator[str]:
    counts = {outcome: sum(r.outcome is outcome for r in report.results) for outcome in Outcome}
    words = {
        Outcome.PASSED: "passed",
        Outcome.FAILED: "failed",
        Outcome.WARNING: "with a warning",
        Outcome.SKIPPED: "skipped",
    }
    shown = ", ".join(f"{counts[o]} {words[o]}" for o in Outcome if counts[o])
    phases: dict[tuple[str, str | None], list[str]] = {}
    for phase in report.next_phases:
        phases.setdefault((phase.step, phase.why), []).append(phase.cluster)
    for (step, why), clusters in phases.items():
        may = f"must wait ({why})" if why else "may go on"
        yield f"upgrade by revision: {', '.join(clusters)} {may}; next, {step}"
    yield f"{len(report.results)} checks: {shown} ({report.seconds:.1f} s)"
    if report.offline:
        yield f"not checked, because they are offline in the stack file: {', '.join(report.offline)}"


def _json(report: CheckReport) -> str:
    return report.model_dump_json(by_alias=True, indent=2)
