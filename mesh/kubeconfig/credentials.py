"""What the credentials in a kubeconfig for peers say of themselves. Pure; no credential is given away."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from mesh.kubeconfig.read import by_name, entries, parse
from mesh.mappings import Json, as_map, at


def claims(kubeconfig: str) -> Json:
    """What the token states of itself; nothing where it states nothing."""
    try:
        body = str(_user(kubeconfig)["token"]).split(".")[1]
        return as_map(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))) or {}
    except (LookupError, TypeError, ValueError):
        return {}


def token_end(kubeconfig: str) -> datetime | None:
    """When the token expires; None where it does not, or does not say so."""
    end = claims(kubeconfig).get("exp")
    return datetime.fromtimestamp(end, UTC) if isinstance(end, int) else None


def has_token(kubeconfig: str) -> bool:
    """Whether its user has a token, by which an API server knows it behind whatever ends TLS."""
    return bool(_user(kubeconfig).get("token"))


def client_certificate(kubeconfig: str) -> str:
    """The client certificate as PEM; empty where there is none, or none that can be read."""
    data = str(_user(kubeconfig).get("client-certificate-data") or "")
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def cluster_id(kubeconfig: str) -> str | None:
    """The cluster that istiod takes a kubeconfig in its folder for; None where it takes it for none.

    Source: `clusterIDFromKubeconfig` in `pkg/kube/multicluster/kubeconfig_files.go` in istio/istio.
    """
    try:
        document = parse(kubeconfig)
        contexts, clusters = by_name(document, "contexts"), by_name(document, "clusters")
    except ValueError:
        return None
    current = str(document.get("current-context") or "")
    in_order = [current, *sorted(contexts)]
    named = [at(contexts.get(context), "context", "cluster") for context in in_order]
    return next((str(found) for found in [*named, *sorted(clusters)] if found), None)


def _user(kubeconfig: str) -> Mapping[str, Any]:
    """The user of the current context, or the only one."""
    try:
        document = parse(kubeconfig)
        users = by_name(document, "users")
        context = by_name(document, "contexts").get(str(document.get("current-context")))
        user = users.get(str(at(context, "context", "user")))
        chosen = user or next(iter(entries(document, "users")), None)
    except (ValueError, yaml.YAMLError):
        return {}
    return as_map(at(chosen, "user")) or {}
