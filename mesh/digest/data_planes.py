"""Changes of ambient clusters by which pods may lose their network, or calls their target. Pure."""

import json
from collections.abc import Iterator, Sequence
from typing import cast

import yaml

from mesh.digest.releases import ReleaseChange, RenderedChange
from mesh.digest.report import Danger, DangerKind
from mesh.digest.steps import Change, Step
from mesh.istio.names import GATEWAY_API, HBONE_GATEWAY, MESH_CONFIG, ZTUNNEL, istiod_revision, revisioned
from mesh.mappings import Json, as_map, at
from mesh.preflight.manifests import find
from mesh.stacks.state import RELEASE

_HBONE_GATEWAY = f"kubernetes:{GATEWAY_API}:Gateway"
_SEE = "docs/ambient.md"


def without_network(
    staying: Sequence[Step], releases: Sequence[tuple[ReleaseChange, RenderedChange]]
) -> Iterator[Danger]:
    """A ztunnel or a gateway for ambient workloads that goes, and services that become global or do not."""
    for step in staying:
        if step.cluster is None or step.change not in (Change.DELETED, Change.REPLACED):
            continue
        if step.type == RELEASE and step.name == f"{step.cluster}-{ZTUNNEL}":
            yield _danger(
                step.cluster,
                f"ztunnel goes in {step.cluster}: pods that are still ambient then would have no network "
                f"until they are made again; an update is refused while there are any ({_SEE})",
            )
        elif step.type == _HBONE_GATEWAY and step.name == f"{step.cluster}-{HBONE_GATEWAY}":
            yield _danger(
                step.cluster,
                f"the gateway for ambient workloads goes in {step.cluster}: calls from other networks stay "
                "in their own clusters",
            )
    for change, rendered in releases:
        revision = istiod_revision(change.name)
        if revision is None:
            continue
        old, new = _entries(rendered.old, revision), _entries(rendered.new, revision)
        # Before a cluster is ambient, entries say nothing.
        if old is not None and new is not None:
            yield from _scopes(change.cluster, old, new)


def _scopes(cluster: str, old: set[str], new: set[str]) -> Iterator[Danger]:
    if more := sorted(new - old):
        yield _danger(
            cluster,
            f"more services of {cluster} become global, those of {_quoted(more)}: calls from other clusters "
            f"to pods that are not ambient then fail ({_SEE}#exposure)",
        )
    if less := sorted(old - new):
        yield _danger(
            cluster,
            f"services of {cluster} are no longer global by {_quoted(less)}: calls from other clusters no "
            f"longer reach them ({_SEE}#exposure)",
        )


def _entries(manifests: Sequence[Json], revision: str) -> set[str] | None:
    """The entries of the mesh configuration by which services are global; None where it has no such list."""
    config_map = find(manifests, "ConfigMap", revisioned(MESH_CONFIG, revision))
    text = str(at(config_map, "data", "mesh") or "")
    try:
        found = (as_map(yaml.safe_load(text)) or {}).get("serviceScopeConfigs")
    except yaml.YAMLError:
        return None
    if not isinstance(found, list):
        return None
    entries = cast(Sequence[Json], found)
    return {json.dumps(entry, sort_keys=True) for entry in entries if entry.get("scope") == "GLOBAL"}


def _quoted(entries: Sequence[str]) -> str:
    return ", ".join(f"`{entry}`" for entry in entries)


def _danger(cluster: str, message: str) -> Danger:
    return Danger(kind=DangerKind.CUT_OFF, clusters=(cluster,), message=message)
