"""Values as Pulumi's plugins exchange them, in plain Python.

On the wire a property is a protobuf value; secrets and values that a preview cannot know yet
are marked by signatures (`sdk/go/common/resource/plugin/rpc.go` in pulumi/pulumi). Here a secret
is `Secret(value)`, a value not known yet is `UNKNOWN`, whole numbers are `int`, and everything
else is what JSON has. Assets, archives and resource references do not occur in what these
plugins serve, and are refused by the engine's contract: a plugin that does not announce them is
not sent any.
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2

_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker of the protocol
# One marker for each type of value; the first is that of strings, which the engine writes most.
_UNKNOWN_MARKERS = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_UNKNOWN_ON_THE_WIRE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Unknown:
    """The type of `UNKNOWN`; it has no other value."""

    def __repr__(self) -> str:
        """Name the constant."""
        return "UNKNOWN"


UNKNOWN = Unknown()


@dataclasses.dataclass(frozen=True)
class Secret:
    """A value that the engine encrypts in state and hides in output."""

    value: Any

    def __repr__(self) -> str:
        """Hide the value, so that no error text or log shows it by accident."""
        return "Secret(...)"


def from_struct(struct: struct_pb2.Struct) -> dict[str, Any]:
    """Read the properties of a request; an absent struct gives an empty dict."""
    return {key: _from_value(value) for key, value in struct.fields.items()}


def to_struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    """Write properties for a response."""
    struct = struct_pb2.Struct()
    for key, value in properties.items():
        _set_value(struct.fields[key], value)
    return struct


def plain(value: Any) -> Any:
    """Give the value without its secret marks; `UNKNOWN` stays."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def has_unknown(value: Any) -> bool:
    """Whether anything in the value is not known yet."""
    if isinstance(value, Secret):
        return has_unknown(value.value)
    if isinstance(value, Mapping):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return value is UNKNOWN


def differences(old: Any, new: Any) -> dict[str, str]:
    """Compare two property trees: a dict from property path to `add`, `delete` or `update`.

    Paths are in Pulumi's notation, such as `spec.ports[0].name` or `metadata.labels["a/b"]`.
    Secret marks are no difference; `UNKNOWN` in the new tree differs from every known value.
    """
    found: dict[str, str] = {}
    _compare(plain(old), plain(new), "", found)
    return found


def path_to(parent: str, key: str | int) -> str:
    """Extend a property path by a key or an index."""
    if isinstance(key, int):
        return f"{parent}[{key}]"
    if key.replace("_", "a").replace("-", "a").replace("$", "a").isalnum() and not key[0].isdigit():
        return f"{parent}.{key}" if parent else key
    return f"{parent}[{json.dumps(key, ensure_ascii=False)}]"


def path_keys(path: str) -> tuple[str | int, ...]:
    """Take a property path apart into keys and indices."""
    keys: list[str | int] = []
    rest = path
    while rest:
        if rest.startswith('["'):
            key, length = json.JSONDecoder().raw_decode(rest[1:])
            rest = rest[length + 2 :]
        elif rest.startswith("["):
            index, rest = rest[1:].split("]", 1)
            key = int(index)
        else:
            rest = rest.removeprefix(".")
            length = next((i for i, letter in enumerate(rest) if letter in ".["), len(rest))
            key, rest = rest[:length], rest[length:]
        keys.append(key)
    return tuple(keys)


def top_level_key(path: str) -> str:
    """Give the first key of a property path, which the engine's summary of a diff shows."""
    return str(path_keys(path)[0])


def _compare(old: Any, new: Any, path: str, found: dict[str, str]) -> None:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in {**old, **new}:
            _compare_item(old.get(key), new.get(key), path_to(path, key), found)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            left = old[index] if index < len(old) else None
            right = new[index] if index < len(new) else None
            _compare_item(left, right, path_to(path, index), found)
    elif new is UNKNOWN or _shape(old) != _shape(new) or old != new:
        found[path] = "update"


def _compare_item(old: Any, new: Any, path: str, found: dict[str, str]) -> None:
    if old is None and new is None:
        return
    if old is None:
        found[path] = "add"
    elif new is None:
        found[path] = "delete"
    else:
        _compare(old, new, path, found)


def _shape(value: Any) -> type:
    """Give the type for comparison: `True` is not 1, but 1.0 is."""
    return float if type(value) is int else type(value)


def _from_value(value: struct_pb2.Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWN_MARKERS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_from_value(item) for item in value.list_value.values]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if _SIGNATURE_KEY in fields and fields[_SIGNATURE_KEY].string_value == _SECRET_SIGNATURE:
            return Secret(_from_value(fields["value"]))
        return from_struct(value.struct_value)
    return None


def _set_value(target: struct_pb2.Value, value: Any) -> None:
    if value is None:
        target.null_value = struct_pb2.NULL_VALUE
    elif value is UNKNOWN:
        target.string_value = _UNKNOWN_ON_THE_WIRE
    elif isinstance(value, Secret):
        target.struct_value.fields[_SIGNATURE_KEY].string_value = _SECRET_SIGNATURE
        _set_value(target.struct_value.fields["value"], value.value)
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        for key, item in value.items():
            _set_value(target.struct_value.fields[key], item)
    elif isinstance(value, list | tuple):
        target.list_value.SetInParent()
        for item in value:
            _set_value(target.list_value.values.add(), item)
    else:
        _set_scalar(target, value)


def _set_scalar(target: struct_pb2.Value, value: Any) -> None:
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    else:
        raise TypeError(f"a property cannot be of type {type(value).__name__}")
