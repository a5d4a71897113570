"""The definitions of the Gateway API, in clusters that have none of others."""

from collections.abc import Iterable, Sequence

import pulumi

from mesh.istio.gateway_api_manifest import logical_name
from mesh.mappings import Json


class _Document(pulumi.CustomResource):
    """An object as a manifest has it.

    The SDK's classes would take the keys of a schema for names of theirs.
    """

    def __init__(self, name: str, document: Json, opts: pulumi.ResourceOptions) -> None:
        type_ = f"kubernetes:{document['apiVersion']}:{document['kind']}"
        props = {key: value for key, value in document.items() if key != "status"}
        super().__init__(type_, name, props, opts)


def definitions(
    cluster: str, documents: Iterable[Json], opts: pulumi.ResourceOptions
) -> Sequence[pulumi.Resource]:
    """Declare the documents of a manifest; they stay in a cluster, where others may have come to use them."""
    retained = pulumi.ResourceOptions(retain_on_delete=True)
    return [
        _Document(
            logical_name(cluster, str(document["metadata"]["name"])),
            document,
            pulumi.ResourceOptions.merge(opts, retained),
        )
        for document in documents
    ]
