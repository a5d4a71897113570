"""Names and addresses of sandboxes and clusters, without a machine."""

import dataclasses
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path

import pytest

from sandbox.cluster.layout import (
    API_SERVICE_ADDRESS,
    CANDIDATE_RANGES,
    MOST_CLUSTERS,
    POD_RANGE,
    SERVICE_RANGE,
    SHARED_RANGES,
    ClusterLayout,
    Instance,
    Sandbox,
    check_name,
    free_index,
    free_subnet,
)
from sandbox.cluster.surroundings import Surroundings
from sandbox.errors import SandboxError


def _instance(state: str = "/somewhere/.sandbox", subnet: str = "172.30.7.0/24") -> Instance:
    return Instance(state=Path(state), subnet=IPv4Network(subnet))


def _layouts() -> list[ClusterLayout]:
    return [ClusterLayout(instance=_instance(), name=f"c{i}", index=i) for i in range(MOST_CLUSTERS)]


def test_no_two_clusters_of_a_sandbox_share_an_address():
    """Nodes and load balancers have each their own, and none has the machine's or the broadcast's."""
    addresses = [a for c in _layouts() for a in (c.node_address, *c.load_balancer_addresses)]
    assert len(set(addresses)) == len(addresses) == 4 * MOST_CLUSTERS
    assert all(IPv4Address(address) in IPv4Network("172.30.7.0/24") for address in addresses)
    assert not {"172.30.7.0", "172.30.7.1", "172.30.7.255"} & set(addresses)


def test_fifty_clusters_have_room():
    """The largest mesh that the product speaks of fits into one sandbox."""
    assert MOST_CLUSTERS >= 50


def test_link_names_are_never_longer_than_linux_allows():
    """Fifteen characters are the kernel's limit (IFNAMSIZ)."""
    assert max(len(cluster.link) for cluster in _layouts()) <= 15


def test_two_state_folders_have_no_name_in_common():
    """Bridge, cgroup and links of two checkouts differ."""
    one, other = Sandbox(state=Path("/a/.sandbox")), Sandbox(state=Path("/b/.sandbox"))
    assert one.bridge != other.bridge
    assert one.cgroup != other.cgroup


def test_sandboxes_keep_away_from_the_ranges_inside_of_clusters():
    """A node's address must not be mistaken for a pod or a Service."""
    for candidate in CANDIDATE_RANGES:
        assert not candidate.overlaps(IPv4Network(POD_RANGE))
        assert not candidate.overlaps(IPv4Network(SERVICE_RANGE))
        assert not candidate.overlaps(SHARED_RANGES)


def test_addresses_of_ipv6_are_as_many_as_those_of_ipv4_and_in_the_range_of_the_sandbox():
    """Two state folders have two ranges."""
    clusters = [dataclasses.replace(c, surroundings=Surroundings(dual_stack=True)) for c in _layouts()]
    pairs = {c.node_address: c.node_address_v6 for c in clusters}
    for cluster in clusters:
        pairs.update(cluster.load_balancer_addresses_v6)
    assert len(pairs) == len(set(pairs.values())) == 4 * MOST_CLUSTERS
    assert all(IPv6Address(address) in _instance().subnet_v6 for address in pairs.values() if address)
    assert _instance("/a").subnet_v6 != _instance("/b").subnet_v6
    assert _layouts()[0].node_address_v6 is None


def test_clusters_have_the_same_pod_range_unless_they_share_a_network():
    """On a network, and across networks, no two pods have one address."""
    alone = {cluster.pod_range for cluster in _layouts()}
    assert alone == {POD_RANGE}
    shared = [
        IPv4Network(dataclasses.replace(cluster, network_number=number).pod_range)
        for cluster in _layouts()
        for number in (0, MOST_CLUSTERS - 1)
    ]
    assert len(set(shared)) == 2 * MOST_CLUSTERS
    assert not [pods for pods in shared if pods.overlaps(IPv4Network(POD_RANGE)) or pods.prefixlen != 24]
    assert not [pods for pods in shared if pods.overlaps(IPv4Network(SERVICE_RANGE))]


def test_each_cluster_of_a_network_knows_the_way_to_all_others():
    """Also to those that are started later; and none leads to itself."""
    members = [dataclasses.replace(cluster, network_number=1) for cluster in _layouts()]
    for cluster in (members[0], members[-1]):
        others = [other for other in members if other != cluster]
        assert cluster.pod_routes == {other.pod_range: other.node_address for other in others}
    assert _layouts()[0].pod_routes == {}


def test_the_api_server_is_the_first_service_of_the_range():
    """Kubernetes takes that address for itself, and the certificate has to name it."""
    assert IPv4Address(API_SERVICE_ADDRESS) == IPv4Network(SERVICE_RANGE)[1]


def test_a_subnet_that_overlaps_a_route_is_passed_over():
    """Wider and narrower routes both count as taken."""
    taken = [IPv4Network("172.30.0.0/23"), IPv4Network("172.30.2.128/25")]
    assert free_subnet(taken, None) == IPv4Network("172.30.3.0/24")


def test_a_remembered_subnet_is_kept_while_it_is_free():
    """Clusters keep their addresses from boot to boot."""
    remembered = IPv4Network("172.29.9.0/24")
    assert free_subnet([], remembered) == remembered
    assert free_subnet([IPv4Network("172.29.9.7/32")], remembered) == IPv4Network("172.30.0.0/24")


def test_a_machine_without_a_free_subnet_is_told_so():
    """The error names where was looked."""
    with pytest.raises(SandboxError, match=r"172\.30\.0\.0/16"):
        free_subnet(list(CANDIDATE_RANGES), None)


def test_the_lowest_free_index_is_used_again():
    """Stopping a cluster gives its addresses back."""
    assert free_index({0, 2}) == 1
    with pytest.raises(SandboxError, match="no address for another"):
        free_index(set(range(MOST_CLUSTERS)))


@pytest.mark.parametrize("name", ["east", "a", "eu-west-1", "1", "x" * 40])
def test_dns_labels_name_clusters(name: str):
    """What Kubernetes takes for a node's name is taken here."""
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "East", "-a", "a-", "a_b", "../x", "a.b", "x" * 41, "a\n"])
def test_other_names_are_refused_with_an_example(name: str):
    """A name becomes a folder, a cgroup and a host name, so nothing else gets through."""
    with pytest.raises(SandboxError, match="for example: east"):
        check_name(name)
