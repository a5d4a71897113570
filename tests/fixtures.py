"""What tests of several folders use: types of fixtures, and what they need."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pytest

from sandbox.cluster import Cluster, Surroundings, has_ztunnel

needs_ztunnel = pytest.mark.skipif(
    not has_ztunnel(), reason="needs a ztunnel, which ISTIO_MESH_ZTUNNEL_IMAGE names"
)


class Start(Protocol):
    """Starts clusters."""

    def __call__(self, *names: str, around: Mapping[str, Surroundings] = ...) -> Mapping[str, Cluster]:
        """Return the clusters, running, with what is `around` them where they are new."""
        ...


class Kubectl(Protocol):
    """Runs kubectl, with the objects in `given` as its input; a failure fails the test."""

    def __call__(
        self,
        cluster: Cluster,
        *arguments: str,
        given: Sequence[Mapping[str, Any]] = (),
        check: bool = True,
    ) -> str:
        """Return what kubectl printed; without `check`, its errors too."""
        ...


class GetService(Protocol):
    """Reads a Service of a cluster."""

    def __call__(self, cluster: Cluster, name: str) -> dict[str, Any]:
        """Return the object."""
        ...
