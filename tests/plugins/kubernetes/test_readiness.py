"""What pulumi-kubernetes waits for, and what it does when that does not come."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pulumi
import pulumi_kubernetes as k8s

from tests.plugins.engine import Program, Stack
from tests.plugins.kubernetes.control_plane import ControlPlane
from tests.plugins.kubernetes.programs import options

_PATIENCE = pulumi.CustomTimeouts(create="6s", update="6s")


def _with_patience(plane: ControlPlane) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(options(plane), pulumi.ResourceOptions(custom_timeouts=_PATIENCE))


def _deployment(plane: ControlPlane, namespace: str, replicas: int) -> Program:
    labels = {"app": "it"}
    return lambda: k8s.apps.v1.Deployment(
        "it",
        metadata={"name": "it", "namespace": namespace},
        spec={
            "replicas": replicas,
            "selector": {"match_labels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "it", "image": "example.com/it"}]},
            },
        },
        opts=_with_patience(plane),
    )


def _balancer(plane: ControlPlane, namespace: str) -> Program:
    def program() -> None:
        service = k8s.core.v1.Service(
            "it",
            metadata={"name": "it", "namespace": namespace},
            spec={"type": "LoadBalancer", "ports": [{"port": 80}]},
            opts=_with_patience(plane),
        )
        pulumi.export("address", service.status.load_balancer.ingress[0].ip)

    return program


@contextlib.contextmanager
def _load_balancer(plane: ControlPlane, namespace: str, address: str) -> Iterator[None]:
    """Give the service an address a second after it has been made."""

    def give() -> None:
        while plane.get("service", "it", namespace) is None:
            time.sleep(0.2)
        time.sleep(1)
        plane.patch_status("service", "it", namespace, {"loadBalancer": {"ingress": [{"ip": address}]}})

    thread = threading.Thread(target=give)
    thread.start()
    yield
    thread.join()


def test_a_token_secret_is_awaited_until_it_is_filled(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """Its token is there for other resources in the same run."""

    def program() -> None:
        opts = options(east)
        account = k8s.core.v1.ServiceAccount(
            "account", metadata={"name": "account", "namespace": namespace}, opts=opts
        )
        token = k8s.core.v1.Secret(
            "token",
            type="kubernetes.io/service-account-token",
            metadata={
                "name": "token",
                "namespace": namespace,
                "annotations": {"kubernetes.io/service-account.name": account.metadata.name},
            },
            opts=opts,
        )
        pulumi.export("keys", token.data.apply(sorted))
        pulumi.export("token", token.data["token"])

    run = stack.up(program)
    assert {"namespace", "token"} <= set(run.outputs["keys"])
    assert "token" in run.secret_outputs
    assert stack.up(program).ops == {"account": "same", "token": "same"}


def test_a_service_is_awaited_until_it_has_an_address(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """The address is there for other resources in the same run."""
    with _load_balancer(east, namespace, "192.0.2.7"):
        assert stack.up(_balancer(east, namespace)).outputs == {"address": "192.0.2.7"}


def test_a_service_without_an_address_fails_and_is_taken_up_again(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """It is in state though it failed, so the next run waits for it and does not make it again."""
    said = stack.fails(_balancer(east, namespace))
    assert "Service was not allocated an IP address" in said
    assert stack.resource("it")["initErrors"]
    east.patch_status("service", "it", namespace, {"loadBalancer": {"ingress": [{"ip": "192.0.2.8"}]}})
    run = stack.up(_balancer(east, namespace))
    assert run.ops == {"it": "update"}
    assert run.outputs == {"address": "192.0.2.8"}
    assert "initErrors" not in stack.resource("it")


def test_a_deployment_that_does_not_get_ready_fails_with_the_reason(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """Without nodes no replica comes up; asked for none, it is ready."""
    said = stack.fails(_deployment(east, namespace, 1))
    assert "timed out waiting" in said
    assert "[Pod" in said or "MinimumReplicasUnavailable" in said or "0 of 1" in said
    assert stack.resource("it")["initErrors"]
    assert stack.up(_deployment(east, namespace, 0)).ops == {"it": "update"}
    assert "initErrors" not in stack.resource("it")


def test_waiting_can_be_switched_off_for_an_object(stack: Stack, east: ControlPlane, namespace: str) -> None:
    """With the annotation skipAwait the object is as good as ready."""

    def program() -> None:
        k8s.core.v1.Service(
            "it",
            metadata={
                "name": "it",
                "namespace": namespace,
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec={"type": "LoadBalancer", "ports": [{"port": 80}]},
            opts=options(east),
        )

    assert stack.up(program).ops == {"it": "create"}
    assert stack.up(program).ops == {"it": "same"}


def test_a_server_that_is_away_for_a_moment_does_not_lose_the_object(
    stack: Stack, east: ControlPlane, namespace: str
) -> None:
    """It was made already: it is awaited until the server is back, or kept in state as not ready."""

    def interrupt() -> None:
        while east.get("service", "it", namespace) is None:
            time.sleep(0.2)
        with east.stopped():
            time.sleep(1)
        east.patch_status("service", "it", namespace, {"loadBalancer": {"ingress": [{"ip": "192.0.2.5"}]}})

    def program() -> None:
        k8s.core.v1.Service(
            "it",
            metadata={"name": "it", "namespace": namespace},
            spec={"type": "LoadBalancer", "ports": [{"port": 80}]},
            opts=options(east),
        )

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        assert stack.up(program).ops == {"it": "create"}
    finally:
        thread.join()
