"""What a stack knows of a cluster that is gone for good, and how it forgets it. Pure."""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

from mesh.mappings import Json
from mesh.plan import Link
from mesh.stacks.membership import clusters, of_cluster, of_link
from mesh.stacks.state import PROVIDER, RecordedResource, RecordedState


@dataclass(frozen=True, kw_only=True)
class Forgetting:
    """What is to be done about a cluster that is gone.

    `remote_secrets` are deleted in its peers, with the components around them; those in clusters that are
    `offline` are left to the update that brings these back. `resources` are taken out of the state, its
    provider included.
    """

    cluster: str
    remote_secrets: tuple[RecordedResource, ...] = ()
    left: tuple[str, ...] = ()
    resources: tuple[RecordedResource, ...] = ()
    in_stack_file: bool = False

    def __bool__(self) -> bool:
        return bool(self.remote_secrets or self.resources or self.in_stack_file)

    def lines(self) -> Iterator[str]:
        """What will be done, a line each."""
        for resource in self.remote_secrets:
            if resource.custom:
                yield f"delete {resource.name} in its cluster, and take it out of the state"
        for cluster in self.left:
            yield f"leave the remote secret in {cluster}, which is offline; `pulumi up` deletes it afterwards"
        if made := [r for r in self.resources if r.custom]:
            yield f"take the {len(made)} resources of {self.cluster} out of the state; none is deleted"
        if self.in_stack_file:
            yield f"remove clusters.{self.cluster} from the stack file"


def forgetting(
    recorded: RecordedState, cluster: str, offline: Set[str], *, in_stack_file: bool
) -> Forgetting:
    """What to do about a cluster that is gone, where clusters in `offline` cannot be changed now."""
    peers = [name for name in clusters(recorded.resources) if name != cluster]
    links = {peer: of_link(recorded.resources, Link(cluster=peer, remote=cluster)) for peer in peers}
    own = {resource.urn for resource in of_cluster(recorded.resources, cluster)}
    return Forgetting(
        cluster=cluster,
        remote_secrets=tuple(r for peer in peers if peer not in offline for r in links[peer]),
        left=tuple(peer for peer in peers if peer in offline and links[peer]),
        resources=tuple(
            r for r in recorded.resources if r.urn in own or (r.type == PROVIDER and r.name == cluster)
        ),
        in_stack_file=in_stack_file,
    )


def state_without(state: Json, urns: Set[str]) -> Json:
    """The state without some resources, on which nothing that stays depends any more."""
    deployment: dict[str, Any] = dict(state["deployment"])
    resources: list[Json] = deployment.get("resources", [])
    deployment["resources"] = [_independent(r, urns) for r in resources if r["urn"] not in urns]
    return {**state, "deployment": deployment}


def _independent(resource: Json, urns: Set[str]) -> Json:
    found: dict[str, Any] = dict(resource)
    if dependencies := found.get("dependencies"):
        found["dependencies"] = [urn for urn in dependencies if urn not in urns]
    if by_property := found.get("propertyDependencies"):
        found["propertyDependencies"] = {
            key: [urn for urn in on or () if urn not in urns] for key, on in by_property.items()
        }
    return found
