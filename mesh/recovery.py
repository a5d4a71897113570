"""What an interrupted update has left, and how the state and the clusters agree again. Pure.

Pulumi records in the state what it was doing (`pending_operations`), and Helm records each revision of a
release in a Secret. A create that Pulumi has not seen the end of is imported where the object exists. A
release is not: the objects that it has created so far have Helm's labels, so that the next installation
adopts them once Helm's records of the interrupted one are gone. A release whose deletion Helm has finished
goes from the state, too: the provider fails to delete one that is not there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mesh.config.resolved import StackConfig
from mesh.istio.names import BASE, CNI, GATEWAY, ISTIOD, ZTUNNEL, revisioned
from mesh.istio.revisions import revisions
from mesh.live.facts import HelmRevision
from mesh.mappings import Json, at
from mesh.stacks.state import PROVIDER, RELEASE

_KUBERNETES = "kubernetes:"
_CREATING = "creating"
_DELETING = "deleting"


def release_names(config: StackConfig, state: Json) -> frozenset[str]:
    """Names of the stack's releases, including those of control planes that are being added or removed.

    After an interrupted installation, a release may be neither in the stack file any more nor among the
    resources in the state.
    """
    configured = (revision.name for c in config.online.values() for revision in revisions(c))
    interrupted: Sequence[Json] = at(state, "deployment", "pending_operations") or ()
    resources: Sequence[Json] = at(state, "deployment", "resources") or ()
    known = (*resources, *(operation["resource"] for operation in interrupted))
    there = (str(at(resource, "inputs", "name")) for resource in known if resource["type"] == RELEASE)
    return frozenset(
        (BASE, GATEWAY, CNI, ZTUNNEL, *(revisioned(ISTIOD, name) for name in configured), *there)
    )


@dataclass(frozen=True, kw_only=True)
class PendingOperation:
    """What Pulumi was doing to a resource; `cluster` is empty for what exists in the state alone.

    `component` is whether the resource only groups others.
    """

    operation: str
    urn: str
    component: bool = False
    cluster: str = ""
    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def object_id(self) -> str:
        """The resource's ID for the kubernetes provider: `namespace/name`, or the name alone."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def creates_release(self) -> bool:
        """Whether it was the installation of a Helm release."""
        return self.operation == _CREATING and self.kind == "Release"

    @property
    def deletes_release(self) -> bool:
        """Whether it was the removal of a Helm release."""
        return self.operation == _DELETING and self.kind == "Release"

    @property
    def creates_object(self) -> bool:
        """Whether it was the creation of an object in a cluster."""
        return self.operation == _CREATING and bool(self.kind) and self.kind != "Release"


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """What is to be done before `pulumi up` can continue."""

    operations: tuple[PendingOperation, ...] = ()
    revisions: Mapping[str, tuple[HelmRevision, ...]] = field(
        default_factory=dict[str, tuple[HelmRevision, ...]]
    )
    """Helm's records to be deleted, by cluster."""
    imports: tuple[PendingOperation, ...] = ()
    """Creates whose object is there."""
    deleted: tuple[PendingOperation, ...] = ()
    """Removals of releases that Helm has finished."""

    def __bool__(self) -> bool:
        return bool(self.operations or self.revisions)

    def lines(self) -> Iterator[str]:
        """What will be done, a line each."""
        imported = {operation.urn for operation in self.imports}
        deleted = {operation.urn for operation in self.deleted}
        for operation in self.operations:
            if operation.component:
                continue
            name = operation.urn.rpartition("::")[2]
            if operation.urn in imported:
                yield f"import {name}: the object exists"
            elif operation.urn in deleted:
                yield f"remove {name} from the state: Helm has deleted it"
            elif operation.operation == _CREATING:
                yield f"remove the interrupted creation of {name} from the state: `pulumi up` creates it"
            else:
                yield f"remove the interrupted operation from the state: {operation.operation} {name}"
        for cluster, left in self.revisions.items():
            for one in left:
                yield (
                    f"delete Helm's record of revision {one.number} of {one.release} in {cluster}, which is "
                    f"{one.status}: `pulumi up` installs it over what is there"
                )


def pending_operations(state: Json) -> tuple[PendingOperation, ...]:
    """The operations that the state of a stack says were under way; see `apitype.DeploymentV3` of Pulumi."""
    operations: list[Json] = at(state, "deployment", "pending_operations") or []
    return tuple(_operation(str(one["type"]), one["resource"]) for one in operations)


def recovery(
    operations: Iterable[PendingOperation],
    revisions: Mapping[str, Sequence[HelmRevision]],
    existing: Iterable[str],
) -> Recovery:
    """What to do about interrupted operations.

    Args:
        operations: what the state says was under way.
        revisions: Helm's revisions of the mesh's releases, by cluster.
        existing: URNs of those operations whose object exists in its cluster.
    """
    operations = tuple(operations)
    there = frozenset(existing)
    installing = {(one.cluster, one.object_id) for one in operations if one.creates_release}
    stale = {cluster: tuple(_stale(cluster, found, installing)) for cluster, found in revisions.items()}
    return Recovery(
        operations=operations,
        revisions={cluster: found for cluster, found in stale.items() if found},
        imports=tuple(one for one in operations if one.creates_object and one.urn in there),
        deleted=tuple(one for one in operations if one.deletes_release and _is_gone(one, revisions)),
    )


def recovered_state(state: Json, found: Recovery) -> Json:
    """The state without interrupted operations and deleted releases, and with the resources to be imported.

    The latter have the ID of their object, and nothing of what is in it: a refresh of them reads that.
    """
    ids = {operation.urn: operation.object_id for operation in found.imports}
    deployment: dict[str, Any] = dict(state["deployment"])
    operations: list[Json] = deployment.pop("pending_operations", [])
    interrupted: list[Json] = [one["resource"] for one in operations]
    imported = [{**one, "id": ids[one["urn"]]} for one in interrupted if one["urn"] in ids]
    deleted = {operation.urn for operation in found.deleted}
    resources: list[Json] = deployment.get("resources", [])
    deployment["resources"] = [*(r for r in resources if r["urn"] not in deleted), *imported]
    return {**state, "deployment": deployment}


def _is_gone(release: PendingOperation, revisions: Mapping[str, Sequence[HelmRevision]]) -> bool:
    """Whether the cluster was asked, and Helm has no record of the release in it."""
    found = revisions.get(release.cluster)
    return found is not None and all(f"{r.namespace}/{r.release}" != release.object_id for r in found)


def _stale(
    cluster: str, revisions: Sequence[HelmRevision], installing: set[tuple[str, str]]
) -> Iterator[HelmRevision]:
    newest = {one.release: one for one in sorted(revisions, key=lambda one: one.number)}
    for one in revisions:
        interrupted = one == newest[one.release] and one.status.startswith("pending-")
        if interrupted or (cluster, f"{one.namespace}/{one.release}") in installing:
            yield one


def _operation(operation: str, resource: Json) -> PendingOperation:
    kind, urn = str(resource["type"]), str(resource["urn"])
    # A patch is no object of its own: what it sets is set again.
    if not kind.startswith(_KUBERNETES) or kind.endswith("Patch"):
        return PendingOperation(operation=operation, urn=urn, component=not resource.get("custom"))
    # urn:pulumi:stack::project::type::name::id, of which the last is the provider's ID.
    _, *_, type_, provider, _ = str(resource.get("provider", "")).split("::")
    inputs: Json = resource.get("inputs") or {}
    release = kind == RELEASE
    where: Json = inputs if release else at(inputs, "metadata") or {}
    return PendingOperation(
        operation=operation,
        urn=urn,
        cluster=provider if type_.endswith(PROVIDER) else "",
        api_version=str(inputs.get("apiVersion", "")),
        kind="Release" if release else str(inputs.get("kind", "")),
        namespace=str(where.get("namespace") or ""),
        name=str(where.get("name") or ""),
    )
