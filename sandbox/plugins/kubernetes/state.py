"""An object in Pulumi's state, in the shape that the official provider gives it.

Outputs are the live object and beside it `__inputs`, `__initialApiVersion` and `__fieldManager`
(`checkpointObject` in provider/pkg/provider/provider.go of pulumi/pulumi-kubernetes), so a stack
can change from the stand-in to the official provider and back.
"""

import base64
import binascii
import copy
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.plugins.kubernetes.kinds import is_secret
from sandbox.plugins.kubernetes.quantities import same_quantity
from sandbox.plugins.values import Secret, mark_like, plain

INPUTS = "__inputs"
API_VERSION = "__initialApiVersion"
FIELD_MANAGER = "__fieldManager"

# Names that a language cannot spell are sent with underscores (`underscoreToDashMap` in provider.go).
_DASHED = {
    name.replace("-", "_"): name
    for name in (
        "x-kubernetes-embedded-resource",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    )
}
_UNDERSCORED = {dashed: name for name, dashed in _DASHED.items()}

# Filled in by the server; in inputs they would be differences that nobody made.
_SERVER_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
)
_SERVER_ANNOTATIONS = (
    "deployment.kubernetes.io/revision",
    "kubectl.kubernetes.io/last-applied-configuration",
)


def to_object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Give the Kubernetes object of properties: secret marks and what only the server sets are gone."""
    obj = _rename(plain(properties), lambda key: _DASHED.get(key, key))
    for key in (INPUTS, API_VERSION, FIELD_MANAGER):
        obj.pop(key, None)
    if isinstance(obj.get("metadata"), dict):
        for key in _SERVER_METADATA:
            obj["metadata"].pop(key, None)
    return obj


def to_outputs(inputs: Mapping[str, Any], live: Mapping[str, Any], field_manager: str) -> dict[str, Any]:
    """Give an object's outputs from its inputs and the live object; secrets are marked."""
    outputs = mark_secrets(_rename(live, lambda key: _UNDERSCORED.get(key, key)), inputs)
    outputs[INPUTS] = mark_secrets(inputs, inputs)
    outputs[API_VERSION] = live.get("apiVersion", "")
    outputs[FIELD_MANAGER] = field_manager
    return outputs


def mark_secrets(properties: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Mark what is secret in the inputs, and the data of a Secret in any case."""
    marked = dict(mark_like(properties, inputs))
    if plain(marked.get("kind")) == "Secret":
        for key in ("data", "stringData"):
            if key in marked and not isinstance(marked[key], Secret):
                marked[key] = Secret(marked[key])
    return marked


def normalized(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Give the object with a Secret's `stringData` where the server puts it: in `data`, encoded."""
    result = copy.deepcopy(dict(obj))
    text = result.get("stringData")
    if is_secret(result) and isinstance(text, dict) and text:
        result["data"] = {
            **(result.get("data") or {}),
            **{key: _encode(value) for key, value in text.items()},
        }
        del result["stringData"]
    return result


def live_inputs(live: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Give the inputs as they are in the live object: what drifted differs, the rest is as it was.

    Fields that the inputs do not have are the server's and others' business. A value that the
    server only spells otherwise (`0.5` and `500m`) is left as the user wrote it.
    """
    pruned = _prune(live, inputs, ())
    text = inputs.get("stringData")
    if is_secret(live) and isinstance(text, dict):
        # The server takes this field and never gives it back.
        data = live.get("data") or {}
        pruned["stringData"] = {key: _decode(data[key]) for key in text if key in data}
    return pruned


def imported_inputs(live: Mapping[str, Any]) -> dict[str, Any]:
    """Give the inputs of an object that was not made by Pulumi: all but what the server fills in."""
    inputs = copy.deepcopy({key: value for key, value in live.items() if key != "status"})
    metadata = inputs.get("metadata", {})
    for key in ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"):
        metadata.pop(key, None)
    annotations = metadata.get("annotations", {})
    for key in _SERVER_ANNOTATIONS:
        annotations.pop(key, None)
    return inputs


def object_id(obj: Mapping[str, Any]) -> str:
    """Give Pulumi's id of an object: `namespace/name`, or `name` outside of namespaces."""
    metadata = obj["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]


def annotation(obj: Mapping[str, Any], name: str) -> str:
    """Give the value of one of Pulumi's annotations (`pulumi.com/<name>`), empty where it is not set."""
    metadata = obj.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    value = annotations.get(f"pulumi.com/{name}") if isinstance(annotations, Mapping) else None
    return value if isinstance(value, str) else ""


def _prune(live: Any, inputs: Any, path: tuple[str, ...]) -> Any:
    if isinstance(live, Mapping) and isinstance(inputs, Mapping):
        return {key: _prune(live[key], value, (*path, key)) for key, value in inputs.items() if key in live}
    if isinstance(live, list) and isinstance(inputs, list):
        return [_prune(left, right, path) for left, right in zip(live, inputs, strict=False)]
    return inputs if same_quantity(live, inputs, path) else live


def _rename(value: Any, rename: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {rename(key): _rename(item, rename) for key, item in value.items()}
    if isinstance(value, list):
        return [_rename(item, rename) for item in value]
    return value


def _encode(value: Any) -> Any:
    return base64.b64encode(value.encode()).decode() if isinstance(value, str) else value


def _decode(value: str) -> str:
    try:
        return base64.b64decode(value).decode()
    except (binascii.Error, UnicodeDecodeError):
        return value
