"""The steps of a preview, from the JSON of `pulumi preview --json --show-sames`. Pure.

The shape is `PreviewDigest` and `PreviewStep` in pulumi/pulumi, `pkg/display/json.go`. The engine puts
`[secret]` in place of whatever is a secret in the state or becomes one.
"""

import copy
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from mesh.config.secrets import dotted, leaves
from mesh.mappings import Json, as_map
from mesh.stacks.membership import CLUSTER, clusters, of_cluster
from mesh.stacks.state import PROVIDER, RecordedResource


class Change(StrEnum):
    """What an update does to a resource."""

    ADDED = "added"
    CHANGED = "changed"
    REPLACED = "replaced"
    DELETED = "deleted"
    UNCHANGED = "unchanged"


# The operations of the engine: `pkg/resource/deploy/step.go` in pulumi/pulumi. Those that are missing only
# read, or take what was only read out of the state.
_CHANGES = {
    "same": Change.UNCHANGED,
    "create": Change.ADDED,
    "import": Change.ADDED,
    "update": Change.CHANGED,
    "replace": Change.REPLACED,
    "create-replacement": Change.REPLACED,
    "delete-replaced": Change.REPLACED,
    "import-replacement": Change.REPLACED,
    "delete": Change.DELETED,
}
_SECRET = "[secret]"  # noqa: S105 - what the engine puts in the place of one
_CHANGED_SECRET = "[another secret]"  # noqa: S105 - as above
_WITH_NEW_STATE = ("replace", "create-replacement", "import-replacement")


@dataclass(frozen=True, kw_only=True)
class Step:
    """What the update does to one resource.

    `cluster` is the name of the cluster that the resource belongs to, None for what belongs to no cluster.
    `old` and `new` are its states as the engine writes them, empty where there is none; `differing` are the
    paths of properties that differ, such as `values.global.hub`, as far as the provider says which.
    """

    urn: str
    change: Change
    cluster: str | None
    old: Json = field(default_factory=dict[str, Any], repr=False)
    new: Json = field(default_factory=dict[str, Any], repr=False)
    differing: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.rpartition("::")[2]

    @property
    def type(self) -> str:
        """The type, such as `kubernetes:core/v1:Secret`."""
        return str((self.new or self.old).get("type"))

    @property
    def custom(self) -> bool:
        """Whether it is a resource, and no component."""
        return bool((self.new or self.old).get("custom"))

    @property
    def retained(self) -> bool:
        """Whether it stays where it is when it goes out of the state."""
        return bool(self.old.get("retainOnDelete"))

    @property
    def old_inputs(self) -> Json:
        """The inputs of the last update."""
        return as_map(self.old.get("inputs")) or {}

    @cached_property
    def new_inputs(self) -> Json:
        """The inputs that the update sets; one secret for another is `[another secret]`."""
        inputs = as_map(self.new.get("inputs")) or {}
        return _with_changed_secrets(self.old_inputs, inputs, self.differing)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """All steps of a preview.

    `clusters` are the names of the clusters that the state has or gets, `added` and `deleted` those of them
    that come and go.
    """

    steps: Sequence[Step]
    clusters: Sequence[str]
    added: Set[str] = frozenset()
    deleted: Set[str] = frozenset()

    @cached_property
    def changes(self) -> tuple[Step, ...]:
        """The resources, and no components, that the update does something to."""
        return tuple(step for step in self.steps if step.custom and step.change is not Change.UNCHANGED)

    @property
    def unchanged(self) -> int:
        """How many resources stay as they are."""
        return sum(step.custom and step.change is Change.UNCHANGED for step in self.steps)


def read(document: Json) -> Preview:
    """The preview in the document of `pulumi preview --json --show-sames`."""
    by_urn: dict[str, list[Json]] = {}
    for step in document.get("steps") or ():
        if step["op"] in _CHANGES:
            by_urn.setdefault(step["urn"], []).append(step)
    resources = [_recorded(urn, steps) for urn, steps in by_urn.items()]
    names = tuple(sorted(clusters(resources)))  # the engine's order is another each time
    cluster_of = {r.urn: name for name in names for r in of_cluster(resources, name)} | {
        r.urn: r.name for r in resources if r.type == PROVIDER and r.name in names
    }
    steps = tuple(_step(urn, steps, cluster_of.get(urn)) for urn, steps in by_urn.items())
    components = {step.name: step.change for step in steps if step.type == CLUSTER}
    return Preview(
        steps=tuple(sorted(steps, key=lambda step: step.name)),
        clusters=names,
        added=frozenset(name for name, change in components.items() if change is Change.ADDED),
        deleted=frozenset(name for name, change in components.items() if change is Change.DELETED),
    )


def errors(document: Json) -> tuple[str, ...]:
    """The errors among the preview's messages, each once, without a prefix."""
    return _messages(document, "error")


def warnings(document: Json) -> tuple[str, ...]:
    """The warnings among the preview's messages, each once, without a prefix."""
    return _messages(document, "warning")


def _messages(document: Json, severity: str) -> tuple[str, ...]:
    found = (d for d in document.get("diagnostics") or () if d.get("severity") == severity)
    texts = (str(diagnostic.get("message")).strip().removeprefix(f"{severity}: ") for diagnostic in found)
    return tuple(dict.fromkeys(texts))


def _recorded(urn: str, steps: Sequence[Json]) -> RecordedResource:
    state = _state(steps, "newState") or _state(steps, "oldState")
    return RecordedResource(
        urn=urn,
        type=str(state.get("type")),
        parent=str(state.get("parent") or ""),
        provider=str(state.get("provider") or "").rpartition("::")[0],  # what is cut off is its ID
    )


def _step(urn: str, steps: Sequence[Json], cluster: str | None) -> Step:
    differing = dict.fromkeys(path for step in steps for path in step.get("detailedDiff") or ())
    return Step(
        urn=urn,
        change=_change(steps),
        cluster=cluster,
        old=_state(steps, "oldState"),
        new=_state(steps, "newState"),
        differing=tuple(sorted(differing)),
    )


def _change(steps: Sequence[Json]) -> Change:
    """One change for all steps of one resource: a replacement has several."""
    changes = {_CHANGES[step["op"]] for step in steps}
    # A deletion beside it is what an interrupted replacement has left to do.
    return changes.pop() if len(changes) == 1 else Change.REPLACED


def _state(steps: Sequence[Json], which: str) -> Json:
    """The old or the new state; of the steps of a replacement, not all have both."""
    in_order = sorted(steps, key=lambda step: step["op"] not in _WITH_NEW_STATE)
    states = (as_map(step.get(which)) for step in in_order)
    return next(filter(None, states), None) or {}


def _with_changed_secrets(old: Json, inputs: Json, differing: Sequence[str]) -> Json:
    before, changed = dict(leaves(old)), copy.deepcopy(dict(inputs))
    for path, value in leaves(inputs):
        if value == before.get(path) == _SECRET and any(_is_part(dotted(path), other) for other in differing):
            inner: Any = changed
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = _CHANGED_SECRET
    return changed


def _is_part(path: str, other: str) -> bool:
    """Whether one of two paths is, or is below, the other: the whole of a list or a map may be secret."""
    shorter, longer = sorted((path, other), key=len)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))
