"""Whether clusters, and what is in them, are those that configuration and state take them for. Pure.

What the state has is this stack's, and nothing else is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio.names import CACERTS, NAMESPACE, NETWORK_LABEL
from mesh.live.facts import FoundObject, FoundObjects, ObjectAddress, ObservedCluster
from mesh.preflight.inventory import SAMPLE_PODS, Declared, KubernetesObject, release_selector
from mesh.stacks import state
from mesh.stacks.state import RecordedState

_PULUMI = "pulumi-kubernetes"
"""With what the field manager of the provider begins."""

Found = Mapping[ObjectAddress, FoundObject]

_ANOTHER = "docs/troubleshooting.md#another-cluster-than-before"
_THERE = "docs/troubleshooting.md#it-is-there-already"
_CACERTS = f"secret/{CACERTS}"


def problems(
    config: StackConfig, clusters: Mapping[str, ObservedCluster], recorded: RecordedState
) -> Iterator[Problem]:
    """A problem for each cluster that is another one than the configuration or the state says."""
    for name, observed in clusters.items():
        message = _identity(config, clusters, recorded, name, observed)
        if message:
            yield Problem(path=f"clusters.{name}", message=message)
            continue
        yield from _other_network(config.clusters[name], observed, recorded)
        yield from _existing(config.clusters[name], recorded)


def members(
    config: StackConfig, clusters: Mapping[str, ObservedCluster], recorded: RecordedState
) -> dict[str, ObservedCluster]:
    """The clusters without those that are another one, of whose trust nothing follows for this mesh."""
    return {
        name: observed
        for name, observed in clusters.items()
        if _identity(config, clusters, recorded, name, observed) is None
    }


def leaving(
    clusters: Mapping[str, ObservedCluster], recorded: RecordedState, away: Set[str] = frozenset()
) -> Iterator[Problem]:
    """A problem for each cluster whose entry is gone, and whose mesh an update cannot delete.

    `clusters` are those without an entry that the state knows how to reach; `away` those that were offline.
    """
    for name in sorted(away):
        yield _cannot_leave(name, "it was offline at the last update")
    for name, observed in clusters.items():
        own = recorded.namespaces.get(_namespace(name))
        if own is None or own.uid is None or name in away:
            continue
        connection = recorded.connections[name]
        if no_way := observed.unreachable or observed.refused:
            why = f"its context {connection.context!r} leads nowhere: {no_way}"
        elif observed.namespace_uid and observed.namespace_uid != own.uid:
            why = f"its context {connection.context!r} in {connection.path} leads to another cluster"
        else:
            continue
        yield _cannot_leave(name, why)


def _cannot_leave(name: str, why: str) -> Problem:
    return Problem(
        path=f"clusters.{name}",
        message=f"its entry is gone, so an update would delete the mesh in it, and {why}; expected the "
        "cluster of the last update. Correct the kubeconfig, or put the entry back, with `offline: true` if "
        f"the cluster is away. If it is gone for good, run `python -m mesh forget {name}`: "
        "docs/offline.md#a-cluster-is-gone-for-good",
    )


def adopted(missing: Iterable[Declared], found: Found) -> frozenset[str]:
    """Logical names of the namespaces that are there and not the stack's, which never deletes them."""
    return frozenset(d.name for d in missing if d.type == state.NAMESPACE and d.object.address in found)


def unknown(found: Mapping[str, FoundObjects]) -> Iterator[Problem]:
    """A problem for each cluster of which it is not known what is there: an update might take it over."""
    for name, objects in found.items():
        if objects.unknown:
            yield Problem(
                path=f"clusters.{name}",
                message=f"cannot look for what is there already and not this stack's: {objects.unknown}; "
                "expected a user who may read all that the program makes",
            )


def foreign(cluster: ClusterConfig, missing: Sequence[Declared], found: Found) -> Iterator[Problem]:
    """A problem for each kind of thing in a cluster that the program would make and that is there already."""
    there = [d for d in missing if d.object.address in found and d.type != state.NAMESPACE]
    releases = [d.object for d in there if d.type == state.RELEASE]
    # Pulumi's own are those that an update had made when it was interrupted: another stack has releases, too.
    objects = [
        d.object for d in there if d.type != state.RELEASE and not _by_pulumi(found[d.object.address].maker)
    ]
    if releases:
        yield _taken_releases(cluster, releases)
    for release in (d for d in missing if d.type == state.RELEASE):
        owner = f"{NAMESPACE}/{release.object.words}"
        if parts := [p for p in release.parts if p.address in found and found[p.address].release != owner]:
            yield _taken_parts(cluster, release.object.words, parts, found)
    if any(o.words == _CACERTS for o in objects):
        yield _taken_cacerts(cluster)
    if others := [o for o in objects if o.words != _CACERTS]:
        yield _taken_objects(cluster, others, found)
    if SAMPLE_PODS in found:
        yield Problem(
            path=cluster.path("helloWorld.enabled"),
            message=f"the namespace sample of {cluster.name} is not this stack's and has pods in it, which "
            "the sample's strict mutual TLS would cut off; expected a namespace without pods, or none: move "
            f"them, or set clusters.{cluster.name}.helloWorld.enabled to false",
        )


def _identity(
    config: StackConfig,
    clusters: Mapping[str, ObservedCluster],
    recorded: RecordedState,
    name: str,
    observed: ObservedCluster,
) -> str | None:
    """Why this is not the cluster that it is taken for."""
    if observed.unreachable:
        return None
    context = config.clusters[name].connection.context
    mesh_id = observed.control_plane.mesh_id if observed.control_plane else None
    cluster_id = observed.control_plane.cluster_id if observed.control_plane else None
    own = recorded.namespaces.get(_namespace(name))
    is_own = own is not None and own.uid == observed.namespace_uid
    if mesh_id and mesh_id != config.mesh.id:
        return (
            f"is a member of the mesh {mesh_id!r}, and this stack has mesh.id {config.mesh.id!r}; expected a "
            "context that leads to a cluster of this mesh or to one without Istio. If you have changed "
            f"mesh.id, set it back to {mesh_id!r}: a running mesh keeps its ID"
        )
    if other := _recorded_as(recorded, name, observed):
        return _two_names(recorded, name, other) if is_own else _other_name(other)
    if cluster_id and cluster_id != name:
        return _other_name(cluster_id)
    if own and own.uid and not is_own:
        there = "another istio-system" if observed.namespace_uid else "no istio-system"
        return (
            f"its context {context!r} leads to a cluster with {there} than the state of this stack says; "
            "expected the cluster of the last update. If the context or the kubeconfig is wrong, correct it. "
            "If the cluster was built again, or istio-system deleted, run `pulumi refresh`, then `pulumi "
            f"up`: {_ANOTHER}"
        )
    earlier = [
        other for other in list(clusters)[: list(clusters).index(name)] if _same(clusters[other], observed)
    ]
    if earlier and not is_own:
        return (
            f"its context {context!r} leads to the same cluster as that of {earlier[0]}; expected the "
            "context of another cluster, or one entry for both"
        )
    return None


def _same(one: ObservedCluster, other: ObservedCluster) -> bool:
    return one.identity is not None and one.identity == other.identity


def _namespace(cluster: str) -> str:
    """The logical name of a cluster's istio-system."""
    return f"{cluster}-{NAMESPACE}"


def _recorded_as(recorded: RecordedState, name: str, observed: ObservedCluster) -> str | None:
    """Another name under which the state has this cluster."""
    for logical_name, namespace in recorded.namespaces.items():
        other = logical_name.removesuffix(f"-{NAMESPACE}")
        if other in (name, logical_name) or namespace.uid is None:
            continue
        if namespace.uid == observed.namespace_uid:
            return other
    return None


def _other_name(other: str) -> str:
    return (
        f"its context leads to the cluster that is {other!r} in this mesh; expected the context of another "
        f"cluster. To rename {other}, follow docs/renaming.md: with two names, one installation would delete "
        "the other"
    )


def _two_names(recorded: RecordedState, name: str, other: str) -> str:
    provider = recorded.urns.get((state.PROVIDER, other), f"<URN of the provider {other}>")
    return (
        f"the state of this stack has this cluster as {other!r}, too, and {other} is no other cluster: an "
        f"update would delete istio-system of {name} with it. Take {other} out of the state, which deletes "
        f"nothing in a cluster: `pulumi state delete --target-dependents '{provider}'`"
    )


def _other_network(
    cluster: ClusterConfig, observed: ObservedCluster, recorded: RecordedState
) -> Iterator[Problem]:
    """In a namespace of others a label is somebody's; in the stack's own, an update puts it back."""
    if cluster.intermediate.existing or _namespace(cluster.name) in recorded.namespaces:
        return
    if observed.control_plane is None and observed.network and observed.network != cluster.network:
        yield Problem(
            path=f"clusters.{cluster.name}.network",
            message=f"is {cluster.network!r}, and istio-system is labelled with the network "
            f"{observed.network!r} by others; expected {observed.network!r}, or no label: "
            f"`kubectl --context {cluster.connection.context} label namespace {NAMESPACE} {NETWORK_LABEL}-`",
        )


def _existing(cluster: ClusterConfig, recorded: RecordedState) -> Iterator[Problem]:
    """In a namespace that is not the stack's, `cacerts` goes with the stack: no key is left behind."""
    own = recorded.namespaces.get(_namespace(cluster.name))
    urn = recorded.urns.get((state.SECRET, f"{cluster.name}-cacerts"))
    if cluster.control_plane is None and cluster.intermediate.existing and own and own.kept and urn:
        yield Problem(
            path=cluster.path("trust.intermediate.existing"),
            message=f"cacerts of {cluster.name} was made by this stack, which would delete it now; take it "
            f"out of the state first, which leaves it in the cluster: `pulumi state delete '{urn}'`",
        )


def _taken_releases(cluster: ClusterConfig, releases: Sequence[KubernetesObject]) -> Problem:
    names = [release.words for release in releases]
    commands = [f"`{_kubectl(cluster)} delete secret --selector {release_selector(name)}`" for name in names]
    return _taken(
        cluster,
        f"has the Helm releases {', '.join(names)} in {NAMESPACE} already, and this stack did not make them; "
        "expected none. To hand them over to this stack, let Helm forget them; what they made stays and runs "
        f"on, and `pulumi up` takes it over: {', '.join(commands)}",
    )


def _taken_parts(
    cluster: ClusterConfig, release: str, parts: Sequence[KubernetesObject], found: Found
) -> Problem:
    words = " ".join(part.words for part in parts)
    kubectl = _kubectl(cluster)
    label = "app.kubernetes.io/managed-by=Helm"
    annotations = f"meta.helm.sh/release-name={release} meta.helm.sh/release-namespace={NAMESPACE}"
    commands = [
        f"`{kubectl} label --overwrite {words} {label}`",
        f"`{kubectl} annotate --overwrite {words} {annotations}`",
        *(
            f"`kubectl --context {cluster.connection.context} --namespace {namespace} delete secret "
            f"--selector {release_selector(name)}`"
            for namespace, name in _owners(parts, found)
        ),
    ]
    return _taken(
        cluster,
        f"has what the Helm release {release} would make already{_makers(parts, found)}, and Helm refuses to "
        "take it; expected none of it. To hand it over to this stack, say that it belongs to that release, "
        f"and let Helm forget any other that it belonged to: {', '.join(commands)}",
    )


def _owners(parts: Iterable[KubernetesObject], found: Found) -> list[tuple[str, str]]:
    """Namespace and name of the Helm releases that have some objects now: removed, they would delete them."""
    releases = (found[part.address].release for part in parts)
    owners = (release.partition("/") for release in dict.fromkeys(releases) if release)
    return [(namespace, name) for namespace, _, name in owners]


def _taken_cacerts(cluster: ClusterConfig) -> Problem:
    return _taken(
        cluster,
        f"has a Secret {NAMESPACE}/{CACERTS} already, and this stack did not make it; expected none. To sign "
        f"with it, set clusters.{cluster.name}.trust.intermediate.existing to true. To have the stack make "
        f"its own, delete it: `{_kubectl(cluster)} delete {_CACERTS}`",
    )


def _taken_objects(cluster: ClusterConfig, objects: Sequence[KubernetesObject], found: Found) -> Problem:
    commands: list[str] = []
    for path in dict.fromkeys(_folder(o) for o in objects):
        words = " ".join(o.words for o in objects if _folder(o) == path)
        commands.append(f"`kubectl --context {cluster.connection.context}{path} delete {words}`")
    words = ", ".join(o.words for o in objects)
    return _taken(
        cluster,
        f"has {words} already{_makers(objects, found)}, and this stack did not make them; expected none. To "
        f"hand them over to this stack, delete them, and `pulumi up` makes them again: {', '.join(commands)}",
    )


def _by_pulumi(maker: str | None) -> bool:
    return maker is not None and maker.startswith(_PULUMI)


def _folder(found: KubernetesObject) -> str:
    """The option of kubectl for an object's namespace."""
    parts = found.address.path.split("/namespaces/")
    return f" --namespace {parts[1].partition('/')[0]}" if len(parts) == 2 else ""


def _taken(cluster: ClusterConfig, message: str) -> Problem:
    return Problem(path=f"clusters.{cluster.name}", message=f"{message}. See {_THERE}")


def _makers(objects: Iterable[KubernetesObject], found: Found) -> str:
    makers = dict.fromkeys(found[o.address].maker for o in objects)
    named = ", ".join(maker for maker in makers if maker)
    return f" (made by {named})" if named else ""


def _kubectl(cluster: ClusterConfig) -> str:
    return f"kubectl --context {cluster.connection.context} --namespace {NAMESPACE}"
