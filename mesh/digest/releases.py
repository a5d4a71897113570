"""Helm releases that an update changes: their charts before and after, and what becomes of them. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from mesh.digest.steps import Change, Preview, Step
from mesh.mappings import Json, as_map, at
from mesh.preflight.manifests import template
from mesh.stacks.state import RELEASE

_WORKLOADS = ("Deployment", "DaemonSet", "StatefulSet")


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart as a release installs it.

    `repository` is a Helm repository, or the folder of an OCI registry. Secret values are `[secret]`; one
    that the update changes is `[another secret]` afterwards.
    """

    repository: str
    name: str
    version: str
    release: str
    values: Mapping[str, Any] = field(repr=False)


Manifests: TypeAlias = Sequence[Json]
RenderChart: TypeAlias = Callable[[Chart], Manifests]


@dataclass(frozen=True, kw_only=True)
class ReleaseChange:
    """A Helm release that an update adds (`old` is None), changes, or deletes (`new` is None)."""

    cluster: str
    name: str
    change: Change
    old: Chart | None
    new: Chart | None


@dataclass(frozen=True, kw_only=True)
class RenderedChange:
    """The manifests of a release before and after an update.

    With a `problem`, they are not known; it says why.
    """

    old: Manifests = ()
    new: Manifests = ()
    problem: str | None = None


def release_changes(preview: Preview) -> tuple[ReleaseChange, ...]:
    """The releases that the update does something to, in the order of the preview."""
    return tuple(_release_change(step) for step in preview.changes if step.type == RELEASE)


def restarts(old: Manifests, new: Manifests) -> tuple[str, ...]:
    """Names of the workloads whose pods an update restarts: those that have another pod template afterwards.

    Workloads that come or go are not among them.
    """
    before, after = dict(_templates(old)), dict(_templates(new))
    return tuple(name for name, pods in after.items() if name in before and before[name] != pods)


def _templates(manifests: Manifests) -> Iterator[tuple[str, tuple[str, Json]]]:
    for manifest in manifests:
        if (kind := manifest.get("kind")) in _WORKLOADS:
            yield str(at(manifest, "metadata", "name")), (str(kind), template(manifest))


def _release_change(step: Step) -> ReleaseChange:
    old, new = _chart(step.old_inputs), _chart(step.new_inputs)
    release = new or old
    return ReleaseChange(
        cluster=step.cluster or "",
        name=release.release if release else step.name,
        change=step.change,
        old=old,
        new=new,
    )


def _chart(inputs: Json) -> Chart | None:
    if not inputs:
        return None
    chart, repository = str(inputs.get("chart")), at(inputs, "repositoryOpts", "repo")
    folder, _, name = chart.rpartition("/")  # an OCI chart is named in full
    return Chart(
        repository=str(repository or folder),
        name=name,
        version=str(inputs.get("version")),
        release=str(inputs.get("name")),
        values=as_map(inputs.get("values")) or {},
    )
