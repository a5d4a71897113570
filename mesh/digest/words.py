"""Words that several texts of the digest need. Pure."""

from collections.abc import Collection

from mesh.digest.steps import Step
from mesh.mappings import at
from mesh.stacks.state import RELEASE

_NAMED = 5
_KUBERNETES = "kubernetes:"


def listed(names: Collection[str]) -> str:
    """Names, or their number where they are many: `east, west` or `12 clusters`."""
    return ", ".join(names) if len(names) <= _NAMED else f"{len(names)} clusters"


def each(names: Collection[str], one: str, several: str) -> str:
    """The names with the verb that goes with their number: `east sees`, `east, west see`."""
    return f"{listed(names)} {one if len(names) == 1 else several}"


def number(count: int, what: str) -> str:
    """A number with its noun: `1 object`, `2 objects`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def title(step: Step) -> str:
    """What people call a resource: kind and name of an object in a cluster, else the logical name."""
    inputs = step.new_inputs or step.old_inputs
    if step.type == RELEASE:
        return f"Helm release {inputs.get('name')}"
    kind = step.type.rpartition(":")[2]
    if step.type.startswith("pulumi:providers:"):
        return f"Pulumi's provider of {step.name}"
    # With a secret in it, all of the metadata may be one.
    name = at(inputs, "metadata", "name") if step.type.startswith(_KUBERNETES) else None
    return f"{kind} {name or step.name}"
