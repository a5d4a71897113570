"""Istio's own definition of a mesh configuration, and what of a document it does not take. Pure.

`mesh_config.json` is generated from the Go module `istio.io/api` by `make mesh-config`.
"""

import difflib
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from mesh.mappings import as_map

_TEXT = "string"
_LONGEST_ECHO = 60
# What Go's `time.ParseDuration` takes: Istio reads durations with it (`jsonpb` in golang/protobuf).
_DURATION = re.compile(r"[-+]?(0|(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h))+")
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBERS = ("int32", "int64", "uint32", "uint64", "double", "float")
_WRAPPERS = {
    "google.protobuf.BoolValue": "bool",
    "google.protobuf.DoubleValue": "double",
    "google.protobuf.FloatValue": "float",
    "google.protobuf.Int32Value": "int32",
    "google.protobuf.Int64Value": "int64",
    "google.protobuf.StringValue": _TEXT,
    "google.protobuf.UInt32Value": "uint32",
    "google.protobuf.UInt64Value": "uint64",
}


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """`path` in the document such as `defaultConfig.tracing`, and what istiod does not take there.

    An `unknown` name is ignored by istiod; for any other mistake it drops the whole mesh configuration.
    """

    path: str
    message: str
    unknown: bool = False


@dataclass(frozen=True, kw_only=True)
class Definition:
    """`messages` have the types of their fields by JSON name, `enums` their values' names.

    `source` is the module with the version that it is from, `minor` the Istio that it belongs to.
    """

    source: str
    minor: tuple[int, int]
    root: str
    messages: Mapping[str, Mapping[str, str]]
    enums: Mapping[str, tuple[str, ...]]


@functools.cache
def definition() -> Definition:
    """The definition that this program has."""
    document = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    major, minor = document["source"].partition(" v")[2].split(".")[:2]
    return Definition(
        source=document["source"],
        minor=(int(major), int(minor)),
        root=document["root"],
        messages=document["messages"],
        enums={name: tuple(values) for name, values in document["enums"].items()},
    )


def mistakes(document: Mapping[str, Any], *, secret: bool = False) -> Iterator[Mistake]:
    """Everything in a mesh configuration that istiod would ignore or could not parse.

    Args:
        document: a mesh configuration, as in the ConfigMap `istio` or below `meshConfig` in Helm values.
        secret: whether its values must not be repeated.
    """
    for mistake in _message(definition().root, document, ""):
        if secret and not mistake.unknown:
            yield Mistake(path=mistake.path, message=mistake.message.partition(", got ")[0])
        else:
            yield mistake


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A setting at `path` that is not what was `wanted`."""

    path: str
    wanted: Any
    loaded: Any


def differences(wanted: Mapping[str, Any], loaded: Mapping[str, Any]) -> Iterator[Difference]:
    """What of a mesh configuration is not in the one that istiod has loaded.

    Args:
        wanted: some settings, as below `meshConfig` in Helm values.
        loaded: all settings in protobuf's JSON, as istiod's debug page `/debug/mesh` gives them: names in
            camelCase, and none that has the default of its type.
    """
    yield from _differences(definition().root, wanted, loaded, "")


def _differences(
    name: str, wanted: Mapping[str, Any], loaded: Mapping[str, Any], path: str
) -> Iterator[Difference]:
    fields = definition().messages[name]
    for key, value in wanted.items():
        kind = fields.get(_json_name(str(key)))
        if kind is None or value is None:
            continue
        yield from _different(kind, value, loaded.get(_json_name(str(key))), f"{path}{key}")


def _different(kind: str, wanted: Any, loaded: Any, path: str) -> Iterator[Difference]:
    container, _, inner = kind.partition(" of ")
    if container == "map":
        entries = as_map(loaded) or {}
        for name, value in (as_map(wanted) or {}).items():
            yield from _different(inner, value, entries.get(name), f"{path}.{name}")
    elif container == "list":
        mine, theirs = cast(list[Any], wanted), cast(list[Any], loaded or [])
        if len(mine) != len(theirs):
            yield Difference(path=path, wanted=mine, loaded=theirs)
            return
        for index, (one, other) in enumerate(zip(mine, theirs, strict=True)):
            yield from _different(inner, one, other, f"{path}[{index}]")
    elif kind in definition().messages:
        yield from _differences(kind, as_map(wanted) or {}, as_map(loaded) or {}, f"{path}.")
    elif not _same(_WRAPPERS.get(kind, kind), wanted, loaded):
        yield Difference(path=path, wanted=wanted, loaded=loaded)


def _same(kind: str, wanted: Any, loaded: Any) -> bool:
    if names := definition().enums.get(kind):
        return isinstance(wanted, int) or wanted == (loaded or names[0])
    if kind == "google.protobuf.Duration":
        return _seconds(wanted) == _seconds(loaded or "0")
    if kind in ("bool", _TEXT):
        return wanted == (loaded or type(wanted)())
    return kind not in _NUMBERS or float(wanted) == float(loaded or 0)


def _seconds(duration: str) -> float:
    sign = -1 if duration.startswith("-") else 1
    return sign * sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(duration))


def _message(name: str, document: Mapping[str, Any], path: str) -> Iterator[Mistake]:
    fields = definition().messages[name]
    for key, value in document.items():
        kind = fields.get(_json_name(str(key)))
        if kind is None:
            yield Mistake(path=f"{path}{key}", message=_unknown(str(key), fields), unknown=True)
        elif value is not None:  # null is what is not set
            yield from _value(kind, value, f"{path}{key}")


def _value(kind: str, value: object, path: str) -> Iterator[Mistake]:
    container, _, inner = kind.partition(" of ")
    if container == "list":
        if not isinstance(value, list):
            yield _expected("a list", value, path)
            return
        for index, entry in enumerate(cast(list[object], value)):
            yield from _value(inner, entry, f"{path}[{index}]")
    elif container == "map":
        entries_by_name = as_map(value)
        if entries_by_name is None:
            yield _expected("a map", value, path)
            return
        for name, entry in entries_by_name.items():
            yield from _value(inner, entry, f"{path}.{name}")
    elif kind in definition().messages:
        document = as_map(value)
        if document is None:
            yield _expected("a map", value, path)
        else:
            yield from _message(kind, document, f"{path}.")
    else:
        yield from _scalar(kind, value, path)


def _scalar(kind: str, value: object, path: str) -> Iterator[Mistake]:
    kind = _WRAPPERS.get(kind, kind)
    if names := definition().enums.get(kind):
        number = isinstance(value, int) and not isinstance(value, bool)
        expected, taken = f"one of {', '.join(names)}", number or value in names
    else:
        expected, takes = _SCALARS[kind]
        taken = takes(value)
    if not taken:
        yield _expected(expected, value, path)


def _whole(pattern: str) -> Callable[[object], bool]:
    def takes(value: object) -> bool:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # as the number comes out of a chart
        return not isinstance(value, bool) and re.fullmatch(pattern, str(value)) is not None

    return takes


def _number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return not isinstance(value, bool)


def _duration(value: object) -> bool:
    return isinstance(value, str) and _DURATION.fullmatch(value) is not None


_INTEGER = ("a whole number", _whole(r"-?\d+"))
_NATURAL = ("a whole number of at least 0", _whole(r"\d+"))
_SCALARS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    _TEXT: ("text", lambda value: isinstance(value, str)),
    "bool": ("true or false without quotes", lambda value: isinstance(value, bool)),
    "int32": _INTEGER,
    "int64": _INTEGER,
    "uint32": _NATURAL,
    "uint64": _NATURAL,
    "double": ("a number", _number),
    "float": ("a number", _number),
    "google.protobuf.Duration": ("a duration, for example 10s", _duration),
    "google.protobuf.Struct": ("a map", lambda value: as_map(value) is not None),
}
"""What each type of a single value is called in a message, and whether a value is of it."""


def _expected(what: str, value: object, path: str) -> Mistake:
    return Mistake(path=path, message=f"expected {what}, got {_echo(value)}{_advice(what, value)}")


def _echo(value: object) -> str:
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_ECHO else "a long text" if isinstance(value, str) else "a number"


def _advice(what: str, value: object) -> str:
    """How to write a text that looks like something else, which is the usual slip."""
    if what != "text" or not isinstance(value, bool | int | float):
        return ""
    return f'; write "{json.dumps(value)}" in quotes, or use `pulumi config set --type string --path`'


def _unknown(key: str, fields: Mapping[str, str]) -> str:
    close = difflib.get_close_matches(key, fields, n=1)
    known = f"did you mean {close[0]}?" if close else f"expected one of: {', '.join(sorted(fields))}"
    return f"is not a setting of Istio's, and istiod would ignore it; {known}"


def _json_name(key: str) -> str:
    """The camelCase of a name; protobuf's JSON takes a field's own name as well."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), key)
