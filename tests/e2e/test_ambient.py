"""Two ambient clusters: all that there is of them without a ztunnel, and what is refused.

With a ztunnel (see `tests/e2e/ambient.py`) the same holds; calls are in `test_ambient_traffic.py`.
"""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.ambient import GATEWAY, NAMES, ambient_view
from tests.e2e.faults import SYSTEM, feed
from tests.e2e.kube import Kube, eventually, strangers
from tests.e2e.stack import Stack

pytestmark = pytest.mark.ambient

View = Callable[[str], Kube]
_GATEWAYS = "gateways.gateway.networking.k8s.io"
_GLOBAL = {"istio.io/global": "true"}


@pytest.fixture
def shop(ambient: Stack, kube: View) -> Iterator[None]:
    """Have a service in both clusters whose pods are not enrolled, and which is not global."""
    metadata = {"name": "cart", "namespace": "shop", "labels": {"app": "cart"}}
    container = {"name": "cart", "image": "localhost/helloworld:1", "imagePullPolicy": "Never"}
    template = {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [container]}}
    deployment = {"selector": {"matchLabels": {"app": "cart"}}, "template": template}
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": "cart"}, "ports": [{"name": "http", "port": 5000}]},
        },
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
    ]
    for name in NAMES:
        for document in objects:
            feed(kube(name), "apply", document)
        kube(name).kubectl("rollout", "status", "--namespace=shop", "deployment/cart", "--timeout=60s")
    yield
    for name in NAMES:
        kube(name).kubectl("delete", "namespace", "shop")


def test_control_plane_agent_and_gateway_of_each_cluster_are_ready(ambient: Stack, kube: View) -> None:
    """The gateway has an address and pods, and has rejected nothing of its configuration."""
    described = ambient.outputs()["clusters"]
    for name in NAMES:
        kube(name).kubectl("rollout", "status", "daemonset/istio-cni-node", f"-n={SYSTEM}", "--timeout=60s")
        gateway = kube(name).get(_GATEWAYS, GATEWAY, f"--namespace={SYSTEM}")
        conditions = {c["type"]: c["status"] for c in gateway["status"]["conditions"]}
        assert conditions["Programmed"] == "True", conditions
        [address] = gateway["status"]["addresses"]
        assert described[name]["gatewayAddresses"] == [f"{address['value']}:15008"]
        assert kube(name).get("deployment", GATEWAY, f"--namespace={SYSTEM}")["status"]["readyReplicas"] == 1
        log = kube(name).kubectl("logs", f"--namespace={SYSTEM}", f"deployment/{GATEWAY}")
        assert "rejected" not in log
        assert kube(name).istioctl("remote-clusters").count("synced") == len(NAMES)


def test_the_gateway_api_of_others_stays_theirs(ambient: Stack) -> None:
    """West had the definitions before; in east they are of the stack."""
    names = {urn.rpartition("::")[2] for urn in ambient.resources()}
    assert f"east-gateway-api-{_GATEWAYS}" in names
    assert not [name for name in names if name.startswith("west-gateway-api-")]


def test_a_second_update_has_nothing_to_do(ambient: Stack) -> None:
    """Nor has something changed by itself."""
    ambient.pulumi("preview", "--refresh", "--expect-no-changes")


@pytest.mark.usefixtures("shop")
def test_a_service_is_seen_in_the_other_cluster_where_it_is_global_in_both(kube: View) -> None:
    """With the gateway that leads to it, by which its pods are one endpoint."""
    east, west = kube("east"), kube("west")
    label = ("label", "--namespace=shop", "service/cart", "--overwrite")
    west.kubectl(*label, "istio.io/global=true")
    east.kubectl(*label, "istio.io/global=true")
    eventually(lambda: _ways(east) == {"net-west"}, lambda: _ways(east))
    eventually(lambda: _ways(west) == {"net-east"}, lambda: _ways(west))
    west.kubectl(*label, "istio.io/global=false")
    eventually(lambda: _ways(east) == set(), lambda: _ways(east))


@pytest.mark.usefixtures("shop")
def test_ambient_is_not_taken_from_under_enrolled_pods(ambient: Stack, kube: View) -> None:
    """The cluster and the namespace are named, and nothing is changed.

    The pod is on another node: the agent of this one would see that it is not enrolled.
    """
    before = ambient.config()
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "enrolled",
            "namespace": "shop",
            "annotations": {"ambient.istio.io/redirection": "enabled"},
        },
        "spec": {
            "nodeName": "another-node",
            "containers": [{"name": "cart", "image": "localhost/helloworld:1", "imagePullPolicy": "Never"}],
        },
    }
    feed(kube("west"), "create", pod)
    config = copy.deepcopy(before)
    config["clusters"]["west"]["dataPlane"] = "sidecar"
    ambient.configure(config)
    try:
        done = ambient.pulumi("preview", check=False)
    finally:
        ambient.configure(before)
    assert done.returncode != 0
    _, _, said = done.stdout.partition("Diagnostics:")
    assert "clusters.west.dataPlane" in said, done.stdout
    assert "shop" in said, done.stdout


def test_the_removal_leaves_only_what_others_may_use(ambient: Stack, kube: View, used_after: bool) -> None:
    """The definitions of the Gateway API, and what Istio itself leaves."""
    ambient.destroy()
    for name in NAMES:
        left = {item for item in strangers(kube(name).objects()) if "istio" in item or "gateway" in item}
        assert {item for item in left if "gateway.networking.k8s.io" not in item} == set()
        assert any(_GATEWAYS in item for item in left), left
        assert kube(name).releases() == {}
    if used_after:
        ambient.up()


def _ways(kube: Kube) -> set[str]:
    """The networks of other clusters in which istiod tells ztunnels of pods of the service."""
    host = "shop/cart.shop.svc.cluster.local"
    found: list[dict[str, Any]] = ambient_view(kube)["workloads"]
    return {w["network"] for w in found if host in w.get("services", {}) and "networkGateway" in w}
