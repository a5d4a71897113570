"""Reads which definitions of the Gateway API a cluster has."""

from collections.abc import Sequence

from mesh.config.resolved import Connection
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.facts import FoundGatewayApi, GatewayDefinition
from mesh.live.kubernetes_api import KubernetesApi
from mesh.mappings import Json, at

GROUP = "gateway.networking.k8s.io"
KINDS = ("gatewayclasses", "gateways")
"""Those that the gateways of an ambient mesh are made of."""
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def read_gateway_api(connection: Connection) -> FoundGatewayApi:
    """The definitions that an ambient mesh needs, as far as the cluster has them."""
    try:
        api = KubernetesApi.connect(connection)
        found = {kind: api.find(f"{_DEFINITIONS}/{kind}.{GROUP}") for kind in KINDS}
    except UnreachableError as error:
        return FoundGatewayApi(unreachable=str(error))
    except RefusedError as error:
        return FoundGatewayApi(refused=str(error))
    return FoundGatewayApi(
        definitions={kind: _definition(document) for kind, document in found.items() if document is not None}
    )


def _definition(document: Json) -> GatewayDefinition:
    fields: Sequence[Json] = at(document, "metadata", "managedFields") or ()
    versions: Sequence[Json] = at(document, "spec", "versions") or ()
    served = {str(version.get("name")): version for version in versions if version.get("served")}
    spec = at(served.get("v1"), "schema", "openAPIV3Schema", "properties", "spec", "properties")
    return GatewayDefinition(
        bundle=at(document, "metadata", "annotations", f"{GROUP}/bundle-version"),
        maker=str(fields[0].get("manager")) if fields else None,
        versions=tuple(served),
        fields=frozenset(spec or ()),
    )
