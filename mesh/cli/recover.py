"""`python -m mesh recover`: bring state and clusters together again after Pulumi was killed."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Annotated

import psutil
import typer

from mesh.cli import stack as stacks
from mesh.cli.output import CommandError, Confirmed
from mesh.config.resolved import StackConfig
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.facts import HelmRevision
from mesh.live.interrupted import delete_helm_revision, exists, read_helm_revisions
from mesh.live.kubernetes_api import KubernetesApi
from mesh.recovery import PendingOperation, pending_operations, recovered_state, recovery, release_names

_PLUGIN = "pulumi-resource-"
_STARTERS = ("pulumi", "python")
_LAST_SECONDS = 5


def recover(
    *,
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="Stack to recover; by default the selected one.")
    ] = None,
    yes: Confirmed = False,
) -> None:
    """Make `pulumi up` or `pulumi destroy` possible again after Pulumi was killed.

    Drops Pulumi's lock, imports what Pulumi was creating, removes its other interrupted operations from the
    state, and deletes Helm's records of interrupted installations and upgrades.

    Exit code: 0 if there is nothing left to do, 1 if there is and --yes was not given, 2 if the command could
    not run.
    """
    _refuse_while_plugins_run()
    work = stacks.workspace()
    name = stacks.selected(work, stack)
    config = stacks.configuration(work, name)
    state = stacks.state(name)
    operations = pending_operations(state)
    apis = _connect(config, operations)
    found = recovery(operations, _revisions(apis, release_names(config, state)), _existing(apis, operations))
    if yes:
        stacks.run(name, "cancel", "--yes")
    if not found:
        locked = "It has no lock." if yes else "If it is locked, run: python -m mesh recover --yes"
        print(f"No operation of the stack {name} was interrupted. {locked}")
        return
    print("\n".join(found.lines()))
    if not yes:
        print("\nNothing was changed. To do this: python -m mesh recover --yes")
        raise typer.Exit(1)
    for cluster, left in found.revisions.items():
        for revision in left:
            delete_helm_revision(apis[cluster], revision)
    if found.operations:
        stacks.run(name, "stack", "import", given=json.dumps(recovered_state(state, found)))
    if found.imports:
        targets = (f"--target={operation.urn}" for operation in found.imports)
        stacks.run(name, "refresh", "--yes", "--skip-preview", *targets)
    print("\nDone. Next, run the command that was interrupted, `pulumi up` or `pulumi destroy`.")


def _refuse_while_plugins_run() -> None:
    """Raise CommandError while a plugin works on for a Pulumi that was killed.

    A plugin whose Pulumi has ended in order is gone within seconds.
    """
    _, left = psutil.wait_procs(list(_orphans()), timeout=_LAST_SECONDS)
    if left:
        pids = " ".join(str(process.pid) for process in left)
        raise CommandError(
            f"plugins of a Pulumi that was killed still work (processes {pids}), and may change a cluster; "
            f"expected none: `kill -9 {pids}`, then run this command again"
        )


def _orphans() -> Iterator[psutil.Process]:
    """Plugins without the process that started them: Pulumi, or a Python program that renders charts."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            parent = process.parent()
            if process.name().startswith(_PLUGIN) and not (parent and parent.name().startswith(_STARTERS)):
                yield process


def _connect(config: StackConfig, operations: Sequence[PendingOperation]) -> Mapping[str, KubernetesApi]:
    """The clusters of the stack that are not offline.

    One that cannot be asked is left out if nothing was interrupted in it.
    """
    apis: dict[str, KubernetesApi] = {}
    concerned = {operation.cluster for operation in operations}
    for name, cluster in config.online.items():
        try:
            api = KubernetesApi.connect(cluster.connection)
            api.get("/api")
            apis[name] = api
        except (UnreachableError, RefusedError) as error:
            if name in concerned:
                raise CommandError(
                    f"cannot ask {name} what Pulumi was doing there: {error}; expected it to be reachable. "
                    f"To leave that out, set clusters.{name}.offline to true, and run this command again"
                ) from error
    if strangers := concerned - {"", *config.clusters}:
        raise CommandError(
            f"{', '.join(sorted(strangers))}: Pulumi was changing this cluster, and it is not in the "
            "stack file; expected its entry, as it was: put it back, recover, and remove it then"
        )
    return apis


def _revisions(apis: Mapping[str, KubernetesApi], releases: Set[str]) -> dict[str, tuple[HelmRevision, ...]]:
    return {name: read_helm_revisions(api, releases) for name, api in apis.items()}


def _existing(apis: Mapping[str, KubernetesApi], operations: Sequence[PendingOperation]) -> list[str]:
    return [
        one.urn
        for one in operations
        if one.creates_object
        and one.cluster in apis
        and exists(apis[one.cluster], one.api_version, one.kind, one.namespace, one.name)
    ]
