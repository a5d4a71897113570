"""Reads what an interrupted update may have left in a cluster, and deletes Helm's records of it."""

from collections.abc import Iterable

from mesh.istio.names import NAMESPACE
from mesh.live.facts import HelmRevision
from mesh.live.istio_system import SYSTEM
from mesh.live.kubernetes_api import KubernetesApi
from mesh.mappings import Json, at

HELM_RECORD = "helm.sh/release.v1"
"""Type of the Secrets in which Helm keeps a revision of a release."""


def read_helm_revisions(api: KubernetesApi, releases: Iterable[str]) -> tuple[HelmRevision, ...]:
    """Helm's revisions of these releases in istio-system; labels as Helm's storage driver sets them."""
    wanted = frozenset(releases)
    secrets = api.list(f"{SYSTEM}/secrets", fieldSelector=f"type={HELM_RECORD}")
    found = (_revision(secret) for secret in secrets)
    return tuple(one for one in found if one.release in wanted)


def delete_helm_revision(api: KubernetesApi, revision: HelmRevision) -> None:
    """Delete Helm's record of a revision; the objects of the release stay."""
    api.delete(f"{SYSTEM}/secrets/{revision.secret}")


def exists(api: KubernetesApi, api_version: str, kind: str, namespace: str, name: str) -> bool:
    """Whether an object is in the cluster; its kind may be unknown there."""
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    kinds: list[Json] = at(api.find(root), "resources") or []
    plural = next((one["name"] for one in kinds if one["kind"] == kind and "/" not in one["name"]), None)
    where = f"namespaces/{namespace}/" if namespace else ""
    return plural is not None and api.find(f"{root}/{where}{plural}/{name}") is not None


def _revision(secret: Json) -> HelmRevision:
    labels: Json = at(secret, "metadata", "labels") or {}
    return HelmRevision(
        namespace=NAMESPACE,
        release=str(labels.get("name", "")),
        number=int(labels.get("version", 0)),
        status=str(labels.get("status", "")),
        secret=str(at(secret, "metadata", "name")),
    )
