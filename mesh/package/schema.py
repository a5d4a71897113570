"""The package's schema for Pulumi, from the models of a stack file. Pure.

Pulumi's own inference (`pulumi/provider/experimental/analyzer.py`) reads annotations of arguments. It
supports no unions, tuples or pydantic, and would need a second list of all settings. Format of the schema:
https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh.config.schema import StackSections
from mesh.mappings import as_map
from mesh.stacks import contract
from mesh.stacks.state import MESH

NAME = MESH.partition(":")[0]
VERSION = "0.0.0"
"""There is no numbered release yet; a package from a repository gets the version of its tag."""

_ANY = {"$ref": "pulumi.json#/Any"}
_TEXT, _YES = {"type": "string"}, {"type": "boolean"}
_TEXTS = {"type": "array", "items": _TEXT}
_LINK = re.compile(r"\[([^]]*)\]\(([^)]*)\)")
# A stack file needs these words about secrets; here, the type says the same.
_SECRET = re.compile(r" Set it with `--secret`\.")
_OF_CONTENTS: Mapping[tuple[str, str], str] = {
    (
        "ClusterSection",
        "context",
    ): "Context in the kubeconfig. Default: the current one, where the kubeconfig is given by its contents.",
    ("ClusterSection", "kubeconfig"): "The kubeconfig: its contents, for example from a cluster that the "
    "same program creates, or its path, absolute or relative to the program's folder. Default: the file "
    "that has the context among those in the environment variable `KUBECONFIG`, else `~/.kube/config`.",
}
"""What differs where a kubeconfig may come from another resource."""


def package() -> dict[str, Any]:
    """The whole schema, as JSON."""
    models = StackSections.model_json_schema()
    sections = {key: _property("", key, value) for key, value in models["properties"].items()}
    return {
        "name": NAME,
        "displayName": "Istio mesh",
        "version": VERSION,
        "description": "One Istio service mesh over many Kubernetes clusters",
        "resources": {
            MESH: {
                "isComponent": True,
                "description": "An Istio service mesh over Kubernetes clusters: certificate authorities, "
                "control planes, gateways, and the secrets by which clusters find each other's services.",
                "inputProperties": sections,
                "requiredInputs": sorted(models["required"]),
                "properties": _OUTPUTS,
                "required": sorted(_OUTPUTS.keys() - {contract.OUTPUT, "failover"}),
            }
        },
        "types": dict(_types(models["$defs"]))
        | {_token(name): type_ for name, type_ in OUTPUT_TYPES.items()},
        "language": {
            language: {"respectSchemaVersion": True}
            for language in ("nodejs", "python", "csharp", "java", "go")
        },
    }


def _types(models: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, model in models.items():
        found: dict[str, Any] = {"type": model["type"], "description": model.get("description", "")}
        if "enum" in model:
            found["enum"] = [{"value": value} for value in model["enum"]]
        else:
            found["properties"] = {
                key: _property(name, key, value) for key, value in model["properties"].items()
            }
            required = (key for key in model.get("required", ()) if (name, key) not in _OF_CONTENTS)
            found["required"] = sorted(required)
        yield _token(name), found


def _token(model: str) -> str:
    """The token of a type. No section has the name of the component, which its arguments have."""
    return f"{NAME}:index:{re.sub('Section$', 'Settings', model)}"


def _property(model: str, key: str, field: Mapping[str, Any]) -> dict[str, Any]:
    description = _OF_CONTENTS.get((model, key)) or field.get("description", "")
    text = _LINK.sub(r"\1 (docs/\2)", _SECRET.sub("", description))
    default = field.get("default")
    if isinstance(default, str | int) and "Default:" not in text:
        text += f" Default: {str(default).lower() if isinstance(default, bool) else default}."
    found = {**_type(field), "description": text}
    if any(_is_secret(option) for option in [field, *field.get("anyOf", ())]):
        found["secret"] = True
    return found


def _is_secret(field: Mapping[str, Any]) -> bool:
    """A secret text, or one that a stack file refuses in plain text."""
    return field.get("format") == "password" or field.get("not") == {}


def _type(field: Mapping[str, Any]) -> dict[str, Any]:
    """A type. The models check everything else about a value."""
    if "anyOf" in field:
        options: Sequence[Any] = [option for option in field["anyOf"] if option != {"type": "null"}]
        return _type(options[0]) if len(options) == 1 else {"oneOf": [_type(option) for option in options]}
    if "$ref" in field:
        return {"$ref": f"#/types/{_token(field['$ref'].rpartition('/')[2])}"}
    if _is_secret(field):
        return dict(_TEXT)
    if field["type"] == "array":
        return {"type": "array", "items": _type(field["items"])}
    if field["type"] == "object":
        by_pattern = as_map(field.get("patternProperties")) or {}
        inner = as_map(next(iter(by_pattern.values()), field.get("additionalProperties")))
        return {"type": "object", "additionalProperties": _type(inner) if inner else _ANY}
    return {"type": field["type"]}


OUTPUT_TYPES: Mapping[str, Mapping[str, Any]] = {
    "ClusterStatus": {
        "type": "object",
        "description": "Facts about one cluster of the mesh.",
        "properties": {
            "network": {**_TEXT, "description": "Istio's network."},
            "apiServer": {**_TEXT, "description": "URL of the API server for other clusters."},
            "istioVersion": {**_TEXT, "description": "Version of Istio."},
            "gatewayAddresses": {**_TEXTS, "description": "Addresses of its gateways for other networks."},
            "sees": {**_TEXTS, "description": "The clusters that it sees, where they are selected."},
            "dataPlane": {**_TEXT, "description": "Its data plane, where that is not sidecars alone."},
            "role": {**_TEXT, "description": "`remote`, where another cluster's control plane serves it."},
            "controlPlane": {**_TEXT, "description": "The cluster whose control plane serves it."},
            "offline": {**_YES, "description": "Whether it is away."},
        },
        "required": ["apiServer", "gatewayAddresses", "istioVersion", "network"],
    },
    "FailoverStatus": {
        "type": "object",
        "description": "What failover promises for one service.",
        "properties": {
            "withinSeconds": {
                "type": "integer",
                "description": "Seconds after the death of a cluster from which on no call fails because of "
                "it.",
            },
            "prefer": {**_TEXT, "description": "Which endpoints are called first."},
            "clients": {**_TEXTS, "description": "The clusters whose workloads it is promised to."},
        },
        "required": ["clients", "prefer", "withinSeconds"],
    },
}
"""Types that only outputs have, by name. Arguments have the types of the sections."""
_OUTPUTS: Mapping[str, Any] = {
    "meshId": {**_TEXT, "description": "Istio's mesh ID."},
    "clusters": {
        "type": "object",
        "additionalProperties": {"$ref": f"#/types/{_token('ClusterStatus')}"},
        "description": "The clusters by name.",
    },
    "rootFingerprint": {**_TEXT, "description": "SHA-256 of the certificate of the root that signs."},
    "firstExpiry": {
        **_TEXT,
        "description": "When the first of the CA certificates expires, in UTC (RFC 3339).",
    },
    "diagram": {**_TEXT, "description": "The mesh as a Mermaid diagram."},
    "failover": {
        "type": "object",
        "additionalProperties": {"$ref": f"#/types/{_token('FailoverStatus')}"},
        "description": "What failover promises for each service, by its host.",
    },
    contract.OUTPUT: {
        **_ANY,
        "secret": True,
        "description": "What other stacks of the mesh read: export it under this name.",
    },
}
