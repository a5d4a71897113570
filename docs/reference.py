"""The configuration reference, from the models: `make reference`."""

import sys
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import NoneType
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from mesh.config.schema import StackSections

_HEADER = """# Configuration

This page lists every setting of a mesh, with its type, default and an example. Settings are in
`Pulumi.<stack>.yaml`, each with the prefix `istio-mesh:`. Edit the file, or use the CLI:

    pulumi config set --path 'clusters.north.context' north
    pulumi config set --path 'clusters.north.helloWorld' true
    pulumi config set --secret --path 'clusters.north.kubeconfigContents' < kubeconfig

Editors that use the YAML language server, such as VS Code with its YAML extension, check and complete the
file if its first line names [the schema](stack-file.schema.json). The path is relative to the file, and
`pulumi config set` keeps the line:

    # yaml-language-server: $schema=docs/stack-file.schema.json

An unknown key is an error. `istio`, `gateway`, `sees`, `exposure`, `reader`, `helloWorld`, `observability`
and `trust.intermediate` apply to all clusters. Set the same keys below `clusters.<name>` to override them for
one cluster.

`make reference` generates this page and the schema from `mesh/config/`. Do not edit them.
"""
_TYPES = {str: "text", int: "number", bool: "true or false", SecretStr: "text, secret"}


def page(stack: type[BaseModel] = StackSections) -> str:
    """The page in Markdown.

    Args:
        stack: the model of a whole stack file; each field is a section, a map of sections by name, a
            list of sections, or a setting.

    Raises:
        TypeError: a field has a type that the page has no words for; the message names its key.
    """
    documented: dict[type[BaseModel], str] = {}
    parts = [_HEADER]
    for name, field in stack.model_fields.items():
        path = key = field.alias or name
        if (model := _section(field.annotation)) is not None:
            rows = _rows(model, path, documented)
        elif (model := _named_section(field.annotation)) is not None:
            path = f"{key}.<name>"
            rows = _rows(model, path, documented)
        elif (model := _entries(field.annotation)) is not None:
            path = f"{key}[]"
            rows = _rows(model, path, documented)
        else:
            rows = iter([_row(key, field, documented)])
        lines = [
            f"## `{path}`\n",
            f"{field.description}\n",
            "| key | type | default | meaning | example |",
            "|---|---|---|---|---|",
        ]
        parts.append("\n".join([*lines, *rows]) + "\n")
    return "\n".join(parts)


def _rows(model: type[BaseModel], path: str, documented: dict[type[BaseModel], str]) -> Iterator[str]:
    documented.setdefault(model, path)
    for name, field in model.model_fields.items():
        key = f"{path}.{field.alias or name}"
        inner = _section(field.annotation)
        if inner is not None and field.default is not None:
            yield from _rows(inner, key, documented)
            continue
        first = inner is not None and inner not in documented
        yield _row(key, field, documented)
        if inner is not None and first:
            yield from _rows(inner, key, documented)
        if (entries := _entries(field.annotation)) is not None:
            yield from _rows(entries, f"{key}[]", documented)


def _row(key: str, field: FieldInfo, documented: Mapping[type[BaseModel], str]) -> str:
    example = f"`{field.examples[0]}`" if field.examples else ""
    type_ = _type(key, field.annotation, documented)
    cells = [f"`{key}`", type_, _default(field), field.description or "", example]
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _named_section(annotation: Any) -> type[BaseModel] | None:
    """The model of the values of a map of sections by name."""
    arguments = get_args(annotation)
    return _section(arguments[1]) if get_origin(annotation) is dict else None


def _section(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) in (dict, tuple):
        return None
    candidates = [annotation, *get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _entries(annotation: Any) -> type[BaseModel] | None:
    """The model of the entries of a list of maps."""
    return _section(get_args(annotation)[0]) if get_origin(annotation) is tuple else None


def _type(key: str, annotation: Any, documented: Mapping[type[BaseModel], str]) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if _entries(annotation) is not None:
        return "list of maps"
    if origin is tuple:
        return f"list of {_type(key, arguments[0], documented)}"
    if origin is dict:
        return "map"
    if NoneType in arguments:
        return _type(key, next(a for a in arguments if a is not NoneType), documented)
    if origin is Annotated:
        return _type(key, arguments[0], documented)
    if annotation in documented:
        path = documented[annotation]
        return f"same as [`{path}`](#{path.partition('.')[0].lower()})"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "map"
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    if annotation not in _TYPES:
        raise TypeError(f"{key}: no words for the type {annotation}; add them to docs/reference.py")
    return _TYPES[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default
    if default is None:
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple):
        return "`[" + ", ".join(str(entry) for entry in default) + "]`"
    return f"`{default}`"


if __name__ == "__main__":
    sys.stdout.write(page())
