"""What pulumi-kubernetes does when a cluster does not answer."""

from collections.abc import Iterator
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from tests.plugins.engine import Program, Stack
from tests.plugins.kubernetes.control_plane import ControlPlane
from tests.plugins.kubernetes.programs import provider


def _both(east: ControlPlane, west: ControlPlane, namespace: str, text: str, **settings: Any) -> Program:
    def program() -> None:
        for plane in (east, west):
            k8s.core.v1.ConfigMap(
                plane.name,
                metadata={"name": "it", "namespace": namespace if plane is east else "default"},
                data={"text": text},
                opts=pulumi.ResourceOptions(provider=provider(plane, **settings)),
            )

    return program


@pytest.fixture
def two(stack: Stack, east: ControlPlane, west: ControlPlane) -> Iterator[Stack]:
    """A stack whose resources in west are gone from state at the end, also if west was."""
    yield stack
    west.kubectl("delete", "configmap", "it", "--ignore-not-found")


def _text(plane: ControlPlane, namespace: str) -> str:
    found = plane.get("configmap", "it", namespace)
    assert found is not None
    return found["data"]["text"]


def test_a_dead_cluster_is_an_error_that_names_the_reason(
    two: Stack, east: ControlPlane, west: ControlPlane, namespace: str
) -> None:
    """Nothing of it is in state; the healthy cluster is updated when the run is to go on."""
    with west.stopped():
        said = two.fails(_both(east, west, namespace, "one"), continue_on_error=True)
    assert "configured Kubernetes cluster is unreachable" in said
    assert _text(east, namespace) == "one"
    assert [resource["urn"].rsplit("::", 1)[1] for resource in two.resources()] == ["east"]


def test_a_dead_cluster_can_be_skipped_and_is_caught_up_with(
    two: Stack, east: ControlPlane, west: ControlPlane, namespace: str
) -> None:
    """Its resources keep their state with a warning, and are pending once it is back."""
    two.up(_both(east, west, namespace, "one"))
    with west.stopped():
        run = two.up(_both(east, west, namespace, "two", skip_update_unreachable=True))
    assert run.ops == {"east": "update", "west": "same"}
    assert "skipUpdateUnreachable" in run.diagnostics
    assert (_text(east, namespace), _text(west, "default")) == ("two", "one")
    again = two.up(_both(east, west, namespace, "two", skip_update_unreachable=True))
    assert again.ops == {"east": "same", "west": "update"}
    assert _text(west, "default") == "two"


def test_a_dead_cluster_that_is_gone_for_good_can_be_forgotten(
    two: Stack, east: ControlPlane, west: ControlPlane, namespace: str
) -> None:
    """With delete_unreachable its resources leave the state; without, destroying fails."""
    two.up(_both(east, west, namespace, "one"))
    with west.stopped():
        assert "PULUMI_K8S_DELETE_UNREACHABLE" in two.fails_to_destroy()
    two.up(_both(east, west, namespace, "one", delete_unreachable=True))
    with west.stopped():
        two.destroy()
    assert two.resources() == []
