"""Defects of Istio that concern a mesh of several clusters: in which versions, and what happens. Pure.

The versions are from Istio's release notes (`content/en/news/releases` in istio/istio.io) and its issues.
What has no fix in a line of releases ends where the next line begins.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mesh.config.resolved import ClusterConfig
from mesh.config.types import version_tuple

_ISSUE = "https://github.com/istio/istio/issues"
_NOTES = "https://istio.io/latest/news/releases"
# In 1.29, istiod began to read the mesh configuration of other clusters, and their role to allow that.
_READER_OF_MESH_CONFIG = (1, 29, 0)

Remotes: TypeAlias = Mapping[str, ClusterConfig | None]
"""The clusters that a cluster sees, by name; None for what another stack has and is not known here."""


@dataclass(frozen=True, kw_only=True)
class Defect:
    """A defect of the control plane, in the versions from `since` on and before `fixed`.

    `happens` goes after "istiod may", `see` is where it is described, and `applies` says whether a cluster
    that sees these others has it. With `on_rotation`, another token for a remote cluster brings it about.
    """

    since: str
    fixed: str
    happens: str
    see: str
    applies: Callable[[Remotes], bool] = bool
    on_rotation: bool = False

    def affects(self, version: str) -> bool:
        """Whether this version of Istio has it."""
        return version_tuple(self.since) <= version_tuple(version) < version_tuple(self.fixed)


def _reader_is_older(remotes: Remotes) -> bool:
    return any(
        remote is not None and version_tuple(remote.istio.version) < _READER_OF_MESH_CONFIG
        for remote in remotes.values()
    )


def _token_changes(remotes: Remotes) -> bool:
    return any(
        remote is not None and remote.kubeconfig is None and len(remote.reader.token_generations) > 1
        for remote in remotes.values()
    )


DEFECTS: tuple[Defect, ...] = (
    Defect(
        since="1.30.0",
        fixed="1.30.3",
        happens="ignore a remote secret that has changed, until it restarts",
        see=f"{_ISSUE}/60612",
        on_rotation=True,
    ),
    Defect(
        since="1.30.0",
        fixed="1.30.4",
        happens="lose the gateways of other clusters after a remote secret has changed or gone, and send "
        "calls to addresses that cannot be reached, until it restarts",
        see=f"{_ISSUE}/60920",
        on_rotation=True,
    ),
    Defect(
        since="1.30.0",
        fixed="1.30.4",
        happens="lose the endpoints of a cluster whose remote secret has changed, until it restarts",
        see=f"{_ISSUE}/61043",
        on_rotation=True,
    ),
    Defect(
        since="1.30.0",
        fixed="1.30.1",
        happens="stop taking changes of other clusters, because its store of clusters blocks itself",
        see=f"{_NOTES}/1.30.x/announcing-1.30.1/",
    ),
    Defect(
        since="1.29.0",
        fixed="1.30.0",
        happens="report the status `timeout` for every remote cluster in the metric "
        "istiod_remote_cluster_sync_status, also for those that it has loaded",
        see=f"{_ISSUE}/60082",
    ),
    Defect(
        since="1.29.0",
        fixed="1.29.2",
        happens="expect no trust domain in certificates of a cluster with Istio 1.28 or earlier, whose "
        "reader may not read ConfigMaps, so that calls to it fail in TLS",
        see=f"{_ISSUE}/59474",
        applies=_reader_is_older,
    ),
    Defect(
        since="1.27.0",
        fixed="1.30.0",
        happens="have no endpoints of a cluster for up to 30 seconds while the token for it changes, because "
        "it forgets the cluster before it loads it again",
        see=f"{_ISSUE}/36365",
        applies=_token_changes,
    ),
)
"""All that concern any mesh; where a version has several, in this order."""

AMBIENT_DEFECTS: tuple[Defect, ...] = (
    Defect(
        since="1.27.0",
        fixed="1.31.0",
        happens="be ready before it has loaded the other clusters, so that ambient workloads miss their "
        "services for a while after it starts",
        see=f"{_NOTES}/1.31.x/announcing-1.31/change-notes/",
    ),
    Defect(
        since="1.30.0",
        fixed="1.31.0",
        happens="show ambient workloads a cluster as it was before the token for it changed, until it "
        "restarts",
        see=f"{_ISSUE}/60033",
        on_rotation=True,
    ),
    Defect(
        since="1.27.0",
        fixed="1.30.4",
        happens="let ingress gateways pass by the waypoint of a service whose pods are in another cluster, "
        "so that its policies are not enforced",
        see=f"{_ISSUE}/61092",
    ),
    Defect(
        since="1.27.0",
        fixed="1.30.3",
        happens="make ambient gateways refuse calls from other clusters to services with policies for HTTP",
        see=f"{_ISSUE}/60806",
    ),
    Defect(
        since="1.27.0",
        fixed="1.28.3",
        happens="show ambient workloads nothing new of a cluster that it could not read for a while, until "
        "it restarts",
        see=f"{_ISSUE}/58047",
    ),
    Defect(
        since="1.27.0",
        fixed="1.28.1",
        happens="give ambient gateways and waypoints endpoints that they cannot reach",
        see=f"{_ISSUE}/58141",
    ),
)
"""Those that concern clusters with ambient workloads, too."""

NO_OTHER_TRUST_DOMAIN = Defect(
    since="1.27.0",
    fixed="1.28.1",
    happens="fail all ambient calls between clusters, because the mesh has a trust domain other than "
    "cluster.local",
    see=f"{_ISSUE}/58427",
)
NO_WAY_FROM_WAYPOINTS = Defect(
    since="1.27.0",
    fixed="1.28.0",
    happens="send no call from a waypoint to another cluster",
    see=f"{_ISSUE}/57537",
)

HANDOVER_OF_GATEWAYS = tuple(
    Defect(
        since=since,
        fixed=fixed,
        happens="remove the listeners of ambient gateways and waypoints that move to another revision, "
        "before their pods are replaced",
        see=f"{_ISSUE}/59959",
    )
    for since, fixed in (("1.27.0", "1.29.5"), ("1.30.0", "1.30.2"))
)


def defects(version: str, remotes: Remotes, *, ambient: bool = False) -> tuple[Defect, ...]:
    """The defects that a control plane of this version has for the clusters that it sees.

    `ambient` is whether its own has ambient workloads.
    """
    return tuple(
        defect for defect in _known(ambient=ambient) if defect.affects(version) and defect.applies(remotes)
    )


def on_rotation(version: str, *, ambient: bool = False) -> tuple[Defect, ...]:
    """Those that another token for a remote cluster brings about."""
    return tuple(d for d in _known(ambient=ambient) if d.on_rotation and d.affects(version))


def _known(*, ambient: bool) -> tuple[Defect, ...]:
    return (*DEFECTS, *AMBIENT_DEFECTS) if ambient else DEFECTS
