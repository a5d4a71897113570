"""The checks before an update: the stack's encryption, what is in the clusters, and what the charts come to.

It changes nothing, and it does not check the configuration by itself: `mesh.load` has done that.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pulumi

from mesh.config.problems import Problem, summary
from mesh.config.resolved import StackConfig
from mesh.helm.charts import renderer
from mesh.helm.errors import ChartUnavailableError
from mesh.live import istio_system, peers
from mesh.preflight import access, charts, encryption, identity, ownership, transitions
from mesh.stack_file import settings, stack_file


def preflight(config: StackConfig) -> dict[str, str]:
    """Refuse an update of the clusters as they are.

    A cluster that gives no answer stops only the steps of a root rotation; one that refuses stops everything.
    Where peers would not get in, too; that this machine cannot try it stops nothing, with a warning.
    Charts that cannot be rendered here stop nothing, with a warning.

    Returns:
        The certificate that each cluster signs with now, as PEM by the cluster's name.

    Raises:
        pulumi.RunError: with one line for each problem; Pulumi shows it without a traceback.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        rendering = beside.submit(_charts, config)
        clusters = istio_system.read_clusters(config)
        readable = [name for name, observed in clusters.items() if not observed.refused]
        by_peers = peers.read_peer_access(
            config, [name for name in readable if not clusters[name].unreachable]
        )
        values, unavailable = rendering.result()
    if unavailable:
        pulumi.log.warn(config.secrets.masked(f"what the charts come to is not checked: {unavailable}"))
    for warning in access.unchecked(by_peers):
        pulumi.log.warn(warning)
    members = ownership.members(config, {name: clusters[name] for name in readable})
    prefix = f"{pulumi.get_project()}:"
    found = [
        *access.problems(clusters),
        *access.peer_problems(config, by_peers),
        *ownership.problems(config, clusters),
        *identity.problems(config, members),
        *transitions.problems(config, members, datetime.now(UTC)),
    ]
    groups = {
        "the stack": list(encryption.problems(settings(stack_file(pulumi.get_stack())))),
        "the values for the charts (docs/troubleshooting.md)": _prefixed(prefix, values),
        "the clusters": _prefixed(prefix, found),
    }
    if refusals := [summary(problems, where) for where, problems in groups.items() if problems]:
        raise pulumi.RunError(config.secrets.masked("\n".join(refusals)))
    return {name: c.trust.cacerts.certificate for name, c in clusters.items() if c.trust.cacerts}


def _prefixed(prefix: str, problems: Sequence[Problem]) -> list[Problem]:
    return [Problem(path=prefix + p.path, message=p.message) for p in dict.fromkeys(problems)]


def _charts(config: StackConfig) -> tuple[list[Problem], str | None]:
    """What is wrong with the values for the charts, or why that is not known."""
    try:
        with renderer() as render:
            return list(charts.problems(config, render)), None
    except ChartUnavailableError as error:
        return [], str(error)
