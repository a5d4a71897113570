"""Nested maps: reading, walking, and merging them as Helm merges values."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

Json = Mapping[str, Any]
"""An object of a JSON document."""


def as_map(value: object) -> Mapping[str, Any] | None:
    """The value where it is a map, else None."""
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else None


def deep_merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A new map with the keys of both; where both have a key, maps are merged and else `above` wins."""
    result = dict(below)
    for key, value in above.items():
        inner_below, inner_above = as_map(result.get(key)), as_map(value)
        if inner_below is not None and inner_above is not None:
            result[key] = deep_merge(inner_below, inner_above)
        else:
            result[key] = value
    return result


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is not a map itself, with its dotted path; an empty map counts as a value."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        if inner := as_map(value):
            yield from leaves(inner, f"{path}.")
        else:
            yield path, value


def at(document: Mapping[str, Any] | None, *path: str) -> Any:
    """The value at a path of keys in a JSON document; None where a key is missing."""
    inner: Any = document
    for key in path:
        inner = cast(Json, inner).get(key) if isinstance(inner, Mapping) else None
    return inner
