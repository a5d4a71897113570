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
from mesh.istio import gateway_api_manifest
from mesh.istio.addresses import Node
from mesh.istio.gateway_api_manifest import ManifestError
from mesh.mappings import Json
from mesh.pki.certificates import join, parse_readable
from mesh.preflight import charts, encryption
from mesh.preflight.look import look
from mesh.rules import data_plane, expiry, failover, revocation, versions
from mesh.stack_file import settings, stack_file
from mesh.stacks import state
from mesh.stacks.state import RecordedResource


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What the declarations take from the clusters; maps are by the cluster's name.

    `certificates` are the ones that clusters sign with now, as PEM with their chain, and `revocation_lists`
    the CRLs that they have. `kept` has the logical names of namespaces that existed before the stack, and
    `recorded` the resources in its state. `labelled` are the hosts of Services that clusters expose by label.
    `nodes` are the nodes of clusters whose gateway uses their addresses. `gateway_api` has the definitions
    that the stack declares.
    """

    certificates: Mapping[str, str]
    revocation_lists: Mapping[str, str]
    kept: Set[str]
    recorded: Sequence[RecordedResource]
    labelled: Mapping[str, Sequence[str]]
    nodes: Mapping[str, Sequence[Node]]
    gateway_api: Mapping[str, Sequence[Json]]


def preflight(config: StackConfig, *, prefix: str, mesh: str | None = None) -> Observed:
    """Refuse an update of the clusters as they are.

    A cluster that gives no answer stops only the steps of a root rotation. One that refuses stops everything,
    and so does one that peers could not reach. If this machine cannot try that, or cannot render the charts,
    there is only a warning.

    Args:
        config: of the stack.
        prefix: what comes before the paths of settings in messages.
        mesh: name of the component, in a stack that has other resources, too.

    Returns:
        What the declarations take from the clusters.

    Raises:
        pulumi.RunError: with one line for each problem; Pulumi shows it without a traceback.
    """
    # Asked for here: in another thread Pulumi's SDK does not know them.
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    with ThreadPoolExecutor(max_workers=2) as beside:
        rendering = beside.submit(charts.checked, config)
        exporting = beside.submit(_recorded, stack, mesh)
        found = look(config, exporting.result)
        values, unavailable = rendering.result()
    definitions, no_manifest = _definitions(config, found.gateway_api)
    warnings = (
        *filter(None, [unavailable]),
        *(str(problem) for problem in _prefixed(prefix, list(versions.warnings(config)))),
        *(str(problem) for problem in _prefixed(prefix, list(data_plane.warnings(config)))),
        *(str(problem) for problem in _prefixed(prefix, list(failover.warnings(config)))),
        *(str(problem) for problem in _prefixed(prefix, list(expiry.warnings(config, datetime.now(UTC))))),
        *(
            str(problem)
            for problem in _prefixed(prefix, list(revocation.warnings(config, datetime.now(UTC))))
        ),
        *found.warnings,
    )
    for warning in warnings:
        pulumi.log.warn(config.secrets.masked(warning))
    groups = {
        "the stack": list(encryption.problems(settings(stack_file(pulumi.get_stack())))),
        "the values for the charts (docs/troubleshooting.md)": _prefixed(prefix, values),
        "the clusters": _prefixed(prefix, [*no_manifest, *found.problems]),
    }
    if refusals := [summary(problems, where) for where, problems in groups.items() if problems]:
        raise pulumi.RunError(config.secrets.masked("\n".join(refusals)))
    return Observed(
        certificates={
            name: join(own.certificate, own.chain)
            for name, c in found.clusters.items()
            if (own := c.trust.cacerts) and parse_readable(own.certificate)
        },
        revocation_lists={
            name: own.revocation_lists for name, c in found.clusters.items() if (own := c.trust.cacerts)
        },
        recorded=found.recorded.resources,
        kept=found.kept,
        labelled=found.labelled,
        nodes=found.nodes,
        gateway_api=dict.fromkeys(found.gateway_api, definitions),
    )


def _definitions(config: StackConfig, clusters: Set[str]) -> tuple[Sequence[Json], Sequence[Problem]]:
    """What the manifest of the Gateway API has, read where a cluster needs it; or why it cannot be read."""
    if not clusters:
        return (), ()
    try:
        return gateway_api_manifest.read_manifest(config.gateway_api.manifest), ()
    except ManifestError as error:
        return (), [Problem(path="gatewayApi.manifest", message=str(error))]


def _prefixed(prefix: str, problems: Sequence[Problem]) -> list[Problem]:
    return [Problem(path=prefix + p.path, message=p.message) for p in dict.fromkeys(problems)]


def _recorded(stack: str, mesh: str | None) -> state.RecordedState:
    try:
        return state.recorded(state.export(stack, Path.cwd()), mesh)
    except state.StateError as error:
        raise pulumi.RunError(str(error)) from error
