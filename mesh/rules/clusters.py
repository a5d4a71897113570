"""What tells clusters apart: each has a context of its own. Kiali runs in one of them."""

from collections.abc import Hashable, Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each cluster with the context of an earlier one, or that is not there."""
    connections: dict[Hashable, str] = {}
    for cluster in config.clusters.values():
        if cluster.connection.awaited:
            continue
        other = connections.setdefault(cluster.connection, cluster.name)
        if other != cluster.name:
            yield Problem(
                path=f"clusters.{cluster.name}.context",
                message=f"{cluster.connection.context!r} in this kubeconfig is the cluster {other} already; "
                f"expected another context, for example {cluster.name}",
            )
    home = config.kiali.cluster
    if home is not None and home not in config.clusters:
        yield Problem(
            path="kiali.cluster",
            message=f"{home!r} is no cluster of this stack; expected the one in which Kiali runs: "
            f"{', '.join(config.clusters)}",
        )
