"""The checks before an update: the stack's encryption, what is in the clusters, and what the charts come to.

It changes nothing, and it does not check the configuration by itself: `mesh.load` has done that.
"""

from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pulumi

from mesh.config.problems import Problem, summary
from mesh.config.resolved import StackConfig
from mesh.helm.charts import renderer
from mesh.helm.errors import ChartUnavailableError
from mesh.live import istio_system, objects, peers
from mesh.live.concurrent import for_each
from mesh.pki.certificates import join, parse_readable
from mesh.preflight import access, away, charts, encryption, identity, inventory, ownership, transitions
from mesh.stack_file import settings, stack_file
from mesh.stacks import state
from mesh.stacks.state import RecordedResource


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What the declarations take from the clusters.

    `certificates` are those that the clusters sign with now, as PEM by the cluster's name, each with its
    chain after it; `kept` has the logical names of the namespaces that were there before the stack, and
    `recorded` the resources in its state.
    """

    certificates: Mapping[str, str]
    kept: Set[str]
    recorded: Sequence[RecordedResource]


def preflight(config: StackConfig) -> Observed:
    """Refuse an update of the clusters as they are.

    A cluster that gives no answer stops only the steps of a root rotation; one that refuses stops everything.
    Where peers would not get in, too; that this machine cannot try it stops nothing, with a warning.
    Charts that cannot be rendered here stop nothing, with a warning.

    Returns:
        What the declarations take from the clusters.

    Raises:
        pulumi.RunError: with one line for each problem; Pulumi shows it without a traceback.
    """
    # Asked for here: in another thread Pulumi's SDK does not know them.
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    with ThreadPoolExecutor(max_workers=2) as beside:
        rendering = beside.submit(_charts, config)
        exporting = beside.submit(_recorded, stack)
        clusters = istio_system.read_clusters(config)
        readable = [name for name, observed in clusters.items() if not observed.refused]
        by_peers = peers.read_peer_access(
            config, [name for name in readable if not clusters[name].unreachable]
        )
        values, unavailable = rendering.result()
        recorded = exporting.result()
    if unavailable:
        pulumi.log.warn(config.secrets.masked(f"what the charts come to is not checked: {unavailable}"))
    for warning in (*access.unchecked(by_peers), *away.warnings(config, clusters)):
        pulumi.log.warn(config.secrets.masked(warning))
    gone = for_each(
        recorded.connections.keys() - config.clusters.keys(),
        lambda name: istio_system.read_cluster(recorded.connections[name]),
    )
    open_to_us = {name: clusters[name] for name in readable}
    members = ownership.members(config, open_to_us, recorded)
    missing = inventory.missing(config, recorded)
    looked_for = for_each(
        [name for name, observed in members.items() if missing[name] and not observed.unreachable],
        lambda name: objects.find_objects(
            config.clusters[name].connection, inventory.addresses(missing[name])
        ),
    )
    there = {name: found.by_address for name, found in looked_for.items()}
    prefix = f"{pulumi.get_project()}:"
    found = [
        *access.problems(clusters),
        *access.peer_problems(config, by_peers),
        *ownership.problems(config, open_to_us, recorded),
        *ownership.leaving(gone, recorded, recorded.away - config.clusters.keys()),
        *ownership.unknown(looked_for),
        *(p for name in there for p in ownership.foreign(config.clusters[name], missing[name], there[name])),
        *identity.problems(config, members),
        *transitions.problems(config, members, recorded, datetime.now(UTC)),
    ]
    groups = {
        "the stack": list(encryption.problems(settings(stack_file(pulumi.get_stack())))),
        "the values for the charts (docs/troubleshooting.md)": _prefixed(prefix, values),
        "the clusters": _prefixed(prefix, found),
    }
    if refusals := [summary(problems, where) for where, problems in groups.items() if problems]:
        raise pulumi.RunError(config.secrets.masked("\n".join(refusals)))
    return Observed(
        certificates={
            name: join(own.certificate, own.chain)
            for name, c in clusters.items()
            if (own := c.trust.cacerts) and parse_readable(own.certificate)
        },
        recorded=recorded.resources,
        kept=recorded.kept.union(*(ownership.adopted(missing[name], there[name]) for name in there)),
    )


def _prefixed(prefix: str, problems: Sequence[Problem]) -> list[Problem]:
    return [Problem(path=prefix + p.path, message=p.message) for p in dict.fromkeys(problems)]


def _charts(config: StackConfig) -> tuple[list[Problem], str | None]:
    """What is wrong with the values for the charts, or why that is not known."""
    try:
        with renderer() as render:
            return list(charts.problems(config, render)), None
    except ChartUnavailableError as error:
        return [], str(error)


def _recorded(stack: str) -> state.RecordedState:
    try:
        return state.recorded(state.export(stack, Path.cwd()))
    except state.StateError as error:
        raise pulumi.RunError(str(error)) from error
