"""What differs between two objects, as lines for people. Pure.

A line is a path with its value, `spec.replicas: 2`. Elements of a list go by their name, as in
`containers[discovery]`, or without one in their order. Texts that are YAML or JSON, as the mesh configuration
in its ConfigMap is, are taken apart as well; of other long texts each line is one, `path| line`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, cast

import yaml

from mesh.mappings import Json, as_map

_LONGEST_LINE = 300
_BARE_KEY = re.compile(r"[\w-]+")
_MISTAKEN = re.compile(r"|true|false|null|~|-?\d+(\.\d+)?|[\[{\"'].*")
# The injector's templates have 100 kB: without libyaml they take a second.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# They say which chart an object comes from, or make its pods restart when something else differs.
_NOISE = ("helm.sh/chart", "app.kubernetes.io/version")
_CHECKSUM = "checksum/"


def difference(old: Json, new: Json) -> tuple[str, ...]:
    """The lines that go, `- path: value`, and those that come, `+ path: value`, in the order of the paths."""
    if old == new:
        return ()
    before, after = list(_lines(old)), list(_lines(new))
    found: list[str] = []
    for op, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if op != "equal":
            found += (f"- {_cut(line)}" for line in before[i:j])
            found += (f"+ {_cut(line)}" for line in after[k:m])
    return tuple(found)


def without_noise(manifest: Json) -> Json:
    """The object without labels of the chart's version and checksums of what it reads, its pods' too."""
    spec = as_map(manifest.get("spec"))
    pods = as_map((spec or {}).get("template"))
    quiet = _metadata_without_noise(manifest)
    if spec is None or pods is None:
        return quiet
    return {**quiet, "spec": {**spec, "template": _metadata_without_noise(pods)}}


def _metadata_without_noise(thing: Json) -> Json:
    metadata = as_map(thing.get("metadata"))
    if metadata is None:
        return thing
    kept = {
        which: {key: value for key, value in entries.items() if not _is_noise(key)}
        for which in ("labels", "annotations")
        if (entries := as_map(metadata.get(which))) is not None
    }
    return {**thing, "metadata": {**metadata, **kept}}


def _is_noise(key: str) -> bool:
    return key in _NOISE or key.startswith(_CHECKSUM)


def _lines(value: object, path: str = "") -> Iterator[str]:
    if inner := as_map(value):
        for key in sorted(inner):
            yield from _lines(inner[key], _below(path, key))
    elif isinstance(value, list) and value:
        items = cast(list[object], value)
        for item, name in zip(items, _names(items), strict=True):
            yield from _lines(item, f"{path}[{name}]")
    elif isinstance(value, str) and "\n" in value:
        if (document := _document(value)) is not None:
            yield from _lines(document, path)
        else:
            yield from (f"{path}| {line}" for line in value.splitlines())
    elif path:
        yield f"{path}: {_scalar(cast(object, value))}"


def _below(path: str, key: str) -> str:
    if not _BARE_KEY.fullmatch(key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


def _names(items: Sequence[object]) -> Sequence[str]:
    """The names of a list's elements where each has one of its own, else nothing."""
    names = [str((as_map(item) or {}).get("name", "")) for item in items]
    return names if all(names) and len(set(names)) == len(names) else [""] * len(items)


def _document(text: str) -> Mapping[str, Any] | None:
    """What a text says, where it is a map in YAML or JSON."""
    try:
        return as_map(yaml.load(text, Loader=_LOADER))  # noqa: S506 - a safe loader
    except yaml.YAMLError:
        return None


def _scalar(value: object) -> str:
    """A value as YAML has it, in which a text differs from a number."""
    if isinstance(value, str) and not _MISTAKEN.fullmatch(value):
        return value
    return json.dumps(value)


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…"
