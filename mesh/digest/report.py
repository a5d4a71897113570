"""The digest of a preview, as it is given to people and to programs."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, computed_field
from pydantic.alias_generators import to_camel

from mesh.digest.steps import Change


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class DangerKind(StrEnum):
    """Why somebody should look at a change before it is made."""

    TRUST = "trust"
    CUT_OFF = "cut-off"
    REPLACE = "replace"
    DELETE = "delete"
    RESTART = "restart"


class Danger(_Report):
    """Something dangerous, in a sentence, and the clusters that it happens in; none where it is the mesh."""

    kind: DangerKind
    clusters: tuple[str, ...]
    message: str


class ObjectDigest(_Report):
    """What a release does to one of its objects; `diff` has lines that begin with `-` or `+`."""

    kind: str
    namespace: str
    name: str
    change: Change
    diff: tuple[str, ...] = ()


class ReleaseDigest(_Report):
    """What becomes of a Helm release.

    `values` are the paths of values that differ. `objects` are those that come, go or differ; `quiet` is the
    number of those that differ only in what says nothing, such as the chart's version in labels. Of a release
    that comes or goes as a whole, `objects` is empty and `total` their number. With a `problem`, the
    manifests are not known.
    """

    name: str
    old_version: str | None = None
    new_version: str | None = None
    values: tuple[str, ...] = ()
    objects: tuple[ObjectDigest, ...] = ()
    quiet: int = 0
    total: int = 0
    problem: str | None = None


class ResourceDigest(_Report):
    """What the update does to one resource: by its logical name, and by `title`, as people know it."""

    name: str
    type: str
    title: str
    change: Change
    diff: tuple[str, ...] = ()
    release: ReleaseDigest | None = None


class ClusterDigest(_Report):
    """All that changes in one cluster; `change` says whether it comes or goes itself.

    `name` is `mesh` for what belongs to no cluster.
    """

    name: str
    change: Change
    resources: tuple[ResourceDigest, ...]

    @computed_field
    @property
    def counts(self) -> dict[str, int]:
        """How many resources are added, changed, replaced, deleted; what is zero is left out."""
        return counts(resource.change for resource in self.resources)


class PreviewReport(_Report):
    """The digest.

    `unchanged` is the number of resources that stay as they are, `unchanged_clusters` are the clusters in
    which nothing changes, `offline` those that are not touched because they are away.
    """

    stack: str
    dangers: tuple[Danger, ...]
    clusters: tuple[ClusterDigest, ...]
    unchanged_clusters: tuple[str, ...]
    unchanged: int
    offline: tuple[str, ...] = ()

    @computed_field
    @property
    def counts(self) -> dict[str, int]:
        """How many resources are added, changed, replaced, deleted in all; what is zero is left out."""
        return counts(resource.change for cluster in self.clusters for resource in cluster.resources)

    def has(self, kinds: Sequence[DangerKind]) -> tuple[Danger, ...]:
        """The dangers of these kinds."""
        return tuple(danger for danger in self.dangers if danger.kind in kinds)


def counts(changes: Iterable[Change]) -> dict[str, int]:
    """How often each change is there, in the order of `Change`."""
    found = list(changes)
    return {change.value: found.count(change) for change in Change if change in found}
