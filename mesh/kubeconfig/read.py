"""What the program needs to know of a user's kubeconfig: where the API server of a context is."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import yaml

from mesh.mappings import as_map


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An API server as a kubeconfig names it: URL, and the name to expect in its certificate."""

    server: str
    tls_server_name: str | None


def endpoint(text: str, context: str) -> Endpoint:
    """The API server that `context` leads to.

    Raises:
        ValueError: the text is no kubeconfig, or lacks the context, its cluster or the cluster's server.
            The message says which, and never repeats what else is in the file.
    """
    document = _document(text)
    contexts = _by_name(document, "contexts")
    if context not in contexts:
        there = ", ".join(sorted(contexts)) or "none"
        raise ValueError(f"the kubeconfig has no context {context!r}; it has: {there}")
    cluster = str((as_map(contexts[context].get("context")) or {}).get("cluster", ""))
    settings = as_map(_by_name(document, "clusters").get(cluster, {}).get("cluster")) or {}
    server = settings.get("server")
    if not isinstance(server, str) or not server:
        raise ValueError(
            f"context {context!r} names cluster {cluster!r}, which has no server in the kubeconfig"
        )
    name = settings.get("tls-server-name")
    return Endpoint(server=server, tls_server_name=str(name) if name else None)


def user(text: str, context: str) -> Mapping[str, Any]:
    """The user of `context` as the kubeconfig has it: credentials, or how to get them; empty where missing.

    Raises:
        ValueError: as for `endpoint`.
    """
    _ = endpoint(text, context)
    document = _document(text)
    name = str((as_map(_by_name(document, "contexts")[context].get("context")) or {}).get("user", ""))
    return as_map(_by_name(document, "users").get(name, {}).get("user")) or {}


def narrowed(text: str, context: str) -> dict[str, Any]:
    """The kubeconfig with `context` alone, its cluster and its user.

    Raises:
        ValueError: as for `endpoint`.
    """
    _ = endpoint(text, context)
    document = _document(text)
    chosen = as_map(_by_name(document, "contexts")[context].get("context")) or {}
    names = {"contexts": context, "clusters": chosen.get("cluster"), "users": chosen.get("user")}
    kept = {key: _by_name(document, key).get(str(name)) for key, name in names.items()}
    return {**document, **{key: [dict(entry)] if entry else [] for key, entry in kept.items()}}


@cache  # a hundred clusters in one file would be parsed a hundred times, each time all of them
def _document(text: str) -> Mapping[str, Any]:
    try:
        loaded: object = yaml.safe_load(text)
    except yaml.YAMLError as broken:
        raise ValueError("the kubeconfig is not valid YAML") from broken
    if (document := as_map(loaded)) is None:
        raise ValueError("expected a kubeconfig: a map with the keys clusters, contexts and users")
    return document


def _by_name(document: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    entries: object = document.get(key) or []
    if not isinstance(entries, list):
        raise ValueError(f"expected a kubeconfig whose {key} are a list")
    maps = [entry for item in cast(list[object], entries) if (entry := as_map(item)) is not None]
    return {str(entry.get("name")): entry for entry in maps}
