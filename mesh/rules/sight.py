"""Who sees whom: what `sees` selects is there, and a cluster that selects has a view of its own."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each name or label that selects nothing, or nothing new."""
    for cluster in config.clusters.values():
        own = cluster.sets("sees")
        if own and cluster.control_plane is not None:
            yield Problem(
                path=f"clusters.{cluster.name}.sees",
                message=f"{cluster.name} has no control plane of its own, and sees what "
                f"{cluster.control_plane} sees; expected it in clusters.{cluster.control_plane}.sees",
            )
            continue
        selectors = cluster.sees or ()
        for index, selector in enumerate(selectors):
            if message := _message(config, cluster, selector, own=own, again=selector in selectors[:index]):
                yield Problem(path=f"{cluster.path('sees')}.{index}", message=message)


def _message(
    config: StackConfig, cluster: ClusterConfig, selector: str, *, own: bool, again: bool
) -> str | None:
    if again:
        return f"{selector} is there twice; expected each once"
    if "=" in selector:
        others = (c for c in config.clusters.values() if not own or c.name != cluster.name)
        if any(f"{key}={value}" == selector for c in others for key, value in c.labels.items()):
            return None
        if not _complete(config):
            return None  # a cluster with the label may be among those that have problems of their own
        return (
            f"no {'other ' if own else ''}cluster of this stack has the label {selector}; expected one of "
            f"clusters.<name>.labels: {_labels(config)}. Clusters of other stacks are selected by name"
        )
    if own and selector == cluster.name:
        return "a cluster sees itself in any case; expected other clusters"
    if selector in config.peers or config.sets(f"clusters.{selector}"):
        return None
    names = ", ".join((*config.clusters, *config.peers))
    return (
        f"there is no cluster {selector!r}; expected names in clusters and peers, or a label as region=eu: "
        f"{names}"
    )


def _complete(config: StackConfig) -> bool:
    return {path.split(".")[1] for path in config.settings if path.startswith("clusters.")} <= {
        *config.clusters
    }


def _labels(config: StackConfig) -> str:
    labels = (f"{key}={value}" for c in config.clusters.values() for key, value in c.labels.items())
    return ", ".join(dict.fromkeys(labels)) or "there is none yet"
