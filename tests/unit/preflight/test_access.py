"""Whether the program gets into the clusters."""

from mesh.live.facts import ObservedCluster
from mesh.preflight.access import problems


def test_an_answer_that_refuses_stops_an_update_and_no_answer_does_not() -> None:
    """A cluster that is away is left to the provider, which skips it or fails there alone."""
    clusters = {
        "east": ObservedCluster(),
        "west": ObservedCluster(unreachable="timed out"),
        "north": ObservedCluster(refused="HTTP 401"),
    }
    assert [str(problem) for problem in problems(clusters)] == ["clusters.north: HTTP 401"]
