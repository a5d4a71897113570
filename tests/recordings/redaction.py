"""What of an answer is recorded: no secret, and nothing that no reader needs. Pure."""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

MADE_UP_TOKEN = "made-up-token-of-"
"""Stands, with the name of the Secret that the token came from, where a reader's token was."""

_PUBLIC_DATA = ("ca-cert.pem", "cert-chain.pem", "root-cert.pem", "ca.crt", "namespace")
_NOISE = {
    "annotations",
    "command",
    "containerStatuses",
    "dnsPolicy",
    "enableServiceLinks",
    "generateName",
    "generation",
    "hostIP",
    "hostIPs",
    "imagePullPolicy",
    "initContainerStatuses",
    "lastProbeTime",
    "lastTransitionTime",
    "lifecycle",
    "livenessProbe",
    "managedFields",
    "nodeName",
    "observedGeneration",
    "ownerReferences",
    "podIP",
    "podIPs",
    "ports",
    "preemptionPolicy",
    "priority",
    "progressDeadlineSeconds",
    "qosClass",
    "readinessProbe",
    "resourceVersion",
    "resources",
    "revisionHistoryLimit",
    "schedulerName",
    "securityContext",
    "serviceAccount",
    "startTime",
    "startupProbe",
    "strategy",
    "terminationGracePeriodSeconds",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tolerations",
    "uid",
    "allocatedResources",
    "volumeMounts",
    "volumes",
}
# A reader of a single Service asks for them.
_OF_A_SERVICE = {"annotations", "ports"}
_NOISE_OF_ENVOY = {
    "circuit_breakers",
    "health_status",
    "last_updated",
    "locality",
    "private_key",
    "stats",
    "success_rate_ejection_threshold",
    "version_info",
}


def answer(path: str, document: Any) -> Any:
    """The answer of an API server to a GET of `path`, or to a review."""
    if "/services/" in path:
        return _without(document, _NOISE - _OF_A_SERVICE)
    if "/secrets" not in path:
        return _without(document, _NOISE)
    secrets = {"items": [_secret(item) for item in document["items"]]} if "items" in document else {}
    return _without({**document, **(secrets or _secret(document))}, _NOISE)


def output(text: str) -> str:
    """What a command in a pod printed: JSON of Envoy is trimmed, everything else stays as it is."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if isinstance(document, dict) and "cluster_statuses" in document:
        some = [s for s in document["cluster_statuses"] if re.search(r"helloworld|xds-grpc", s["name"])]
        document = {"cluster_statuses": some}
    return json.dumps(_without(document, _NOISE_OF_ENVOY))


def _secret(secret: Mapping[str, Any]) -> dict[str, Any]:
    name = secret["metadata"]["name"]
    return {**secret, "data": {key: _value(name, key, value) for key, value in secret["data"].items()}}


def _value(name: str, key: str, value: str) -> str:
    if key in _PUBLIC_DATA:
        return value
    text = base64.b64decode(value).decode()
    if key == "token":
        made_up = MADE_UP_TOKEN + name
    elif name.startswith("istio-remote-secret-"):
        made_up = _kubeconfig(text)
    else:
        made_up = f"made-up {key}"
    return base64.b64encode(made_up.encode()).decode()


def _kubeconfig(text: str) -> str:
    document = yaml.safe_load(text)
    for entry in document["users"]:
        entry["user"] = {key: _credential(value) for key, value in entry["user"].items()}
    return yaml.safe_dump(document, sort_keys=False)


def _credential(value: Any) -> str:
    """A credential's replacement; that of a token says which Secret it came from, as the token does."""
    try:
        body = str(value).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return MADE_UP_TOKEN + claims["kubernetes.io/serviceaccount/secret.name"]
    except (LookupError, ValueError, TypeError):
        return "made-up"


def _without(document: Any, keys: set[str]) -> Any:
    if isinstance(document, dict):
        return {key: _without(value, keys) for key, value in document.items() if key not in keys}
    if isinstance(document, list):
        # A variable with another source than its value says nothing by itself.
        return [_without(i, keys) for i in document if not (isinstance(i, dict) and "valueFrom" in i)]
    return document
