"""The configuration reference, from the models: `make reference`."""

import sys
from collections.abc import Iterator
from enum import StrEnum
from types import NoneType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from mesh.config.schema import StackSections

_HEADER = """# Configuration

Everything is set in `Pulumi.<stack>.yaml` below the project's name, `istio-mesh:`, or by the CLI:

    pulumi config set --path 'clusters.north.context' north
    pulumi config set --path 'clusters.north.helloWorld' true
    pulumi config set --secret --path 'clusters.north.kubeconfigContents' < kubeconfig

Unknown keys are errors. What is set for all clusters can be overridden for one, below its name.
This page is generated from `mesh/config/sections.py` by `make reference`.
"""


def page() -> str:
    """The page in Markdown."""
    sections = StackSections.model_fields
    parts = [_HEADER]
    for name, field in sections.items():
        key = field.alias or name
        path = "clusters.<name>" if key == "clusters" else key
        lines = [
            f"## `{path}`\n",
            f"{field.description}\n",
            "| key | type | default | meaning | example |",
            "|---|---|---|---|---|",
        ]
        parts.append("\n".join([*lines, *_rows(_inner(field.annotation), path)]) + "\n")
    return "\n".join(parts)


def _rows(model: type[BaseModel], path: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{path}.{field.alias or name}"
        inner = _section(field.annotation)
        if inner is not None and field.default is not None:
            yield from _rows(inner, key)
            continue
        example = f"`{field.examples[0]}`" if field.examples else ""
        cells = [f"`{key}`", _type(field.annotation), _default(field), field.description or "", example]
        escaped = (cell.replace("|", "\\|") for cell in cells)
        yield f"| {' | '.join(escaped)} |"


def _inner(annotation: Any) -> type[BaseModel]:
    """The model of a section; of a map of sections, that of its values."""
    found = _section(annotation) or _section(get_args(annotation)[1])
    assert found is not None, annotation  # noqa: S101 - every top-level key is a section
    return found


def _section(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) is dict:
        return None
    candidates = [annotation, *get_args(annotation)]
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return "map"
    if arguments and origin is not None and NoneType in arguments:
        return _type(next(a for a in arguments if a is not NoneType))
    if arguments:  # Annotated
        return _type(arguments[0])
    if issubclass(annotation, BaseModel):
        return f"as `{annotation.__name__.removesuffix('Section').lower()}` above"
    if issubclass(annotation, StrEnum):
        return ", ".join(f"`{member.value}`" for member in annotation)
    return {str: "text", int: "number", bool: "true or false", SecretStr: "text, secret"}[annotation]


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
