"""Clusters that reach each other in different ways, all in one mesh: it works, and what breaks it is named.

`tests/e2e/reach.py` says what is between them. The relay has tests of its own, in `test_relay.py`.
"""

from collections.abc import Callable, Iterator

import pytest

from sandbox import cluster
from sandbox.cluster import Cluster
from tests.e2e.faults import check, passes, sees
from tests.e2e.kube import Kube
from tests.e2e.reach import AROUND
from tests.e2e.stack import Stack

pytestmark = pytest.mark.reach


@pytest.fixture(scope="module")
def clusters(reach: Stack) -> dict[str, Cluster]:
    """Return the clusters of the mesh by name."""
    found = cluster.find()
    return {name: found[name] for name in AROUND}


@pytest.fixture
def repaired(reach: Stack) -> Iterator[None]:
    """Put back what is between the clusters; then everything is right again."""
    yield
    cluster.start(AROUND)
    passes(reach)


def test_every_cluster_answers_every_cluster(reach: Stack) -> None:
    """Whatever is between them, and a second update has nothing to do."""
    passes(reach)
    code, report = check(reach)
    assert code == 0, report
    assert reach.preview() == []


def test_the_outputs_have_the_addresses_that_peers_use(
    reach: Stack, clusters: dict[str, Cluster], kube: Callable[[str], Kube]
) -> None:
    """Of the load balancer, none without a gateway, of the NAT, and of a node with its port."""
    described = reach.outputs()["clusters"]
    found = {name: described[name]["gatewayAddresses"] for name in AROUND}
    service = kube("south").get("service", "istio-eastwestgateway", "--namespace=istio-system")
    (port,) = [p["nodePort"] for p in service["spec"]["ports"] if p["port"] == 15443]
    (node,) = kube("south").get("nodes")["items"]
    (external,) = [a["address"] for a in node["status"]["addresses"] if a["type"] == "ExternalIP"]
    nat = clusters["north"].layout.nat
    assert nat
    assert found == {
        "east": [clusters["east"].load_balancer_addresses[0]],
        "west": [],
        "north": [f"{nat.address}:{nat.port}"],
        "south": [f"{external}:{port}"],
    }


@pytest.mark.usefixtures("repaired")
def test_a_closed_port_of_the_nat_is_named(reach: Stack, clusters: dict[str, Cluster]) -> None:
    """With the address that peers use, which the cluster itself does not know."""
    clusters["north"].close_nat()
    verdict = sees(reach, "east", "north", "gateway-port-unreachable")
    nat = clusters["north"].layout.nat
    assert nat
    assert f"{nat.address}:{nat.port}" in verdict.finding("east", "north")["message"]


@pytest.mark.usefixtures("repaired")
def test_a_route_between_pods_that_is_gone_is_named(reach: Stack, clusters: dict[str, Cluster]) -> None:
    """No gateway is between two clusters of one network, so nothing else could be."""
    clusters["east"].cut_route(clusters["west"])
    sees(reach, "east", "west", "network-route-missing")
