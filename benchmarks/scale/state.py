"""The state of a stack, and what an update has touched in it. Pure but for reading the file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class State:
    """The resources by URN, and the size of the file in bytes."""

    resources: Mapping[str, Mapping[str, Any]]
    size: int

    @classmethod
    def read(cls, file: Path) -> "State":
        """The state in a file of Pulumi's file backend."""
        text = file.read_bytes()
        found = json.loads(text)["checkpoint"]["latest"].get("resources") or []
        return cls(resources={resource["urn"]: resource for resource in found}, size=len(text))


def touched(before: State, after: State) -> list[str]:
    """URNs of what was made, removed or changed; the stack itself, with its outputs, does not count."""
    urns = {*before.resources, *after.resources}
    return sorted(
        urn
        for urn in urns
        if "::pulumi:pulumi:Stack::" not in urn
        and _compared(before.resources.get(urn)) != _compared(after.resources.get(urn))
    )


def others(urns: Sequence[str], cluster: str) -> list[str]:
    """Those of the URNs that belong neither to the cluster nor to one of its links, by their names."""
    return [urn for urn in urns if cluster not in urn.rpartition("::")[2].split("-")]


def _compared(resource: Mapping[str, Any] | None) -> Any:
    """What differs only where something has changed.

    `modified` is the time of the last change by a provider; outputs of components change without it.
    """
    if resource is None:
        return None
    return [_readable(resource.get(key)) for key in ("modified", "inputs", "outputs")]


def _readable(value: Any) -> Any:
    """The value without ciphertexts, which differ every time."""
    if isinstance(value, Mapping):
        return {key: _readable(inner) for key, inner in value.items() if key != "ciphertext"}
    return [_readable(inner) for inner in value] if isinstance(value, list) else value
