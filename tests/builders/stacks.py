"""Configurations for tests, made from as little as a test has to say."""

from collections.abc import Mapping, Set
from typing import Any

from mesh.config.resolved import StackConfig
from mesh.load import load
from tests.builders.kubeconfigs import kubeconfig


def stack_config(
    clusters: Mapping[str, Mapping[str, Any]],
    *,
    secret: Set[str] = frozenset(),
    written: Mapping[str, Any] | None = None,
    awaited: Set[str] = frozenset(),
    **sections: Any,
) -> StackConfig:
    """Parse a stack whose kubeconfig has a context, with a server of its own, for each cluster."""
    servers = {c.get("context", name): f"https://{name}.example.com:6443" for name, c in clusters.items()}
    entries = {name: {"context": name, **cluster} for name, cluster in clusters.items()}
    raw = {"mesh": {"id": "dev"}, **sections, "clusters": entries}
    return load(
        raw, read=lambda _: kubeconfig(servers), secret=secret, written=written, awaited=awaited
    ).valid()
