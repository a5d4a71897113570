"""Looks for objects: whether they are there, and who made them."""

from collections.abc import Iterable, Sequence

from mesh.config.resolved import Connection
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.facts import FoundObject, FoundObjects, ObjectAddress
from mesh.live.kubernetes_api import KubernetesApi
from mesh.mappings import Json, at


def find_objects(connection: Connection, addresses: Iterable[ObjectAddress]) -> FoundObjects:
    """Look for some objects in a cluster."""
    try:
        api = KubernetesApi.connect(connection)
        found = {address: _first(api, address) for address in dict.fromkeys(addresses)}
    except (UnreachableError, RefusedError) as error:
        return FoundObjects(unknown=str(error))
    return FoundObjects(
        by_address={address: _facts(document) for address, document in found.items() if document is not None}
    )


def _first(api: KubernetesApi, address: ObjectAddress) -> Json | None:
    if address.selector is None:
        return api.find(address.path)
    items = api.list(address.path, labelSelector=address.selector, limit="1")
    return items[0] if items else None


def _facts(document: Json) -> FoundObject:
    fields: Sequence[Json] = at(document, "metadata", "managedFields") or ()
    by_helm = at(document, "metadata", "labels", "app.kubernetes.io/managed-by") == "Helm"
    namespace, name = (
        at(document, "metadata", "annotations", f"meta.helm.sh/release-{key}")
        for key in ("namespace", "name")
    )
    return FoundObject(
        maker=str(fields[0].get("manager")) if fields else None,
        release=f"{namespace}/{name}" if by_helm and name else None,
    )
