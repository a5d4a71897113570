"""Who owns which fields of an object (https://kubernetes.io/docs/reference/using-api/server-side-apply).

Pure: works on `metadata.managedFields` as the server gives it.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

CREATOR = "pulumi-kubernetes"
"""The manager that objects are created by, before the first apply (as the official provider does)."""

# Owners whose fields the first apply takes over, by the beginning of their name and their operation
# (`fixCSAFieldManagers` in provider/pkg/await/await.go of pulumi/pulumi-kubernetes, which matches as
# `PatchReplaceFieldsManagers` of fluxcd/pkg does); otherwise fields that leave the inputs would stay in
# the object. What somebody set with kubectl counts among them: the next update takes it back.
_ADOPTED = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    (CREATOR, "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)


def adopt(managed_fields: Sequence[Mapping[str, Any]], manager: str) -> list[dict[str, Any]] | None:
    """Give the entries with the creator's fields made over to `manager`; None where there are none."""
    adopted = [entry for entry in managed_fields if _is_adopted(entry)]
    if not adopted:
        return None
    others = [dict(entry) for entry in managed_fields if not _is_adopted(entry)]
    own = next((entry for entry in others if _is(entry, manager, "Apply")), None)
    if own is None:
        own = {**adopted[0], "manager": manager, "operation": "Apply"}
        others.append(own)
    fields: dict[str, Any] = copy.deepcopy(dict(own.get("fieldsV1") or {}))
    for entry in adopted:
        _merge(fields, entry.get("fieldsV1") or {})
    own["fieldsV1"] = fields
    return others


def owners_of(managed_fields: Sequence[Mapping[str, Any]], path: Sequence[str]) -> set[str]:
    """Give the managers that own the field at a path of keys, or anything in it."""
    owners = set()
    for entry in managed_fields:
        level: Any = entry.get("fieldsV1") or {}
        for key in path:
            level = level.get(f"f:{key}") if isinstance(level, Mapping) else None
        if level is not None:
            owners.add(entry.get("manager", ""))
    return owners


def _is_adopted(entry: Mapping[str, Any]) -> bool:
    manager, operation = entry.get("manager", ""), entry.get("operation")
    return not entry.get("subresource") and any(
        manager.startswith(name) and operation == kind for name, kind in _ADOPTED
    )


def _is(entry: Mapping[str, Any], manager: str, operation: str) -> bool:
    return (entry.get("manager"), entry.get("operation")) == (manager, operation)


def _merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target.setdefault(key, copy.deepcopy(value))
