"""Whether the program gets into the clusters, and peers into each other's API servers. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.live.facts import ObservedCluster


def problems(clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    """A problem for each cluster without a way in.

    A cluster that gives no answer may be away, and is none. One that answers and refuses would be skipped in
    silence where the stack has `skipUnreachable` for it: the provider makes no difference.
    """
    for name, observed in clusters.items():
        if observed.refused:
            yield Problem(path=f"clusters.{name}", message=observed.refused)
