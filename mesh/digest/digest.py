"""From the steps of a preview to its digest. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from mesh.digest.dangers import Releases, dangers, remote
from mesh.digest.differences import difference, without_noise
from mesh.digest.releases import Manifests, ReleaseChange, RenderedChange
from mesh.digest.report import ClusterDigest, ObjectDigest, PreviewReport, ReleaseDigest, ResourceDigest
from mesh.digest.steps import Change, Preview, Step
from mesh.digest.words import title
from mesh.mappings import Json, as_map, at
from mesh.stacks.state import PROVIDER, RELEASE

MESH = "mesh"
"""Stands for what belongs to no cluster."""

ORDER = (Change.REPLACED, Change.DELETED, Change.CHANGED, Change.ADDED)
"""What may do harm stands before what does not."""

_OF_PROVIDERS = ("__internal", "version")
# Secret data is written in one of the two, and read back from the other.
_DATA = ("data", "stringData")
_SECRETS = ("[secret]", "[another secret]")


def digest(stack: str, preview: Preview, releases: Releases, offline: Sequence[str] = ()) -> PreviewReport:
    """The digest of a preview.

    Args:
        stack: its name.
        preview: its steps.
        releases: each Helm release that changes, with its manifests.
        offline: names of the clusters that are away.
    """
    found = {(change.cluster, change.name): pair for pair in releases for change in pair[:1]}
    sections = [_cluster(name, preview, found) for name in (None, *preview.clusters)]
    changed = [section for section in sections if section.resources]
    names = {section.name for section in changed}
    return PreviewReport(
        stack=stack,
        dangers=dangers(preview, releases),
        clusters=tuple(changed),
        unchanged_clusters=tuple(name for name in preview.clusters if name not in names),
        unchanged=preview.unchanged,
        offline=tuple(offline),
    )


_Rendered = Mapping[tuple[str, str], tuple[ReleaseChange, RenderedChange]]


def _cluster(name: str | None, preview: Preview, releases: _Rendered) -> ClusterDigest:
    steps = [step for step in preview.changes if step.cluster == name]
    steps.sort(key=lambda step: (ORDER.index(step.change), step.type != RELEASE, step.name))
    if name in preview.added:
        change = Change.ADDED
    elif name in preview.deleted:
        change = Change.DELETED
    else:
        change = Change.CHANGED if steps else Change.UNCHANGED
    resources = tuple(_resource(step, releases, preview.added) for step in steps)
    return ClusterDigest(name=name or MESH, change=change, resources=resources)


def _resource(step: Step, releases: _Rendered, joining: Set[str]) -> ResourceDigest:
    release = None
    pair = releases.get((step.cluster or "", str((step.new_inputs or step.old_inputs).get("name"))))
    if step.type == RELEASE and pair is not None:
        release = _release(step, *pair)
    return ResourceDigest(
        name=step.name,
        type=step.type,
        title=_title(step, joining),
        change=step.change,
        diff=() if release else _properties(step),
        release=release,
    )


def _properties(step: Step) -> tuple[str, ...]:
    """What differs in the inputs of a resource that stays; nothing secret is in them."""
    if not step.old_inputs or not step.new_inputs:
        return ()
    left_out = _OF_PROVIDERS if step.type == PROVIDER else ()
    old, new = (
        {
            key: value
            for key, value in without_noise(inputs).items()
            if key not in left_out and not _is_secret_data(key, value)
        }
        for inputs in (step.old_inputs, step.new_inputs)
    )
    return difference(old, new)


def _title(step: Step, joining: Set[str]) -> str:
    text = title(step)
    if seen := remote(step):
        text += f", by which it sees {seen}"
        if step.change is Change.ADDED and not joining & {step.cluster, seen}:
            text += (
                f": clients in {step.cluster} can call the services of {seen}, and calls to a service that "
                "both have go to both"
            )
    secret = any(_is_secret_data(key, value) for key, value in step.new_inputs.items())
    return f"{text}: its data, which is secret" if secret and step.old_inputs else text


def _is_secret_data(key: str, value: object) -> bool:
    return key in _DATA and value in _SECRETS


def _release(step: Step, change: ReleaseChange, rendered: RenderedChange) -> ReleaseDigest:
    whole = change.old is None or change.new is None
    objects = () if whole or rendered.problem else tuple(_objects(rendered.old, rendered.new))
    paths = (path.removeprefix("values.") for path in step.differing if path.startswith("values"))
    return ReleaseDigest(
        name=change.name,
        old_version=change.old.version if change.old else None,
        new_version=change.new.version if change.new else None,
        values=tuple(paths),
        objects=tuple(one for one in objects if one.diff or one.change is not Change.CHANGED),
        quiet=sum(one.change is Change.CHANGED and not one.diff for one in objects),
        total=len(rendered.new or rendered.old),
        problem=rendered.problem,
    )


def _objects(old: Manifests, new: Manifests) -> Iterator[ObjectDigest]:
    """The objects that come, go, or differ, also those that differ in nothing that says something."""
    before, after = (_by_identity(m for m in manifests if not _repeats_values(m)) for manifests in (old, new))
    for identity in sorted({*before, *after}):
        one, other = before.get(identity), after.get(identity)
        if one == other:
            continue
        kind, namespace, name = identity
        change = Change.ADDED if one is None else Change.DELETED if other is None else Change.CHANGED
        diff = difference(_quiet(one), _quiet(other)) if other is not None else ()
        yield ObjectDigest(kind=kind, namespace=namespace, name=name, change=change, diff=diff)


def _by_identity(manifests: Iterable[Json]) -> dict[tuple[str, str, str], Json]:
    return {
        (str(m.get("kind")), str(at(m, "metadata", "namespace") or ""), str(at(m, "metadata", "name"))): m
        for m in manifests
    }


def _quiet(manifest: Json | None) -> Json:
    nothing: Json = {}
    return nothing if manifest is None else without_noise(manifest)


def _repeats_values(manifest: Json) -> bool:
    """Whether it is the ConfigMap in which chart `istiod` keeps its values, which nothing reads."""
    return manifest.get("kind") == "ConfigMap" and "merged-values" in (as_map(manifest.get("data")) or {})
