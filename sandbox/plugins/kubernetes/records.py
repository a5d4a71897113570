"""Helm's own records of releases, which it keeps in Secrets of the release's namespace.

Reading them directly is one request where the CLI would be one process each. The format is that of
Helm 3 (`pkg/storage/driver` in helm/helm): one Secret for each revision, the release as gzipped JSON.
"""

import base64
import dataclasses
import gzip
import json
from collections.abc import Mapping
from typing import Any

import yaml

from sandbox.plugins.kubernetes.cluster import ApiError, Cluster

_PENDING = ("pending-install", "pending-upgrade", "pending-rollback")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """One revision of a release."""

    name: str
    namespace: str
    revision: int
    status: str
    description: str
    chart: str
    chart_version: str
    app_version: str
    labels: Mapping[str, str]
    values: Mapping[str, Any] = dataclasses.field(repr=False)
    manifest: str = dataclasses.field(repr=False)

    @property
    def is_pending(self) -> bool:
        """Whether an operation is under way, or was interrupted."""
        return self.status in _PENDING

    @property
    def secret(self) -> dict[str, Any]:
        """The identity of the Secret that holds the record."""
        name = f"sh.helm.release.v1.{self.name}.v{self.revision}"
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": self.namespace}}

    def objects(self) -> list[dict[str, Any]]:
        """Give the objects of the release's manifest; those without a namespace as they are."""
        documents = yaml.load_all(self.manifest, Loader=_LOADER)
        return [document for document in documents if isinstance(document, dict) and document.get("kind")]

    def names(self) -> dict[str, list[str]]:
        """Give the names of the objects by kind, in the official provider's notation."""
        grouped: dict[str, set[str]] = {}
        for obj in self.objects():
            group = obj["apiVersion"].rpartition("/")[0]
            kind = f"{obj['kind']}.{group}" if group else obj["kind"]
            metadata = obj.get("metadata") or {}
            namespace, name = metadata.get("namespace"), metadata.get("name", "")
            grouped.setdefault(f"{kind}/{obj['apiVersion']}", set()).add(
                f"{namespace}/{name}" if namespace else name
            )
        return {key: sorted(names) for key, names in sorted(grouped.items())}


def latest(cluster: Cluster, namespace: str, name: str) -> Record | None:
    """Read a release's newest revision; None where there is none."""
    try:
        found = cluster.list("v1", "Secret", namespace, {"labelSelector": f"owner=helm,name={name}"})
    except ApiError as error:
        if error.is_missing:
            return None
        raise
    if not found:
        return None
    newest = max(found, key=lambda secret: int(secret["metadata"]["labels"].get("version", 0)))
    return _decode(newest, namespace)


def forget(cluster: Cluster, record: Record) -> None:
    """Remove one revision's record; the objects of the release stay."""
    try:
        cluster.delete(record.secret, propagation="Background")
    except ApiError as error:
        if not error.is_missing:
            raise


def _decode(secret: Mapping[str, Any], namespace: str) -> Record:
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    release = json.loads(gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed)
    info, metadata = release.get("info") or {}, (release.get("chart") or {}).get("metadata") or {}
    return Record(
        name=release["name"],
        namespace=release.get("namespace") or namespace,
        revision=release.get("version", 0),
        status=info.get("status", "unknown"),
        description=info.get("description", ""),
        chart=metadata.get("name", ""),
        chart_version=metadata.get("version", ""),
        app_version=metadata.get("appVersion", ""),
        labels=secret["metadata"]["labels"],
        values=release.get("config") or {},
        manifest=release.get("manifest", ""),
    )
