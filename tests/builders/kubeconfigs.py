"""Kubeconfigs for tests, made from as little as a test has to say."""

from collections.abc import Mapping
from typing import Any

import yaml


def kubeconfig(
    servers: Mapping[str, str],
    *,
    current: str | None = None,
    user: Mapping[str, Any] | None = None,
    cluster: Mapping[str, Any] | None = None,
) -> str:
    """A kubeconfig with a context, a cluster and a user of its name for each API server.

    Args:
        servers: URLs of the API servers by the context's name.
        current: the current context; none where not given.
        user: what every user has; a token where not given.
        cluster: what every cluster has beside its server, or instead of it.
    """
    of_all = dict(cluster or {})
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": n, "cluster": {"server": url, **of_all}} for n, url in servers.items()],
        "users": [{"name": n, "user": _token(n) if user is None else dict(user)} for n in servers],
        "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in servers],
    }
    return yaml.safe_dump(document if current is None else {**document, "current-context": current})


def _token(name: str) -> dict[str, str]:
    return {"token": f"token-of-{name}"}
