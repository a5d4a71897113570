"""What somebody should look at before an update: trust, what is cut off, replaced, deleted, restarted. Pure.

A cluster that joins endangers nobody, and of one that leaves only that is said.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias, TypeVar

from mesh.digest.authorities import trust_changes
from mesh.digest.data_planes import without_network
from mesh.digest.differences import difference, without_noise
from mesh.digest.failover import cut_short
from mesh.digest.gateways import other_ways_in
from mesh.digest.releases import ReleaseChange, RenderedChange, restarts
from mesh.digest.report import Danger, DangerKind
from mesh.digest.revisions import in_place_of, leaving, moved
from mesh.digest.steps import Change, Preview, Step
from mesh.digest.words import each, listed, number, title
from mesh.istio.hosts import covers, gateway_hosts
from mesh.istio.names import GATEWAY, NO_HOST
from mesh.mappings import Json, as_map, at
from mesh.plan import link_of
from mesh.preflight.manifests import find, template
from mesh.stacks.state import ISTIO_GATEWAY, PROVIDER, RELEASE, SECRET

Releases: TypeAlias = Sequence[tuple[ReleaseChange, RenderedChange]]

_DEPLOYMENT = "kubernetes:apps/v1:Deployment"
_Key = TypeVar("_Key")

_CREDENTIALS = ("tls:", "random:")  # of certificate authorities, which have their own words


def dangers(preview: Preview, releases: Releases) -> tuple[Danger, ...]:
    """All that is dangerous, the worst first."""
    staying = [step for step in preview.changes if step.cluster not in preview.deleted | preview.added]
    kept = [pair for pair in releases if pair[0].cluster not in preview.deleted | preview.added]
    return (
        *trust_changes(preview, staying),
        *_leaving(preview),
        *_out_of_sight(preview, staying),
        *_no_longer_exposed(staying),
        *other_ways_in(kept),
        *cut_short(staying),
        *without_network(staying, kept),
        *_replaced(staying),
        *_deleted(staying, kept),
        *moved(staying),
        *_restarted(staying, kept),
    )


def _leaving(preview: Preview) -> Iterator[Danger]:
    staying = [name for name in preview.clusters if name not in preview.deleted]
    for name in sorted(preview.deleted):
        gone = sum(step.cluster == name for step in preview.changes)
        blind = each(staying, "no longer sees", "no longer see")
        sight = f": {blind} its services, and it sees no others" if staying else ""
        yield Danger(kind=DangerKind.CUT_OFF, clusters=(name,), message=f"{name} leaves the mesh{sight}")
        yield Danger(
            kind=DangerKind.DELETE,
            clusters=(name,),
            message=f"all that the mesh has in {name} is deleted: {number(gone, 'resource')}",
        )


def _out_of_sight(preview: Preview, staying: Sequence[Step]) -> Iterator[Danger]:
    """Links between clusters that stay."""
    for change, words in (
        (Change.DELETED, "the services of {seen}: calls from {readers} no longer reach {seen}"),
        (Change.REPLACED, "the services of {seen} until its remote secret is made again"),
    ):
        links = [
            (step.cluster, seen)
            for step in staying
            if step.change is change and step.cluster and (seen := remote(step))
        ]
        for seen in sorted({seen for _, seen in links} - preview.deleted):
            readers = sorted(reader for reader, of in links if of == seen)
            yield Danger(
                kind=DangerKind.CUT_OFF,
                clusters=tuple(readers),
                message=f"{each(readers, 'no longer sees', 'no longer see')} "
                f"{words.format(seen=seen, readers=listed(readers))}",
            )


def remote(step: Step) -> str | None:
    """The cluster that a remote secret is for; None for anything else."""
    link = link_of(step.cluster, step.name) if step.cluster and step.type == SECRET else None
    return link.remote if link else None


def _no_longer_exposed(staying: Sequence[Step]) -> Iterator[Danger]:
    closed = [step for step in staying if _is_way_in(step) and step.change is Change.DELETED]
    again = [step for step in staying if _is_way_in(step) and step.change is Change.REPLACED]
    for steps, when in ((closed, "fail from now on"), (again, "fail until it is made again")):
        for what, clusters in _grouped(steps, title):
            yield Danger(
                kind=DangerKind.CUT_OFF,
                clusters=clusters,
                message=f"{what} goes in {listed(clusters)}: calls from other networks {when}",
            )
    changed = [step for step in staying if step.type == ISTIO_GATEWAY and step.change is Change.CHANGED]
    unknown = [
        step for step in changed if None in (gateway_hosts(step.old_inputs), gateway_hosts(step.new_inputs))
    ]
    for _, clusters in _grouped(unknown, lambda _: None):
        yield Danger(
            kind=DangerKind.CUT_OFF,
            clusters=clusters,
            message=f"what is exposed to other networks changes in {listed(clusters)}: calls from there may "
            "fail. The hosts are secret, so it cannot be told which",
        )
    narrowed = [step for step in changed if step not in unknown]
    for (less, left), clusters in _grouped(narrowed, _narrowed):
        if less:
            yield Danger(
                kind=DangerKind.CUT_OFF,
                clusters=clusters,
                message=f"{each(clusters, 'no longer exposes', 'no longer expose')} {less} to other "
                f"networks, {left}",
            )


def _is_way_in(step: Step) -> bool:
    return step.type == ISTIO_GATEWAY or (step.type == RELEASE and step.name.endswith(f"-{GATEWAY}"))


def _narrowed(step: Step) -> tuple[str, str]:
    """The hosts that nothing exposes any more as a list, and in words, what is left."""
    old, new = gateway_hosts(step.old_inputs) or [], gateway_hosts(step.new_inputs) or []
    less = [host for host in old if not any(covers(other, host) for other in new)]
    if list(new) == [NO_HOST]:
        return _quoted(less), "and nothing else: calls from there fail"
    return _quoted(less), f"only {_quoted(new)}: calls from there to other services fail"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _replaced(staying: Sequence[Step]) -> Iterator[Danger]:
    steps = [step for step in staying if step.change is Change.REPLACED and not _told_elsewhere(step)]
    for what, clusters in _grouped(steps, title):
        where = f" in {listed(clusters)}" if clusters else ""
        yield Danger(
            kind=DangerKind.REPLACE,
            clusters=clusters,
            message=f"{what} is deleted and made again{where}",
        )


def _deleted(staying: Sequence[Step], releases: Releases) -> Iterator[Danger]:
    steps = [step for step in staying if step.change is Change.DELETED and not _told_elsewhere(step)]
    steps = [step for step in steps if leaving(step) is None]
    for (what, retained), clusters in _grouped(steps, lambda step: (title(step), step.retained)):
        where = f" in {listed(clusters)}" if clusters else ""
        words = "is no longer managed, and stays" if retained else "is deleted"
        yield Danger(kind=DangerKind.DELETE, clusters=clusters, message=f"{what} {words}{where}")
    gone: dict[tuple[str, str], list[str]] = {}
    for change, rendered in releases:
        if change.change is not Change.DELETED:
            for manifest in rendered.old:
                kind, name = str(manifest.get("kind")), str(at(manifest, "metadata", "name"))
                if find(rendered.new, kind, name) is None and not rendered.problem:
                    what = f"{kind} {name}, of the Helm release {change.name}"
                    instead = in_place_of(kind, name, change.cluster, staying)
                    gone.setdefault((what, instead), []).append(change.cluster)
    for (what, instead), clusters in sorted(gone.items()):
        yield Danger(
            kind=DangerKind.DELETE,
            clusters=tuple(clusters),
            message=f"{what}, is deleted in {listed(clusters)}{instead}",
        )


def _told_elsewhere(step: Step) -> bool:
    """Whether it is a part of what is said of trust, of links, or of clusters as a whole."""
    return step.type.startswith((*_CREDENTIALS, PROVIDER)) or remote(step) is not None


def _restarted(staying: Sequence[Step], releases: Releases) -> Iterator[Danger]:
    found: dict[tuple[str, str], list[str]] = {}
    for cluster, old, new in _pods(staying, releases):
        for name in restarts(old, new):
            workload = name.removesuffix(f"-{cluster}")  # of the sample
            found.setdefault((workload, _reason(name, old, new)), []).append(cluster)
    for change, rendered in releases:
        if rendered.problem:
            reason = f": its manifests are not known, because {rendered.problem}"
            found.setdefault((f"what {change.name} runs", reason), []).append(change.cluster)
    for (name, reason), clusters in found.items():
        verb = "may restart" if name.startswith("what ") else "restarts"
        yield Danger(
            kind=DangerKind.RESTART,
            clusters=tuple(clusters),
            message=f"{name} {verb} in {listed(clusters)}{reason}",
        )


def _pods(
    staying: Sequence[Step], releases: Releases
) -> Iterator[tuple[str, Sequence[Json], Sequence[Json]]]:
    """Manifests with pods, before and after, by the cluster's name: those of releases, and the sample's."""
    yield from ((change.cluster, rendered.old, rendered.new) for change, rendered in releases)
    for step in staying:
        if step.type == _DEPLOYMENT and step.cluster:
            yield step.cluster, [step.old_inputs], [step.new_inputs]


def _reason(name: str, old: Sequence[Json], new: Sequence[Json]) -> str:
    """Which parts of the pods differ."""
    before, after = (
        next(
            template(m)
            for m in manifests
            if at(m, "metadata", "name") == name and at(m, "spec", "template") is not None
        )
        for manifests in (old, new)
    )
    lines = difference(_pods_without_noise(before), _pods_without_noise(after))
    if not lines:
        return ": its pods have the chart's version as a label, which changes"
    parts = dict.fromkeys(_part(line) for line in lines)
    return f": its pods differ in {', '.join(parts)}"


def _pods_without_noise(pods: Json) -> Json:
    return as_map(at(without_noise({"spec": {"template": pods}}), "spec", "template")) or {}


def _part(line: str) -> str:
    """`image` for a line `- spec.containers[discovery].image: …`."""
    path = line[2:].removeprefix("spec.").removeprefix("metadata.")
    inner = path.partition("].")[2] if path.startswith(("containers[", "initContainers[")) else path
    return inner.partition(":")[0].partition(".")[0].partition("[")[0]


def _grouped(steps: Iterable[Step], key: Callable[[Step], _Key]) -> Iterator[tuple[_Key, tuple[str, ...]]]:
    """The steps' clusters by what is the same in them."""
    found: dict[_Key, list[str]] = {}
    for step in steps:
        clusters = found.setdefault(key(step), [])
        if step.cluster:
            clusters.append(step.cluster)
    return ((same, tuple(clusters)) for same, clusters in found.items())
