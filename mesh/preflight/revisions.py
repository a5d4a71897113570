"""Whether a cluster may go from its control planes to those that are configured. Pure.

Each step changes one thing: it adds a control plane, has it serve new pods, or removes the old one. The state
shows which step comes next, and the pods show which control plane serves which proxies.
"""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio.names import (
    ISTIOD,
    NO_REVISION,
    REVISION_LABEL,
    TAG_WEBHOOK,
    istiod_revision,
    revision_label,
    revisioned,
)
from mesh.istio.revisions import following, revisions, serving
from mesh.live.facts import ServedProxies
from mesh.mappings import at
from mesh.preflight.data_plane import counted
from mesh.stacks.state import MUTATING_WEBHOOK, RELEASE, RecordedState

_SEE = "docs/runbooks/upgrade-by-revision.md"


def used(config: StackConfig, recorded: RecordedState) -> tuple[str, ...]:
    """The names of the clusters that lose a control plane."""
    return tuple(name for name, cluster in config.online.items() if _leaving(cluster, recorded))


def problems(
    config: StackConfig, recorded: RecordedState, proxies: Mapping[str, ServedProxies]
) -> Iterator[Problem]:
    """A problem for each skipped step, and for each control plane that would be removed from its proxies.

    Args:
        config: of the stack.
        recorded: the resources in the state.
        proxies: those of the clusters of `used`, by the cluster's name.
    """
    for name, cluster in config.online.items():
        there = _recorded(cluster, recorded)
        if not there:
            continue  # nothing is served yet
        order = list(_order(cluster, there, _served_now(cluster, recorded)))
        yield from order
        if not order and (found := proxies.get(name)) is not None:
            yield from _proxies(cluster, _leaving(cluster, recorded), found)


def _order(cluster: ClusterConfig, there: frozenset[str], now: str) -> Iterator[Problem]:
    target, new = serving(cluster).name, following(cluster)
    if target not in there and new is not None and target == new.name:
        yield Problem(
            path=cluster.path("istio.next.phase"),
            message=f"moved makes {_words(target)} serve {cluster.name}, which does not have it yet; "
            f"expected the phase beside first ({_SEE})",
        )
    elif target not in there:
        expected = ", ".join(sorted(map(_words, there)))
        yield Problem(
            path=cluster.path("istio.revision"),
            message=f"{cluster.name} has {expected}, not {_words(target)}: use istio.next to add another "
            "one; expected version and revision as they were, and next: "
            f"{{version: {cluster.istio.version}}} ({_SEE})",
        )
    elif now in there and now not in {revision.name for revision in revisions(cluster)}:
        yield Problem(
            path=cluster.path("istio.next"),
            message=f"{_words(now)} serves the gateways and new pods of {cluster.name}, and would be removed "
            "in the same step; expected the other phase first, with both control planes as they were "
            f"({_SEE})",
        )


def _proxies(cluster: ClusterConfig, leaving: frozenset[str], found: ServedProxies) -> Iterator[Problem]:
    path = cluster.path("istio.next")
    if found.refused:
        yield Problem(
            path=path,
            message=f"the proxies in {cluster.name} cannot be read: {found.refused}; expected a user in the "
            "kubeconfig who may list pods in all namespaces",
        )
        return
    for revision in sorted(leaving):
        if served := found.by_revision.get(revision_label(revision)):
            namespace = next(iter(served))
            yield Problem(
                path=path,
                message=f"{_words(revision)} would be removed from {cluster.name}, but serves "
                f"{counted(served)} there: their proxies would get no more configuration, and no new "
                "certificate when theirs expires. "
                f"Restart them, for example with `kubectl --namespace {namespace} rollout restart "
                f"deployment`, and run the same command again ({_SEE})",
            )


def _leaving(cluster: ClusterConfig, recorded: RecordedState) -> frozenset[str]:
    return _recorded(cluster, recorded) - {revision.name for revision in revisions(cluster)}


def _recorded(cluster: ClusterConfig, recorded: RecordedState) -> frozenset[str]:
    """The revisions of the control planes that a cluster has."""
    releases = [
        resource.name.removeprefix(f"{cluster.name}-")
        for resource in recorded.resources
        if resource.type == RELEASE and resource.parent.endswith(f"::{cluster.name}-control-plane")
    ]
    found = map(istiod_revision, releases)
    return frozenset(revision for revision in found if revision is not None)


def _served_now(cluster: ClusterConfig, recorded: RecordedState) -> str:
    """The revision that the tag leads to; without a tag, that of the control plane without a revision."""
    name = f"{cluster.name}-{TAG_WEBHOOK}"
    tags = (r for r in recorded.resources if (r.type, r.name) == (MUTATING_WEBHOOK, name))
    label = next((at(tag.outputs, "metadata", "labels", REVISION_LABEL) for tag in tags), None)
    return "" if label in (None, NO_REVISION) else str(label)


def _words(revision: str) -> str:
    return f"the control plane {revisioned(ISTIOD, revision)}"
