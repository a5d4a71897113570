"""What is between a cluster and its peers, where that is not the usual."""

import json
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from sandbox.cluster import Cluster, Surroundings, network, start, supplies
from sandbox.cluster.layout import ClusterLayout, Instance
from sandbox.cluster.settings import kube_proxy_file
from tests.fixtures import GetService, Kubectl, Start
from tests.sandbox.conftest import answer_of, call, populate

_CURL = ("curl", "--silent", "--show-error", "--max-time", "5")
_REFUSED_AT_ONCE = ("--tls-max", "1.2")
"""From TLS 1.3 on, a client may send its request before it hears that its certificate will not do."""

Through = Callable[..., str]

_AROUND = {
    "flat-a": Surroundings(network="eu", api_server="relay", load_balancer="hostname"),
    "flat-b": Surroundings(network="eu", api_server="proxy", nat="18443:5000"),
    "bare": Surroundings(load_balancer="none", external_ip=True, dual_stack=True),
    "both": Surroundings(dual_stack=True),
}


@pytest.fixture(scope="module")
def members(start_clusters: Start, kubectl: Kubectl) -> Mapping[str, Cluster]:
    """Return clusters with other surroundings than the usual, populated as those of the lab."""
    clusters = start_clusters(*_AROUND, around=_AROUND)
    populate(kubectl, clusters.values())
    return clusters


def _pod_address(kubectl: Kubectl, cluster: Cluster, pod: str) -> str:
    """Return the IP of the first pod with a label `app`, or of that name."""
    selected = ["--selector=app=hello"] if pod == "hello" else [f"--field-selector=metadata.name={pod}"]
    return kubectl(cluster, "get", "pods", *selected, "--output=jsonpath={.items[0].status.podIP}")


def test_pods_of_one_network_reach_each_other_by_their_own_addresses(
    members: Mapping[str, Cluster], kubectl: Kubectl
):
    """Both ways, and nothing is translated on the way: each sees the address of the pod that calls."""
    for ours, theirs in ((members["flat-a"], members["flat-b"]), (members["flat-b"], members["flat-a"])):
        pod = _pod_address(kubectl, theirs, "hello")
        assert answer_of(theirs) in call(kubectl, ours, f"{pod}:5000")
        caller = _pod_address(kubectl, ours, "client")
        count = theirs.run(["conntrack", "--dump", f"--src={caller}", f"--dst={pod}"]).stdout
        assert f"src={pod} dst={caller}" in count


def test_a_node_reaches_the_pods_of_its_network(members: Mapping[str, Cluster], kubectl: Kubectl):
    """As an API server does that calls a webhook in another cluster."""
    ours, theirs = members["flat-a"], members["flat-b"]
    pod = _pod_address(kubectl, theirs, "hello")
    assert answer_of(theirs) in ours.run(["curl", "-sSm5", f"http://{pod}:5000/hello"]).stdout


def test_a_network_keeps_the_others_out(
    members: Mapping[str, Cluster], lab: Mapping[str, Cluster], kubectl: Kubectl
):
    """A route that somebody sets by hand is refused at the door; NodePorts are shut to members, too."""
    stranger, member = lab["lab-a"], members["flat-a"]
    pod = _pod_address(kubectl, member, "hello")
    route = [f"{pod}/32", "via", member.node_address]
    stranger.run(["ip", "route", "add", *route])
    try:
        assert "Couldn't connect" in call(kubectl, stranger, f"{pod}:5000")
    finally:
        stranger.run(["ip", "route", "delete", *route])
    port = kubectl(member, "get", "service/hello", "--output=jsonpath={.spec.ports[0].nodePort}")
    assert "Couldn't connect" in call(kubectl, members["flat-b"], f"{member.node_address}:{port}")


def test_pods_of_a_network_still_call_what_is_outside_of_it(
    members: Mapping[str, Cluster], lab: Mapping[str, Cluster], kubectl: Kubectl
):
    """Under their node's address: nobody else has a way back to theirs."""
    outside = lab["lab-a"]
    address = kubectl(
        outside, "get", "service/hello", "--output=jsonpath={.status.loadBalancer.ingress[0].ip}"
    )
    assert answer_of(outside) in call(kubectl, members["flat-a"], f"{address}:5000")


def test_a_route_that_is_gone_comes_back_with_a_start(members: Mapping[str, Cluster], kubectl: Kubectl):
    """One side's route, that is, whose pods then get no answer any more."""
    ours, theirs = members["flat-a"], members["flat-b"]
    pod = _pod_address(kubectl, theirs, "hello")
    ours.cut_route(theirs)
    try:
        assert answer_of(theirs) not in call(kubectl, ours, f"{pod}:5000")
    finally:
        start([ours.name])
    assert answer_of(theirs) in call(kubectl, ours, f"{pod}:5000")


@pytest.fixture
def through_relay(members: Mapping[str, Cluster], lab: Mapping[str, Cluster]) -> Iterator[Through]:
    """Run kubectl as a peer with the relay's own kubeconfig; what it says, errors too."""
    relay = members["flat-a"].layout.relay

    def run(*arguments: str) -> str:
        argv = [str(supplies.bin_dir() / "kubectl"), f"--kubeconfig={relay / 'kubeconfig'}", *arguments]
        done = lab["lab-a"].run(argv)
        return done.stdout + done.stderr

    yield run
    start(["flat-a"])


@pytest.mark.parametrize("name", ["flat-a", "flat-b"])
def test_an_api_server_behind_a_relay_or_a_proxy_is_reached_by_nothing_else(
    members: Mapping[str, Cluster], lab: Mapping[str, Cluster], kubectl: Kubectl, name: str
):
    """Neither by pods nor by nodes of a peer; its own pods, and this machine, reach it."""
    member, peer = members[name], lab["lab-a"]
    url = [*_CURL, "--insecure", f"{member.server}/version"]
    assert "Couldn't connect" in kubectl(peer, "exec", "client", "--", *url, check=False)
    assert peer.run(url).returncode == 7
    assert "gitVersion" in kubectl(member, "exec", "client", "--", *url)


def test_a_relay_is_known_by_its_own_name_and_ca_and_knows_its_users(
    members: Mapping[str, Cluster], lab: Mapping[str, Cluster], kubectl: Kubectl, through_relay: Through
):
    """Pods of a peer resolve the name; no CA but the relay's will do, and nobody without a certificate."""
    layout, peer = members["flat-a"].layout, lab["lab-a"]
    by_name = layout.relay_server.replace(layout.node_address, layout.relay_name)
    url = [*_CURL, *_REFUSED_AT_ONCE, "--insecure", f"{by_name}/version"]
    assert "alert handshake failure" in kubectl(peer, "exec", "client", "--", *url, check=False)
    assert "certificate is valid for relay." in through_relay("get", "nodes", "--tls-server-name=kubernetes")
    wrong_ca = f"--certificate-authority={layout.pki / 'ca.crt'}"
    assert "certificate signed by unknown authority" in through_relay("get", "nodes", wrong_ca)
    assert not [file for file in layout.relay.iterdir() if file.stat().st_mode & 0o077]


def test_a_relay_hands_a_token_on_and_has_a_user_of_its_own(
    members: Mapping[str, Cluster], kubectl: Kubectl, through_relay: Through
):
    """So a reader stays who it is, and the relay's kubeconfig is enough for a person."""
    token = kubectl(members["flat-a"], "create", "token", "default").strip()
    assert "system:serviceaccount:default:default" in through_relay("auth", "whoami", f"--token={token}")
    assert "sandbox:relay-user" in through_relay("auth", "whoami")
    assert "Unauthorized" in through_relay("auth", "whoami", "--token=none")


def test_a_relay_lets_streams_through(
    members: Mapping[str, Cluster], lab: Mapping[str, Cluster], kubectl: Kubectl, through_relay: Through
):
    """A watch tells what happens while it lasts, and a command in a pod is an upgrade of the connection."""
    member = members["flat-a"]
    kubectl(member, "delete", "configmap", "late", "--ignore-not-found")
    with ThreadPoolExecutor() as pool:
        watch = pool.submit(through_relay, "wait", "--for=create", "configmap/late", "--timeout=20s")
        time.sleep(1)
        assert not watch.done()
        kubectl(member, "create", "configmap", "late")
        assert "condition met" in watch.result()
    assert through_relay("exec", "client", "--", "cat", "/etc/hostname") == "client\n"


def test_certificates_of_a_relay_expire_and_a_start_renews_them(
    members: Mapping[str, Cluster], through_relay: Through
):
    """Its own, which clients refuse, and that of its users, which it refuses."""
    member = members["flat-a"]
    member.issue_for_relay("server", timedelta(minutes=-1))
    assert "certificate has expired" in through_relay("get", "nodes")
    start([member.name])
    assert "Ready" in through_relay("get", "nodes")
    member.issue_for_relay("client", timedelta(minutes=-1))
    with pytest.raises(ssl.SSLError, match="ALERT_CERTIFICATE_EXPIRED"):
        _shake_hands(member)
    assert "Ready" not in through_relay("get", "nodes")
    start([member.name])
    assert "Ready" in through_relay("get", "nodes")


def test_a_killed_relay_comes_back(members: Mapping[str, Cluster], through_relay: Through):
    """As every part of a cluster; meanwhile, peers are refused."""
    member = members["flat-a"]
    member.stop_process("relay")
    assert "refused" in through_relay("get", "nodes")
    start([member.name])
    assert "Ready" in through_relay("get", "nodes")


def test_a_nat_is_the_only_way_to_a_load_balancer(
    members: Mapping[str, Cluster], lab: Mapping[str, Cluster], kubectl: Kubectl, service: GetService
):
    """For pods and nodes of a peer, and this machine; the cluster knows of its own address alone."""
    member, peer = members["flat-b"], lab["lab-a"]
    assert member.layout.nat
    outside = f"{member.layout.nat.address}:{member.layout.nat.port}"
    ingress = service(member, "hello")["status"]["loadBalancer"]["ingress"]
    assert [entry["ip"] for entry in ingress] == list(member.load_balancer_addresses)
    assert member.layout.nat.address not in member.load_balancer_addresses
    assert answer_of(member) in call(kubectl, peer, outside)
    curl = [*_CURL, f"http://{outside}/hello"]
    assert answer_of(member) in peer.run(curl).stdout
    assert answer_of(member) in subprocess.run(curl, capture_output=True, text=True, check=True).stdout
    assert "Couldn't connect" in call(kubectl, peer, f"{member.load_balancer_addresses[0]}:5000")


def test_a_nat_that_is_closed_opens_with_a_start(
    members: Mapping[str, Cluster], lab: Mapping[str, Cluster], kubectl: Kubectl
):
    """Calls are refused meanwhile, as where nobody listens."""
    member, peer = members["flat-b"], lab["lab-a"]
    assert member.layout.nat
    outside = f"{member.layout.nat.address}:{member.layout.nat.port}"
    member.close_nat()
    assert "Couldn't connect" in call(kubectl, peer, outside)
    start([member.name])
    assert answer_of(member) in call(kubectl, peer, outside)


def test_a_load_balancer_may_give_host_names(
    members: Mapping[str, Cluster], lab: Mapping[str, Cluster], kubectl: Kubectl, service: GetService
):
    """Pods of all clusters resolve and call them; this machine calls the address. NodePorts are as usual."""
    member = members["flat-a"]
    waited = "--for=jsonpath={.status.loadBalancer.ingress[0].hostname}"
    kubectl(member, "wait", "service/hello", waited, "--timeout=60s")
    (entry,) = service(member, "hello")["status"]["loadBalancer"]["ingress"]
    assert set(entry) == {"hostname"}
    for caller in (member, *lab.values()):
        assert answer_of(member) in call(kubectl, caller, f"{entry['hostname']}:5000")
    port = service(member, "hello")["spec"]["ports"][0]["nodePort"]
    here = [f"{member.load_balancer_addresses[0]}:5000", f"{member.node_address}:{port}"]
    for address in here:
        done = subprocess.run([*_CURL, f"http://{address}/hello"], capture_output=True, text=True, check=True)
        assert answer_of(member) in done.stdout
    assert "Couldn't connect" in call(kubectl, lab["lab-a"], here[1])


def test_a_cluster_without_load_balancer_is_reached_by_node_ports(
    members: Mapping[str, Cluster], lab: Mapping[str, Cluster], kubectl: Kubectl, service: GetService
):
    """At the node's ExternalIP, and no other port there. A Service of type LoadBalancer gets no address."""
    member, peer = members["bare"], lab["lab-a"]
    hello = service(member, "hello")
    assert hello["status"] == {"loadBalancer": {}}
    (node,) = json.loads(kubectl(member, "get", "nodes", "--output=json"))["items"]
    addresses = [(entry["type"], entry["address"]) for entry in node["status"]["addresses"]]
    assert ("InternalIP", member.node_address) in addresses
    (external,) = (address for kind, address in addresses if kind == "ExternalIP")
    port = hello["spec"]["ports"][0]["nodePort"]
    assert answer_of(member) in call(kubectl, peer, f"{external}:{port}")
    for closed in (f"{member.node_address}:{port}", f"{external}:5000"):
        assert "Couldn't connect" in call(kubectl, peer, closed)


def test_node_ports_without_external_ip_are_at_the_address_of_the_node():
    """As on bare metal."""
    around = Surroundings(load_balancer="none")
    instance = Instance(state=Path("/somewhere"), subnet=IPv4Network("172.30.7.0/24"))
    cluster = ClusterLayout(instance=instance, name="bare", index=0, surroundings=around)
    assert "ip daddr 172.30.7.4 tcp dport 30000-32767 accept" in network.rules(cluster)
    assert kube_proxy_file(cluster)["nodePortAddresses"] == ["172.30.7.4/32"]


def test_a_cluster_of_two_stacks_is_called_by_ipv6(
    members: Mapping[str, Cluster], kubectl: Kubectl, service: GetService
):
    """From this machine and from pods of another such cluster, by the load balancer or by a NodePort."""
    bare, both = members["bare"], members["both"]
    families = '{"spec": {"ipFamilyPolicy": "RequireDualStack"}}'
    for cluster in (bare, both):
        cluster.run(["ip", "-6", "neighbour", "flush", "dev", "eth0"])
        kubectl(cluster, "patch", "service", "hello", "--patch", families)
    second = "--for=jsonpath={.status.loadBalancer.ingress[1].ip}"
    kubectl(both, "wait", "service/hello", second, "--timeout=60s")
    v4, v6 = (entry["ip"] for entry in service(both, "hello")["status"]["loadBalancer"]["ingress"])
    assert both.layout.load_balancer_addresses_v6[v4] == v6
    port = service(bare, "hello")["spec"]["ports"][0]["nodePort"]
    for caller, callee, address in (
        (bare, both, f"[{v6}]:5000"),
        (both, bare, f"[{bare.layout.node_address_v6}]:{port}"),
    ):
        assert answer_of(callee) in call(kubectl, caller, address)
        argv = [*_CURL, f"http://{address}/hello"]
        assert answer_of(callee) in subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    port = service(both, "hello")["spec"]["ports"][0]["nodePort"]
    assert "Couldn't connect" in call(kubectl, bare, f"[{both.layout.node_address_v6}]:{port}")


def _shake_hands(cluster: Cluster) -> None:
    """Connect to a relay as its user, and no further."""
    layout = cluster.layout
    context = ssl.create_default_context(cafile=str(layout.relay / "ca.crt"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(layout.relay / "client.crt", layout.relay / "client.key")
    connection = socket.create_connection((layout.node_address, layout.api_port), 5)
    with connection, context.wrap_socket(connection, server_hostname=layout.relay_name):
        pass


def test_a_proxy_connects_to_its_api_server_and_to_nothing_else(
    members: Mapping[str, Cluster], lab: Mapping[str, Cluster]
):
    """Its TLS is the API server's own."""
    member, peer = members["flat-b"], lab["lab-a"]
    curl = [*_CURL, "--proxy", member.layout.proxy_url]
    trust = ["--cacert", str(member.layout.pki / "ca.crt")]
    assert "gitVersion" in peer.run([*curl, *trust, f"{member.server}/version"]).stdout
    assert "404" in peer.run([*curl, *trust, f"https://{member.node_address}:10250"]).stderr
