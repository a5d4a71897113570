"""Configurations for tests, made from as little as a test has to say."""

from collections.abc import Mapping
from typing import Any

import yaml

from mesh.config.resolved import StackConfig
from mesh.load import parse


def kubeconfig_text(servers: Mapping[str, str]) -> str:
    """A kubeconfig whose contexts lead to the given API servers."""
    return yaml.safe_dump(
        {
            "clusters": [{"name": n, "cluster": {"server": url}} for n, url in servers.items()],
            "contexts": [{"name": n, "context": {"cluster": n, "user": n}} for n in servers],
        }
    )


def stack_config(clusters: Mapping[str, Mapping[str, Any]], **sections: Any) -> StackConfig:
    """Parse a stack whose kubeconfig has a context, with a server of its own, for each cluster."""
    servers = {c.get("context", name): f"https://{name}.example.com:6443" for name, c in clusters.items()}
    entries = {name: {"context": name, **cluster} for name, cluster in clusters.items()}
    raw = {"mesh": {"id": "dev"}, **sections, "clusters": entries}
    return parse(raw, read=lambda _: kubeconfig_text(servers))
