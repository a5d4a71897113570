"""What all digests for people share: clusters with the same changes as one, and lines. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mesh.digest.digest import MESH
from mesh.digest.report import ClusterDigest, PreviewReport, ReleaseDigest, ResourceDigest
from mesh.digest.steps import Change
from mesh.digest.words import listed, number

_VALUES_SHOWN = 5

SIGNS: Mapping[Change, str] = {
    Change.ADDED: "+",
    Change.CHANGED: "~",
    Change.REPLACED: "±",
    Change.DELETED: "-",
    Change.UNCHANGED: " ",
}


@dataclass(frozen=True, kw_only=True)
class Section:
    """Clusters in which the same changes; `shown` is one of them, for all."""

    clusters: Sequence[str]
    shown: ClusterDigest

    @property
    def heading(self) -> str:
        """Which clusters, and how much changes in each: `east, west: 3 changed in each`."""
        words = {Change.ADDED: " joins", Change.DELETED: " leaves"}.get(self.shown.change, "")
        if len(self.clusters) > 1:
            words = words.removesuffix("s")
        many = " in each" if len(self.clusters) > 1 else ""
        names = "the mesh as a whole" if self.shown.name == MESH else ", ".join(self.clusters)
        return f"{names}{words}: {counted(self.shown.counts)}{many}"


def sections(report: PreviewReport) -> list[Section]:
    """The clusters that change; those in which the same changes, but for the cluster's name, are one."""
    found: dict[str, list[ClusterDigest]] = {}
    for cluster in report.clusters:
        found.setdefault(_but_for_its_name(cluster), []).append(cluster)
    return [Section(clusters=[one.name for one in alike], shown=alike[0]) for alike in found.values()]


def _but_for_its_name(cluster: ClusterDigest) -> str:
    if cluster.name == MESH:
        return MESH
    return re.sub(rf"\b{re.escape(cluster.name)}\b", "", cluster.model_dump_json())


def counted(counts: Mapping[str, int]) -> str:
    """Such as `1 added, 3 changed`."""
    return ", ".join(f"{count} {change}" for change, count in counts.items())


def summary(report: PreviewReport) -> str:
    """The first line: what changes in all."""
    return f"stack {report.stack}: {counted(report.counts) or 'nothing changes'}"


def rest(report: PreviewReport) -> Iterator[str]:
    """The last lines: what stays as it is."""
    names = report.unchanged_clusters
    of_all = f" in {number(len(names), 'cluster')}, {', '.join(names)}," if not report.clusters else ""
    stay = "stays" if report.unchanged == 1 else "stay"
    if names and report.clusters:
        yield f"Nothing changes in {number(len(names), 'cluster')}: {', '.join(names)}."
    yield f"{number(report.unchanged, 'resource')}{of_all} {stay} as before."
    if report.offline:
        yield f"Not touched, because they are offline in the stack file: {listed(report.offline)}."


def line(resource: ResourceDigest) -> str:
    """A resource and, of a Helm release, what becomes of it."""
    if resource.release is None:
        return resource.title
    return f"{resource.title} {release(resource.release)}"


def release(of: ReleaseDigest) -> str:
    """Such as `1.31.0 → 1.31.1: 2 objects changed, 14 more in version labels only`."""
    versions = [version for version in (of.old_version, of.new_version) if version]
    text = " → ".join(dict.fromkeys(versions))
    if of.values:
        more = ", …" if len(of.values) > _VALUES_SHOWN else ""
        text += f", values {', '.join(of.values[:_VALUES_SHOWN])}{more}"
    if of.problem:
        return f"{text}: its manifests are not known, because {of.problem}"
    if len(versions) == 1:
        return f"{text}: {number(of.total, 'object')}"
    parts: list[str] = []
    for change, verb in ((Change.ADDED, "added"), (Change.CHANGED, "changed"), (Change.DELETED, "deleted")):
        if count := sum(one.change is change for one in of.objects):
            parts.append(f"{number(count, 'object')} {verb}" if not parts else f"{count} {verb}")
    if of.quiet and parts:
        parts.append(f"{of.quiet} more in version labels only")
    elif of.quiet:
        parts.append(f"only version labels change, in {number(of.quiet, 'object')}")
    return f"{text}: {', '.join(parts) or 'no object changes'}"


def diff(resource: ResourceDigest) -> list[str]:
    """The lines that differ, below a line for each of a release's objects."""
    if resource.release is None:
        return list(resource.diff)
    lines: list[str] = []
    for one in resource.release.objects:
        name = f"{one.namespace}/{one.name}" if one.namespace else one.name
        lines += [f"@@ {SIGNS[one.change]} {one.kind} {name} @@", *one.diff]
    return lines
