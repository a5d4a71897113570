"""What a change of the provider's own settings means for the objects that it made."""

import json
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from tests.plugins.engine import Program, Stack
from tests.plugins.kubernetes.control_plane import ControlPlane
from tests.plugins.kubernetes.programs import provider


def _program(plane: ControlPlane, namespace: str, *, secret: str = "", **settings: Any) -> Program:
    def program() -> None:
        if secret:
            settings["kubeconfig"] = pulumi.Output.secret(secret)
        opts = pulumi.ResourceOptions(provider=provider(plane, **settings))
        k8s.core.v1.ConfigMap("it", metadata={"name": "it", "namespace": namespace}, data={}, opts=opts)

    return program


def _elsewhere(plane: ControlPlane) -> str:
    """The same cluster by another address, as when its endpoint moves."""
    return plane.contents().replace("https://127.0.0.1:", "https://localhost:")


def test_a_kubeconfig_may_be_given_by_its_contents(stack: Stack, east: ControlPlane, namespace: str) -> None:
    """As a secret it is in the state, encrypted."""
    stack.up(_program(east, namespace, secret=east.contents()))
    assert east.get("configmap", "it", namespace) is not None
    token = json.loads(east.contents())["users"][0]["user"]["token"]
    assert token not in stack.state()


def test_with_an_identifier_another_kubeconfig_replaces_nothing(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """The cluster is known by its name, wherever it is reached."""
    stack.up(_program(east, namespace, kubeconfig=east.contents()))
    run = stack.up(_program(east, namespace, kubeconfig=_elsewhere(east)))
    assert run.ops == {"it": "same"}


def test_without_an_identifier_another_server_replaces_everything(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """The provider takes it for another cluster."""
    stack.up(_program(east, namespace, kubeconfig=east.contents(), cluster_identifier=None))
    preview = stack.preview(_program(east, namespace, kubeconfig=_elsewhere(east), cluster_identifier=None))
    assert preview.ops == {"it": "replace"}


def test_another_identifier_is_another_cluster(stack: Stack, east: ControlPlane, namespace: str) -> None:
    """All that the provider made is to be made anew there."""
    stack.up(_program(east, namespace))
    assert stack.preview(_program(east, namespace, cluster_identifier="other")).ops == {"it": "replace"}


def test_a_context_that_is_not_in_the_kubeconfig_is_an_error(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """The message names the context, and no credentials."""
    said = stack.fails(_program(east, namespace, context="nowhere"))
    assert "nowhere" in said
    assert json.loads(east.contents())["users"][0]["user"]["token"] not in said
