"""`python -m mesh forget`: take a cluster that is gone for good out of the mesh."""

import json
from collections.abc import Collection
from typing import Annotated

import typer
from pulumi.automation import LocalWorkspace

from mesh.cli import stack as stacks
from mesh.cli.output import CommandError, Confirmed
from mesh.config.resolved import Connection, StackConfig
from mesh.forgetting import forgetting, state_without
from mesh.istio.names import NAMESPACE
from mesh.live.istio_system import read_cluster
from mesh.mappings import Json, as_map
from mesh.recovery import pending_operations
from mesh.stack_file import settings, stack_file
from mesh.stacks.state import RecordedState, recorded


def forget(
    cluster: Annotated[str, typer.Argument(help="Name of the cluster in the stack file.")],
    *,
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="Stack of the cluster; by default the selected one.")
    ] = None,
    yes: Confirmed = False,
) -> None:
    """Take a cluster that is gone for good out of the mesh.

    Deletes its remote secrets in the other clusters, and takes its resources out of the state and its entry
    out of the stack file. Changes nothing else, and nothing in the cluster itself.

    Exit code: 0 if there is nothing left to do, 1 if there is and --yes was not given, 2 if the command could
    not run.
    """
    work = stacks.workspace()
    name = stacks.selected(work, stack)
    state = stacks.state(name)
    known = recorded(state)
    config = _valid_configuration(work, name)
    entries = config.clusters if config else _entries(work.project_settings().name, name)
    offline = frozenset(config.offline) if config else known.away
    found = forgetting(known, cluster, offline, in_stack_file=cluster in entries)
    if not found:
        raise CommandError(
            f"stack {name} has no cluster {cluster}; expected one of: {', '.join(entries) or 'none'}"
        )
    _refuse_if_interrupted(cluster, state)
    configured = config.clusters[cluster].connection if config and cluster in config.clusters else None
    doubt = _refuse_if_it_answers(cluster, known, configured)
    print("\n".join((*found.lines(), *filter(None, [doubt]))))
    if not yes:
        print(f"\nNothing was changed. To do this: python -m mesh forget {cluster} --yes")
        raise typer.Exit(1)
    if found.remote_secrets:
        targets = (f"--target={resource.urn}" for resource in found.remote_secrets)
        try:
            stacks.run(name, "destroy", "--yes", "--skip-preview", *targets)
        except CommandError as error:
            raise CommandError(
                f"{error}. If another cluster is away too, set its `offline`, and run this command again"
            ) from error
        state = stacks.state(name)
    if found.resources:
        urns = {resource.urn for resource in found.resources}
        stacks.run(name, "stack", "import", given=json.dumps(state_without(state, urns)))
    if found.in_stack_file:
        stacks.run(name, "config", "rm", "--path", f"clusters.{cluster}")
    print(f"\nDone. If other stacks have {cluster} in `peers`, remove it there. Next, run `pulumi up`.")


def _valid_configuration(work: LocalWorkspace, stack: str) -> StackConfig | None:
    """The stack's configuration; None where it is invalid, as it is where a kubeconfig is gone."""
    try:
        return stacks.configuration(work, stack)
    except CommandError:
        return None


def _entries(project: str, stack: str) -> Collection[str]:
    """The names of the clusters in a stack file that is invalid."""
    config = as_map(settings(stack_file(stack)).get("config")) or {}
    return as_map(config.get(f"{project}:clusters")) or {}


def _refuse_if_interrupted(cluster: str, state: Json) -> None:
    """Raise CommandError where something else was interrupted: the state would forget that."""
    if others := {operation.cluster for operation in pending_operations(state)} - {"", cluster}:
        raise CommandError(
            f"an update of {', '.join(sorted(others))} was interrupted, and the state would forget that; "
            "expected nothing interrupted: run `python -m mesh recover` first"
        )


def _refuse_if_it_answers(cluster: str, known: RecordedState, configured: Connection | None) -> str | None:
    """Raise CommandError where the cluster is there, and is that of the state; say what is not known.

    The state has no way to a cluster whose kubeconfig is a secret, or that was offline at the last update.
    """
    connection = known.connections.get(cluster) or configured
    namespace = known.namespaces.get(f"{cluster}-{NAMESPACE}")
    if connection is None or namespace is None or namespace.uid is None:
        return f"(whether {cluster} still answers is not known)"
    observed = read_cluster(connection)
    if observed.namespace_uid == namespace.uid:
        raise CommandError(
            f"{cluster} answers, and has the mesh of this stack; expected a cluster that is gone. To remove "
            "one that is there, remove its entry and run `pulumi up`, which deletes the mesh in it"
        )
    return f"({cluster} may still be there: {observed.refused})" if observed.refused else None
