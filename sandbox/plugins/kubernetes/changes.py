"""What changes between an object's old and new inputs, and whether that needs a new object. Pure."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.plugins.kubernetes.kinds import is_cluster_scoped, needs_replacement
from sandbox.plugins.kubernetes.quantities import same_quantity
from sandbox.plugins.kubernetes.settings import Settings
from sandbox.plugins.kubernetes.state import annotation, normalized, to_object
from sandbox.plugins.protocol import Difference
from sandbox.plugins.values import differences, path_keys, plain


def difference(
    old_inputs: Mapping[str, Any], new_inputs: Mapping[str, Any], settings: Settings
) -> Difference:
    """Compare inputs by what they mean: spellings of the server's, and of other providers, are no change."""
    old, new = normalized(to_object(old_inputs)), normalized(to_object(new_inputs))
    if is_cluster_scoped(new.get("kind", "")):
        for obj in (old, new):
            _metadata(obj).pop("namespace", None)
    changes = {path: kind for path, kind in differences(old, new).items() if not _same(old, new, path)}
    replaces = [path for path in changes if needs_replacement(new, path_keys(path), settings)]
    same_name = all(_metadata(new).get(key) == _metadata(old).get(key) for key in ("name", "namespace"))
    given = [plain(inputs.get("stringData")) or {} for inputs in (old_inputs, new_inputs)]
    shown = {path: _as_given(path, given) for path in changes}
    return Difference(
        changes={shown[path]: kind for path, kind in changes.items()},
        replaces=frozenset(shown[path] for path in replaces),
        # Two objects cannot have one name; one that Pulumi named gets another.
        delete_before_replace=bool(replaces) and same_name and annotation(new, "autonamed") != "true",
    )


def _as_given(path: str, given: Sequence[Mapping[str, Any]]) -> str:
    """Name a Secret's field as its author did, where comparison has moved it from `stringData` to `data`."""
    keys = path_keys(path)
    if keys[0] == "data" and any(
        isinstance(text, Mapping) and set(keys[1:2]) <= set(text) and text for text in given
    ):
        return f"stringData{path.removeprefix('data')}"
    return path


def _same(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> bool:
    """Whether both objects have the same quantity at the path, in other words."""
    keys = path_keys(path)
    left, right = (functools.reduce(_item, keys, obj) for obj in (old, new))
    return same_quantity(left, right, tuple(str(key) for key in keys))


def _item(value: Any, key: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    return value[key] if isinstance(value, list) and isinstance(key, int) and key < len(value) else None


def _metadata(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Give an object's metadata as far as they are known."""
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
