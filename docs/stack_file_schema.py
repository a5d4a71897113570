"""The JSON Schema of a stack file, from the models: `make reference`.

Editors use it to check and complete `Pulumi.<stack>.yaml`. It knows what a value looks like; what must hold
between values is known to `python -m mesh validate`.
"""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

import yaml

from mesh.config.schema import StackSections

_PROJECT = "istio-mesh"
# The draft that editors know best. It ignores what stands beside a `$ref`, so none has a neighbour here.
_DRAFT = "http://json-schema.org/draft-07/schema#"
# As `pulumi config set --secret` writes it; a description would be shown in place of that of each setting.
_SECRET: Mapping[str, Any] = {
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
}
_UNSET: Mapping[str, Any] = {"anyOf": [{"$ref": "#/definitions/secret"}, {"type": "null"}]}
_LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")
_NO_CLUSTERS = {
    "properties": {
        f"{_PROJECT}:trust": {"properties": {"shared": {"const": True}}, "required": ["shared"]},
    },
    "required": [f"{_PROJECT}:trust"],
}


def schema() -> dict[str, Any]:
    """The schema; every value in the file may be a secret, wherever it stands."""
    models = StackSections.model_json_schema(ref_template="#/definitions/{model}")
    sections = {f"{_PROJECT}:{key}": _value(value) for key, value in models["properties"].items()}
    definitions = {name: _model(model) for name, model in models["$defs"].items()}
    config: dict[str, Any] = {
        "description": "Configuration of the stack. docs/configuration.md lists the settings of the mesh.",
        "type": "object",
        "properties": sections,
        "patternProperties": {f"^(?!{_PROJECT}:)[^:]+:.": {}},
        "additionalProperties": False,
    }
    return {
        "$schema": _DRAFT,
        "title": "Stack file of an Istio mesh",
        "description": "Pulumi.<stack>.yaml of this project. `make reference` generates this schema.",
        "type": "object",
        "properties": {
            "config": config,
            "secretsprovider": {
                "description": "What encrypts the secrets of this stack.",
                "type": "string",
            },
            "encryptionsalt": {"description": "Written by Pulumi.", "type": "string"},
            "encryptedkey": {"description": "Written by Pulumi.", "type": "string"},
            "environment": {"description": "Pulumi ESC environments that the stack imports."},
        },
        "additionalProperties": False,
        # With an environment, settings may be there instead of here.
        "if": {"required": ["environment"]},
        "else": {
            "required": ["config"],
            "properties": {
                "config": {
                    "required": [f"{_PROJECT}:mesh"],
                    "if": _NO_CLUSTERS,
                    "else": {"required": [f"{_PROJECT}:clusters"]},
                }
            },
        },
        "definitions": {"secret": _SECRET, "secretOrUnset": _UNSET, **definitions},
    }


def _model(model: Mapping[str, Any]) -> dict[str, Any]:
    """A section, or an enumeration."""
    found = {key: value for key, value in model.items() if key != "title"}
    if "properties" in found:
        found["properties"] = {key: _value(value) for key, value in found["properties"].items()}
    return found


def _value(field: Mapping[str, Any]) -> dict[str, Any]:
    """A value, or a secret in its place; what describes it stands outside."""
    plain = {key: value for key, value in field.items() if key not in ("title", "description", "default")}
    plain.pop("examples", None)
    nullable, plain = _nullable(plain)
    found: dict[str, Any] = {}
    if "description" in field:
        found["description"] = _LINK.sub(r"\1 (docs/\2)", field["description"])
    default = field.get("default")
    if default is not None and not isinstance(default, dict):
        found["default"] = default
    if "examples" in field:
        found["examples"] = [_example(text, plain) for text in field["examples"]]
    found["if"] = {"$ref": f"#/definitions/{'secretOrUnset' if nullable else 'secret'}"}
    found["else"] = _plain(plain)
    return found


def _nullable(field: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Whether a value may be left empty, and what it is otherwise."""
    options = field.get("anyOf", [])
    others = [option for option in options if option != {"type": "null"}]
    if len(others) == len(options):
        return False, dict(field)
    rest = {key: value for key, value in field.items() if key != "anyOf"}
    return True, {**rest, **(others[0] if len(others) == 1 else {"anyOf": others})}


def _plain(field: Mapping[str, Any]) -> dict[str, Any]:
    """A value in plain text; what is inside of it may be a secret again."""
    found = dict(field)
    if "items" in found:
        found["items"] = _value(found["items"])
    if "patternProperties" in found:
        found["patternProperties"] = {k: _value(v) for k, v in found["patternProperties"].items()}
        found["additionalProperties"] = False
    if found.get("type") == "string" and re.search(found.get("pattern", ""), "1"):
        # `pulumi config set --path` writes what looks like a number as one.
        found["type"] = ["string", "integer"]
    return found


def _example(text: object, field: Mapping[str, Any]) -> object:
    """An example of the reference as the value that it shows."""
    is_text = field.get("type") == "string" and not str(text).startswith("{")
    return text if is_text else yaml.safe_load(str(text))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
