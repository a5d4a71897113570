"""Kubeconfigs: found, read, reduced to the one context in use, and handed on without a file.

Keys and tokens are only ever in memory: where a library or a program wants a file, it gets one of
the kernel's memory files, which is gone with the process.
"""

import base64
import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

_FILE_KEYS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


class KubeconfigError(Exception):
    """The kubeconfig cannot be used; the message never quotes its contents."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Access:
    """How to reach one cluster: its entry, the user's entry, and the namespace of the context."""

    cluster: Mapping[str, Any]
    user: Mapping[str, Any] = dataclasses.field(repr=False)
    namespace: str

    @property
    def server(self) -> str:
        """The address of the API server."""
        return self.cluster.get("server", "")

    def as_kubeconfig(self) -> dict[str, Any]:
        """Give a kubeconfig with nothing else in it."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "cluster",
            "contexts": [
                {
                    "name": "cluster",
                    "context": {"cluster": "cluster", "user": "user", "namespace": self.namespace},
                }
            ],
            "clusters": [{"name": "cluster", "cluster": dict(self.cluster)}],
            "users": [{"name": "user", "user": dict(self.user)}],
        }


def load(contents_or_path: str) -> dict[str, Any]:
    """Read a kubeconfig from contents (YAML or JSON) or from a file; empty means the ambient one."""
    if not contents_or_path:
        return _load_ambient()
    path = Path(contents_or_path).expanduser() if len(contents_or_path) < 4096 else None
    try:
        is_file = path is not None and path.is_file()
    except (OSError, ValueError):
        is_file = False
    if is_file and path is not None:
        return _load_file(path)
    document = _parse(contents_or_path, "the kubeconfig")
    if not isinstance(document, Mapping):
        raise KubeconfigError("the kubeconfig is neither a file that exists nor a kubeconfig's contents")
    return dict(document)


def access(config: Mapping[str, Any], *, context: str = "", cluster: str = "", namespace: str = "") -> Access:
    """Pick the context in use, with the provider's overrides.

    Raises KubeconfigError where context, cluster or user is missing, and says which there are.
    """
    name = context or config.get("current-context") or ""
    if not name:
        raise KubeconfigError("the kubeconfig has no current context; set the provider's context")
    chosen = _named(config, "contexts", "context", name)
    cluster_entry = _named(config, "clusters", "cluster", cluster or chosen.get("cluster") or "")
    user_name = chosen.get("user")
    user_entry = _named(config, "users", "user", user_name) if user_name else {}
    return Access(
        cluster=cluster_entry,
        user=user_entry,
        namespace=namespace or chosen.get("namespace") or "default",
    )


def with_memory_files(config: Mapping[str, Any]) -> dict[str, Any]:
    """Replace inline certificates and keys by paths of memory files.

    The official client would write them to temporary files otherwise, and leave them there when
    the process is killed.
    """
    copy = json.loads(json.dumps(config))
    for entry in [item["cluster"] for item in copy["clusters"]] + [item["user"] for item in copy["users"]]:
        for key in _FILE_KEYS:
            data = entry.pop(f"{key}-data", None)
            if data:
                entry[key] = f"/proc/self/fd/{memory_file(base64.b64decode(data))}"
    return copy


def memory_file(contents: bytes) -> int:
    """Put contents into a memory file and give its descriptor, which child processes do not inherit."""
    descriptor = os.memfd_create("kubeconfig", os.MFD_CLOEXEC)
    view = memoryview(contents)
    while view:
        view = view[os.write(descriptor, view) :]
    return descriptor


def _load_ambient() -> dict[str, Any]:
    listed = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    found = [path for path in listed or [Path.home() / ".kube" / "config"] if path.is_file()]
    if not found:
        raise KubeconfigError(
            "no kubeconfig is given to the provider, and neither $KUBECONFIG nor ~/.kube/config is there"
        )
    merged: dict[str, Any] = {}
    for path in found:
        for key, value in _load_file(path).items():
            if isinstance(value, list):
                merged[key] = merged.get(key, []) + value
            else:
                merged.setdefault(key, value)
    return merged


def _load_file(path: Path) -> dict[str, Any]:
    try:
        document = _parse(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise KubeconfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, Mapping):
        raise KubeconfigError(f"{path} is not a kubeconfig")
    config = json.loads(json.dumps(document, default=str))
    for section, kind in (("clusters", "cluster"), ("users", "user")):
        for item in config.get(section) or []:
            entry = item.get(kind) or {}
            for key in _FILE_KEYS:
                if entry.get(key):
                    entry[key] = str((path.parent / entry[key]).resolve())
    return config


def _parse(text: str, what: str) -> Any:
    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise KubeconfigError(f"{what} is not valid YAML{where}") from None


def _named(config: Mapping[str, Any], section: str, kind: str, name: str) -> dict[str, Any]:
    items = [item for item in config.get(section) or [] if isinstance(item, Mapping)]
    for item in items:
        if item.get("name") == name:
            return dict(item.get(kind) or {})
    known = ", ".join(sorted(str(item.get("name")) for item in items)) or "none"
    raise KubeconfigError(f'the kubeconfig has no {kind} "{name}"; it has: {known}')
