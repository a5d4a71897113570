"""Existing objects of the clusters, as `pulumi import --file` takes them. Pure.

Format: `pkg/cmd/pulumi/operations/import.go` in pulumi/pulumi. The import makes providers before components,
so a provider among `resources` could not have a component as its parent. So `nameTable` names providers by
URN, and `providerInputs` has their inputs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.istio.names import GATEWAY
from mesh.plan import link_of
from mesh.stacks.state import MESH, PROVIDER, RELEASE

_MESH = "mesh"
_COMPONENTS = MESH.removesuffix("Mesh")


@dataclass(frozen=True, kw_only=True)
class Existing:
    """An object in a cluster, and the type and logical name of its resource.

    The provider finds it by `id`: its namespace and name, with a slash between.
    """

    cluster: str
    type: str
    name: str
    id: str


def import_file(
    existing: Iterable[Existing],
    providers: Mapping[str, Mapping[str, Any]],
    *,
    stack: str,
    project: str,
    version: str,
) -> dict[str, Any]:
    """The document for `pulumi import --file`.

    Args:
        existing: the objects to import.
        providers: the inputs of each cluster's provider, by the cluster's name.
        stack: the stack's name, without organization and project.
        project: the name of the project.
        version: the version of the provider's plugin.
    """
    used: dict[str, str] = {}
    resources: dict[str, dict[str, Any]] = {}

    def component(kind: str, name: str, parent: str | None) -> str:
        key = f"{kind} {name}"
        found = {"type": f"{_COMPONENTS}{kind}", "name": key, "logicalName": name, "component": True}
        resources.setdefault(key, found | ({"parent": parent} if parent else {}))
        return key

    mesh = component("Mesh", _MESH, None)
    for one in existing:
        provider = f"provider {one.cluster}"
        used[provider] = one.cluster
        parent = mesh
        for kind, name in _components(one):
            parent = component(kind, name, parent)
        resources[one.name] = {
            "type": one.type,
            "name": one.name,
            "id": one.id,
            "parent": parent,
            "provider": provider,
            "version": version,
        }
    urn = f"urn:pulumi:{stack}::{project}::{MESH}${PROVIDER}"
    return {
        "nameTable": {provider: f"{urn}::{cluster}" for provider, cluster in used.items()},
        "providerInputs": {provider: dict(providers[cluster]) for provider, cluster in used.items()},
        "resources": list(resources.values()),
    }


def _components(one: Existing) -> tuple[tuple[str, str], ...]:
    """The program's components around an object, from the outermost one, as kind and name."""
    cluster = one.cluster
    if link_of(cluster, one.name):
        return ()
    of_cluster = ("Cluster", cluster)
    if one.type == RELEASE and one.name == f"{cluster}-{GATEWAY}":
        return of_cluster, ("EastWestGateway", f"{cluster}-east-west-gateway")
    if one.type == RELEASE:
        return of_cluster, ("ControlPlane", f"{cluster}-control-plane")
    if one.name == f"{cluster}-cacerts":
        return of_cluster, ("IntermediateCA", f"{cluster}-intermediate")
    if one.name.startswith(f"{cluster}-reader-"):
        return of_cluster, ("Reader", f"{cluster}-reader")
    return (of_cluster,)
