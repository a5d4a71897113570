"""Which resources in a stack's state belong to a cluster. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from mesh.plan import Link
from mesh.stacks.state import PROVIDER, SECRET, RecordedResource

CLUSTER = "mesh:index:Cluster"
REMOTE_SECRETS = ("mesh:index:RemoteSecret", "mesh:index:Link")
"""Components that were around remote secrets up to earlier releases; a mesh that has them keeps them."""
_OF_ALL = ("pulumi:pulumi:Stack", "mesh:index:Mesh")


def clusters(resources: Sequence[RecordedResource]) -> tuple[str, ...]:
    """The names of the clusters that the stack has."""
    return tuple(resource.name for resource in resources if resource.type == CLUSTER)


def of_cluster(resources: Sequence[RecordedResource], cluster: str) -> tuple[RecordedResource, ...]:
    """The cluster's component and all below it, and its remote secrets with their components.

    Its provider is not among them. The order is that of the state: a parent comes before its children.
    """
    by_urn = {resource.urn: resource for resource in resources}
    urns: set[str] = set()
    for resource in resources:
        around = tuple(_with_ancestors(resource, by_urn))
        if any(one.type == CLUSTER and one.name == cluster for one in around):
            urns.add(resource.urn)
        elif resource.provider.endswith(f"{PROVIDER}::{cluster}"):
            urns.update(one.urn for one in around if one.type not in _OF_ALL)
    return tuple(resource for resource in resources if resource.urn in urns)


def of_link(resources: Sequence[RecordedResource], link: Link) -> tuple[RecordedResource, ...]:
    """The remote secret of a link, and the component around it in a mesh that has one."""
    by_urn = {resource.urn: resource for resource in resources}

    def belongs(resource: RecordedResource) -> bool:
        if resource.type == SECRET and resource.name == link.secret:
            return True
        around = _with_ancestors(resource, by_urn)
        return any(one.type in REMOTE_SECRETS and one.name == link.name for one in around)

    return tuple(filter(belongs, resources))


def _with_ancestors(
    resource: RecordedResource, by_urn: Mapping[str, RecordedResource]
) -> Iterator[RecordedResource]:
    found: RecordedResource | None = resource
    while found is not None:
        yield found
        found = by_urn.get(found.parent)
