"""`python -m mesh rollout`: take a change of Istio's releases through the clusters in waves."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated, NoReturn

import typer
from pulumi.automation import LocalWorkspace

from mesh.cli import stack as stacks
from mesh.cli.gate import gate
from mesh.cli.last_good import last_good, latest_message
from mesh.cli.output import CommandError, Confirmed
from mesh.cli.preview import rendered_releases
from mesh.config.resolved import StackConfig
from mesh.digest.steps import read
from mesh.health.finding import Finding
from mesh.rollout import Changes, Step, Wave, changes, described, steps, waves

_PART = "python -m mesh rollout: "
"""How the message of an update begins that does not make all of a change."""
_COMMAND = "python -m mesh rollout"


def rollout(
    *,
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="Stack to update; by default the selected one.")
    ] = None,
    back: Annotated[
        bool, typer.Option("--back", help="Put back the configuration of the last update that ended well.")
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="How long a wave may take to be right after its update."),
    ] = 120.0,
    yes: Confirmed = False,
) -> None:
    """Update the stack, and its clusters in waves.

    Changes of Istio's releases go from wave to wave of `rollout.waves`. After each wave the mesh is verified:
    if something is wrong, later waves stay as they are.

    Exit code: 0 if there is nothing left to do, 1 if the rollout has stopped, or if there is something to do
    and --yes was not given, 2 if the command could not run.
    """
    work = stacks.workspace()
    name = stacks.selected(work, stack)
    if back:
        _back(work, name, timeout, yes=yes)
    else:
        _forward(work, name, timeout, yes=yes)


def _forward(work: LocalWorkspace, name: str, timeout: float, *, yes: bool) -> None:
    config = stacks.configuration(work, name)
    order = waves(config)
    found = _changes(name, config)
    planned = steps(order, found.releases)
    stopped = latest_message(name).startswith(_PART)
    if not _announced(config, order, found, f"{_COMMAND} --yes", yes=yes) and not (stopped and yes):
        return
    if planned[0].wave.number > 1 if planned else stopped:
        _refuse_to_spread(name, config, found, planned, timeout)
    for step in planned:
        print(f"\n{step}", flush=True)
        excluded = (f"--exclude={change.urn}" for change in step.later)
        if not stacks.update(name, *excluded, f"--message={_PART}{step}"):
            _stop(config, f"{step}: `pulumi up` says why", (), step.waiting)
        if problems := gate(name, config, frozenset(step.waiting), timeout):
            _stop(config, f"{step}: the mesh is not as it should be", problems, step.waiting)
        print(f"{step}: done, and nothing is wrong", flush=True)
    if planned:
        print("\nall waves are done, which one more update notes", flush=True)
    if not stacks.update(name):
        _stop(config, "the end: `pulumi up` says why", (), ())


def _announced(
    config: StackConfig, order: Sequence[Wave], found: Changes, command: str, *, yes: bool
) -> bool:
    """Say what is to be done; whether there is something, which may be done.

    Raises:
        typer.Exit: there is something, and it may not.
    """
    if not found:
        print("Nothing to change: the clusters are as the configuration says.")
        return False
    print("\n".join(described(order, found)))
    if config.offline:
        print(f"not touched, because they are offline in the stack file: {', '.join(config.offline)}")
    if not yes:
        print(f"\nNothing was changed. To do this: {command}")
        raise typer.Exit(1)
    return True


def _refuse_to_spread(
    name: str, config: StackConfig, found: Changes, planned: Sequence[Step], timeout: float
) -> None:
    """Look first where earlier waves have the change already, as a rollout that has stopped leaves them."""
    known = {key: cluster for key, cluster in config.clusters.items() if key not in found.new}
    waiting = tuple(cluster for step in planned for cluster in step.clusters)
    if problems := gate(name, replace(config, clusters=known), frozenset(waiting), timeout):
        where = f"before {planned[0]}" if planned else "after the last wave"
        _stop(config, f"{where}: the mesh is not as it should be", problems, waiting)


def _stop(config: StackConfig, where: str, problems: Sequence[Finding], untouched: Sequence[str]) -> NoReturn:
    """Say where a rollout has stopped, why, and the way back.

    Raises:
        typer.Exit: always.
    """
    lines = [
        f"\nStopped. {where[0].upper()}{where[1:]}",
        *_lines(problems),
        *([f"Not touched: {', '.join(untouched)}"] if untouched else []),
        f"To go on, once that is mended: {_COMMAND} --yes",
        f"To go back: {_COMMAND} --back --yes",
    ]
    print(config.secrets.masked("\n".join(lines)))
    raise typer.Exit(1)


def _lines(problems: Sequence[Finding]) -> Iterator[str]:
    for finding in problems:
        yield f"{finding.severity}: {finding.reason} in {finding.cluster}"
        yield f"  {finding.message}"
        yield f"  hint: {finding.hint}"


def _back(work: LocalWorkspace, name: str, timeout: float, *, yes: bool) -> None:
    """One update with the configuration of the last one that ended well, of all clusters at once."""
    with last_good(work, name, part=_PART) as since:
        config = stacks.configuration(work, name)
        print(f"back to the update of {since}")
        together = waves(replace(config, waves=()))
        if not _announced(config, together, _changes(name, config), f"{_COMMAND} --back --yes", yes=yes):
            return
        if not stacks.update(name):
            print("\nThe way back has failed: `pulumi up` says why")
            raise typer.Exit(1)
        problems = gate(name, config, frozenset(), timeout)
    print(config.secrets.masked("\n".join(_lines(problems))) if problems else "\nnothing is wrong")
    print("The stack file still has the change: put it back, too, before the next `pulumi up`")
    raise typer.Exit(1 if problems else 0)


def _changes(name: str, config: StackConfig) -> Changes:
    try:
        found = read(stacks.preview(name))
    except CommandError as error:
        raise CommandError(config.secrets.masked(str(error))) from error
    return changes(found, rendered_releases(found))
