"""Upgrades by revision: what two control planes in a cluster need, and how far apart they may be.

Istio tests and recommends upgrades over at most two minor versions at once
(https://istio.io/latest/docs/setup/upgrade/canary/). Each control plane serves proxies of its own version.
"""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import version_tuple
from mesh.istio.defects import HANDOVER_OF_GATEWAYS
from mesh.istio.revisions import following, has_tag, revisions, running

_MINOR_VERSIONS_APART = 2
_SEE = "docs/runbooks/upgrade-by-revision.md"


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each cluster whose two control planes could not run together."""
    for cluster in config.online.values():
        yield from _role(cluster)
        yield from _pair(cluster)
    yield from _mesh(config)


def _role(cluster: ClusterConfig) -> Iterator[Problem]:
    if not has_tag(cluster) or not (cluster.serves or cluster.control_plane):
        return
    which = "next" if following(cluster) else "revision"
    one, other = (
        (cluster.name, ", ".join(cluster.serves))
        if cluster.serves
        else (cluster.control_plane or "", cluster.name)
    )
    yield Problem(
        path=cluster.path(f"istio.{which}"),
        message=f"the control plane of {one} also serves {other}, and such clusters are upgraded in place; "
        f"leave it out, and set istio.version ({_SEE})",
    )


def _pair(cluster: ClusterConfig) -> Iterator[Problem]:
    old, new = running(cluster), following(cluster)
    if new is None:
        return
    if new.name == old.name:
        yield Problem(
            path=cluster.path("istio.next.revision"),
            message=f"{new.name} is the revision of the running control plane; expected another, for example "
            f"{new.name}-b",
        )
    if _apart(old.version, new.version) > _MINOR_VERSIONS_APART:
        yield Problem(
            path=cluster.path("istio.next.version"),
            message=f"{new.version} and {old.version} are more than {_MINOR_VERSIONS_APART} minor versions "
            "apart, which Istio neither tests nor recommends; expected a version between them first",
        )
    if cluster.data_plane.has_ztunnel:
        found = [(r, d) for r in (old, new) for d in HANDOVER_OF_GATEWAYS if d.affects(r.version)]
        for revision, defect in found[:1]:
            yield Problem(
                path=cluster.path("istio.next"),
                message=f"istiod {revision.version} would {defect.happens}; expected {defect.fixed} or "
                f"later, or an upgrade in place, by istio.version alone ({defect.see})",
            )


def _mesh(config: StackConfig) -> Iterator[Problem]:
    """While a cluster moves, no two control planes of the mesh are further apart than one upgrade."""
    there = [(r.version, cluster.name) for cluster in config.online.values() for r in revisions(cluster)]
    for cluster in config.online.values():
        new = following(cluster)
        if new is None or _apart(cluster.istio.version, new.version) > _MINOR_VERSIONS_APART:
            continue
        far = [one for one in there if _apart(one[0], new.version) > _MINOR_VERSIONS_APART]
        for version, name in far[:1]:
            yield Problem(
                path=cluster.path("istio.next.version"),
                message=f"{new.version} is more than {_MINOR_VERSIONS_APART} minor versions from {version} "
                f"in {name}; expected {name} to move first",
            )


def _apart(one: str, other: str) -> int:
    """In minor versions; those of another major version are far from all."""
    a, b = version_tuple(one), version_tuple(other)
    return abs(a[1] - b[1]) if a[0] == b[0] else _MINOR_VERSIONS_APART + 1
