"""The arguments of `mesh.package.Mesh` as Python's types, from the package's schema: `make reference`."""

import json
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

from mesh.package import schema
from mesh.stacks.state import MESH

_HEADER = '''"""The arguments of a mesh as types: the sections of a stack file, whose keys these are.

`make reference` generates this module from `mesh/config/`. Do not edit it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypedDict

from pulumi import Input
'''
_SCALARS = {"string": "str", "integer": "int", "boolean": "bool", "number": "float"}
_WIDTH = 110


def module() -> str:
    """The source of `mesh/package/args.py`."""
    package = schema.package()
    types: dict[str, Any] = {
        _name(token): found
        for token, found in package["types"].items()
        if token.rpartition(":")[2] not in schema.OUTPUT_TYPES
    }
    enums = {name: found for name, found in types.items() if "enum" in found}
    sections = {name: found for name, found in types.items() if name not in enums}
    mesh = package["resources"][MESH]
    arguments = {
        "description": "The sections of a mesh: what a stack file has, with the same keys.",
        "properties": mesh["inputProperties"],
        "required": mesh["requiredInputs"],
    }
    literals = "\n".join(f"{name} = {_literal(found)}" for name, found in enums.items())
    classes = (_class(name, found) for name, found in {**sections, "MeshArgs": arguments}.items())
    return "\n\n\n".join([f"{_HEADER}\n{literals}", *classes]) + "\n"


def _name(token: str) -> str:
    return f"{token.rpartition(':')[2]}Args"


def _literal(enum: Mapping[str, Any]) -> str:
    return f"Literal[{', '.join(json.dumps(value['value']) for value in enum['enum'])}]"


def _class(name: str, found: Mapping[str, Any]) -> str:
    keys = found["properties"]
    about = found["description"].partition("\n\n")[0]
    if "from" in keys:  # a keyword, which no class body can have as a name
        items = (f'        "{key}": "{_annotation(key, value, found)}",' for key, value in keys.items())
        lines = [f"{name} = TypedDict(", f'    "{name}",', "    {", *items, "    },", "    total=False,", ")"]
        return "\n".join([*lines, _doc(about, "")])
    lines = [f"class {name}(TypedDict, total=False):", _doc(about, "    "), ""]
    for key, value in keys.items():
        lines += [f"    {key}: {_annotation(key, value, found)}", _doc(value["description"], "    ")]
    return "\n".join(lines)


def _annotation(key: str, value: Mapping[str, Any], owner: Mapping[str, Any]) -> str:
    found = f"Input[{_type(value)}]"
    return f"Required[{found}]" if key in owner["required"] else found


def _type(value: Mapping[str, Any]) -> str:
    if "oneOf" in value:
        return " | ".join(_type(option) for option in value["oneOf"])
    if "$ref" in value:
        return "Any" if value["$ref"].endswith("/Any") else _name(value["$ref"])
    match value["type"]:
        case "array":
            return f"Sequence[Input[{_type(value['items'])}]]"
        case "object":
            return f"Mapping[str, Input[{_type(value['additionalProperties'])}]]"
        case scalar:
            return _SCALARS[scalar]


def _doc(text: str, indent: str) -> str:
    words = " ".join(text.split())
    if len(indent) + len(words) + len('""""""') <= _WIDTH:
        return f'{indent}"""{words}"""'
    room = _WIDTH - len(indent) - len('"""')  # a last line may end with them
    lines = textwrap.wrap(f'"""{words}', room, break_on_hyphens=False, break_long_words=False)
    return "\n".join(f"{indent}{line}" for line in [*lines, '"""'])


if __name__ == "__main__":
    sys.stdout.write(module())
