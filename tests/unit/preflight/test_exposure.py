"""Which Services are exposed by their labels, and of which that is not known."""

from typing import Any

import pytest

from mesh.live.facts import LabelledServices
from mesh.preflight.exposure import hosts, problems
from mesh.stacks.state import ISTIO_GATEWAY, RecordedResource, RecordedState
from tests.builders.stacks import stack_config

_CONFIG = stack_config(
    {"east": {}, "west": {"exposure": {"hosts": ["*.local"]}}, "north": {"offline": True}},
    exposure={"labels": {"a": "b"}},
)
_OLD = "old.shop.svc.cluster.local"


def _state(found: object) -> RecordedState:
    spec: dict[str, Any] = {"servers": [{"hosts": found}]}
    gateway = RecordedResource(
        urn=f"urn::{ISTIO_GATEWAY}::east-cross-network-gateway", type=ISTIO_GATEWAY, outputs={"spec": spec}
    )
    return RecordedState(resources=(gateway,))


def test_services_are_exposed_by_their_hosts() -> None:
    """In the clusters that expose some by labels; one that is away is declared as it is."""
    services = LabelledServices(names=(("cart", "shop"), ("pay", "web")))
    assert hosts(_CONFIG, {"east": services}, _state([_OLD])) == {
        "east": ("cart.shop.svc.cluster.local", "pay.web.svc.cluster.local")
    }
    assert hosts(_CONFIG, {"east": LabelledServices()}, _state([_OLD])) == {"east": ()}


@pytest.mark.parametrize("found", [{}, {"east": LabelledServices(unreachable="timed out")}])
def test_a_cluster_that_gives_no_answer_keeps_the_services_that_the_state_has(
    found: dict[str, LabelledServices],
) -> None:
    """Not the hosts that the stack file had: those it says by itself."""
    recorded = _state([_OLD, "*.web.svc.cluster.local", "a.example.com"])
    assert hosts(_CONFIG, found, recorded) == {"east": (_OLD,)}


@pytest.mark.parametrize("secret", ["[secret]", {"4dabf18193072939515e22adb298388d": "1"}, [{"4dab": "1"}]])
def test_hosts_that_are_encrypted_in_the_state_are_not_known(secret: object) -> None:
    """Nor those of a cluster that the state does not have."""
    assert hosts(_CONFIG, {}, _state(secret)) == {"east": ()}
    assert hosts(_CONFIG, {}, RecordedState()) == {"east": ()}


def test_services_that_may_not_be_read_are_a_problem() -> None:
    """At the setting that needs them."""
    found = {"east": LabelledServices(refused="HTTP 403"), "west": LabelledServices(unreachable="timed out")}
    assert [str(problem) for problem in problems(_CONFIG, found)] == [
        "exposure.labels: the Services of east cannot be read: HTTP 403; expected a user in the kubeconfig "
        "who may list Services in all namespaces"
    ]
