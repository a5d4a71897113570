"""`python -m mesh forget`: take a cluster that is gone for good out of the mesh."""

import json
from collections.abc import Mapping
from typing import Annotated

import typer

from mesh.cli import stack as stacks
from mesh.cli.output import CommandError
from mesh.forgetting import forgetting, state_without
from mesh.istio.names import NAMESPACE
from mesh.live.istio_system import read_cluster
from mesh.mappings import as_map
from mesh.stack_file import settings, stack_file
from mesh.stacks.state import RecordedState, recorded


def forget(
    cluster: Annotated[str, typer.Argument(help="Name of the cluster in the stack file.")],
    *,
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="Stack of the cluster; by default the selected one.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this, only show what would be done.")
    ] = False,
) -> None:
    """Take a cluster that is gone for good out of the mesh.

    Deletes its remote secrets in the other clusters, and takes its resources out of the state and its entry
    out of the stack file. Changes nothing else, and does not ask the cluster for anything.

    Exit code: 0 if there is nothing left to do, 1 if there is and --yes was not given, 2 if the command could
    not run.
    """
    work = stacks.workspace()
    name = stacks.selected(work, stack)
    state = stacks.state(name)
    known = recorded(state)
    entries = _entries(work.project_settings().name, name)
    offline = {other for other, entry in entries.items() if entry.get("offline") is True}
    found = forgetting(known, cluster, offline, in_stack_file=cluster in entries)
    if not found:
        raise CommandError(
            f"stack {name} has no cluster {cluster}; expected one of: {', '.join(entries) or 'none'}"
        )
    _refuse_if_it_answers(cluster, known)
    print("\n".join(found.lines()))
    if not yes:
        print(f"\nNothing was changed. To do this: python -m mesh forget {cluster} --yes")
        raise typer.Exit(1)
    if found.remote_secrets:
        targets = (f"--target={resource.urn}" for resource in found.remote_secrets)
        stacks.run(name, "destroy", "--yes", "--skip-preview", *targets)
        state = stacks.state(name)
    if found.resources:
        urns = {resource.urn for resource in found.resources}
        stacks.run(name, "stack", "import", given=json.dumps(state_without(state, urns)))
    if found.in_stack_file:
        stacks.run(name, "config", "rm", "--path", f"clusters.{cluster}")
    print(f"\nDone. If other stacks have {cluster} in `peers`, remove it there. Next, run `pulumi up`.")


def _entries(project: str, stack: str) -> Mapping[str, Mapping[str, object]]:
    """The entries of the clusters as they stand in the stack file: that of the cluster may be invalid."""
    config = as_map(settings(stack_file(stack)).get("config")) or {}
    clusters = as_map(config.get(f"{project}:clusters")) or {}
    return {name: as_map(entry) or {} for name, entry in clusters.items()}


def _refuse_if_it_answers(cluster: str, known: RecordedState) -> None:
    """Raise CommandError where the cluster is there, and is that of the state."""
    connection, namespace = known.connections.get(cluster), known.namespaces.get(f"{cluster}-{NAMESPACE}")
    if connection is None or namespace is None or namespace.uid is None:
        return
    if read_cluster(connection).namespace_uid == namespace.uid:
        raise CommandError(
            f"{cluster} answers, and has the mesh of this stack; expected a cluster that is gone. To remove "
            "one that is there, remove its entry and run `pulumi up`, which deletes the mesh in it"
        )
