"""What is known of the versions of Istio in a mesh. Pure.

These are warnings, which stop nothing. Istio has no policy for control planes of several clusters
(istio/istio.io #12971). It supports a control plane that is one minor version ahead of its proxies, and
proxies of any versions with each other (https://istio.io/latest/docs/releases/supported-releases/). Here each
cluster has its own control plane for its proxies, so no difference between clusters is against that.
"""

from collections.abc import Iterator, Mapping, Set

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import version_tuple
from mesh.istio.defects import Defect, Remotes, defects
from mesh.istio.revisions import newest, revisions, version_setting
from mesh.plan import links

_MINOR_VERSIONS_APART = 1
_NOTHING: Mapping[str, ClusterConfig] = {}


def warnings(config: StackConfig, others: Mapping[str, ClusterConfig] = _NOTHING) -> Iterator[Problem]:
    """A warning for each version that is far from the newest in the mesh, and for each known defect.

    A cluster that is away is left out: no update changes it.

    Args:
        config: the clusters that may get a warning.
        others: clusters of the mesh in other stacks, as far as they are known.
    """
    yield from _skew(config, {**others, **config.online})
    yield from _defects(config, others)


def _skew(config: StackConfig, mesh: Mapping[str, ClusterConfig]) -> Iterator[Problem]:
    if not mesh:
        return
    first = max(mesh.values(), key=lambda cluster: version_tuple(newest(cluster).version))
    major, minor, _ = version_tuple(newest(first).version)
    for (path, version), names in _by_version(config.online).items():
        apart = minor - version_tuple(version)[1]
        if apart > _MINOR_VERSIONS_APART:
            yield Problem(
                path=path,
                message=f"Istio {version} in {', '.join(names)} is {apart} minor versions behind "
                f"{newest(first).version} in {first.name}, and Istio does not say that such a mesh works; "
                f"expected at most {_MINOR_VERSIONS_APART}: upgrade to "
                f"{major}.{minor - _MINOR_VERSIONS_APART} or later",
            )


def _defects(config: StackConfig, others: Mapping[str, ClusterConfig]) -> Iterator[Problem]:
    known = {**others, **config.clusters}
    seen: dict[str, dict[str, ClusterConfig | None]] = {name: {} for name in config.online}
    for link in links(config):
        if link.cluster in seen:
            seen[link.cluster][link.remote] = known.get(link.remote)
    ambient = {name for name, cluster in config.online.items() if cluster.data_plane.has_ztunnel}
    for (path, version), names in _by_version(config.online).items():
        for defect, affected in _affected(version, {name: seen[name] for name in names}, ambient).items():
            yield Problem(
                path=path,
                message=f"istiod {version} in {', '.join(affected)} may {defect.happens}; expected "
                f"{defect.fixed} or later ({defect.see})",
            )


def _affected(version: str, seen: Mapping[str, Remotes], ambient: Set[str]) -> Mapping[Defect, list[str]]:
    found: dict[Defect, list[str]] = {}
    for name, remotes in seen.items():
        for defect in defects(version, remotes, ambient=name in ambient):
            found.setdefault(defect, []).append(name)
    return found


def _by_version(clusters: Mapping[str, ClusterConfig]) -> Mapping[tuple[str, str], list[str]]:
    """The names of clusters by where the stack file has their version, and by that version."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, cluster in clusters.items():
        for revision in revisions(cluster):
            found.setdefault((version_setting(cluster, revision), revision.version), []).append(name)
    return found
