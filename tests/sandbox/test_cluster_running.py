"""Clusters as a user finds them: pods, names, load balancers, and walls between clusters."""

import json
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.cluster import Cluster, find, namespaces, start
from sandbox.cluster.settings import CNI_PROGRAMS, CNI_SETTINGS, NODE_GRACE
from tests.fixtures import GetService, Kubectl
from tests.sandbox.conftest import answer_of, call


def _address(service: dict) -> str:
    return service["status"]["loadBalancer"]["ingress"][0]["ip"]


def _eventually(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


@pytest.fixture
def peers(lab: Mapping[str, Cluster]) -> tuple[Cluster, Cluster]:
    """Return both clusters of the lab."""
    return lab["lab-a"], lab["lab-b"]


@pytest.fixture
def extra_services(peers: tuple[Cluster, Cluster], kubectl: Kubectl) -> Iterator[list[str]]:
    """Name Services of lab-a that a test may make; they are deleted after it."""
    names = ["extra-1", "extra-2", "extra-3"]
    yield names
    kubectl(peers[0], "delete", "service", "--ignore-not-found", *names)


def test_pods_resolve_names_and_call_services(peers: tuple[Cluster, Cluster], kubectl: Kubectl):
    """Short and full names of a Service lead to its own cluster's pod."""
    for cluster in peers:
        for name in ("hello", "hello.default.svc.cluster.local"):
            assert answer_of(cluster) in call(kubectl, cluster, f"{name}:5000")


def test_load_balancer_addresses_answer_from_everywhere(
    peers: tuple[Cluster, Cluster], kubectl: Kubectl, service: GetService
):
    """From this machine, from the cluster's own pods, and from pods of the other cluster."""
    for cluster in peers:
        address = f"{_address(service(cluster, 'hello'))}:5000"
        host = subprocess.run(
            ["curl", "-sm5", f"http://{address}/hello"], capture_output=True, text=True, check=True
        )
        assert answer_of(cluster) in host.stdout
        for caller in peers:
            assert answer_of(cluster) in call(kubectl, caller, address)


def test_an_address_is_taken_back_with_its_service(
    peers: tuple[Cluster, Cluster], kubectl: Kubectl, service: GetService, extra_services: list[str]
):
    """With all addresses in use one Service waits, and gets what another gives back."""
    cluster = peers[0]
    for name in extra_services:
        kubectl(cluster, "create", "service", "loadbalancer", name, "--tcp=80:5000")
    held = [
        name for name in extra_services if _eventually(lambda n=name: bool(_ingress(service, cluster, n)), 3)
    ]
    assert len(held) == len(cluster.load_balancer_addresses) - 1, "one address is that of the Service hello"
    (waiting,) = set(extra_services) - set(held)
    freed = _address(service(cluster, held[0]))
    kubectl(cluster, "patch", "service", held[0], "--patch", '{"spec": {"type": "ClusterIP"}}')
    assert _eventually(lambda: bool(_ingress(service, cluster, waiting)), 10)
    assert _address(service(cluster, waiting)) == freed
    assert not _ingress(service, cluster, held[0])


def _ingress(service: GetService, cluster: Cluster, name: str) -> list[Any]:
    return service(cluster, name)["status"]["loadBalancer"].get("ingress", [])


def test_node_ports_of_another_cluster_are_refused(
    peers: tuple[Cluster, Cluster], kubectl: Kubectl, service: GetService
):
    """By the node's address and by the load balancer's; this machine may call them, so they do exist."""
    ours, theirs = peers
    port = service(theirs, "hello")["spec"]["ports"][0]["nodePort"]
    host = subprocess.run(
        ["curl", "-sm5", f"http://{theirs.node_address}:{port}/hello"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer_of(theirs) in host.stdout
    for address in (theirs.node_address, theirs.load_balancer_addresses[0]):
        assert "Couldn't connect" in call(kubectl, ours, f"{address}:{port}")


def test_the_kubelet_of_another_cluster_is_refused(peers: tuple[Cluster, Cluster], kubectl: Kubectl):
    """Its own cluster's pods reach it, and are asked who they are."""
    ours, theirs = peers
    assert "Couldn't connect" in call(kubectl, ours, f"{theirs.node_address}:10250")
    assert "Client sent an HTTP request to an HTTPS server" in call(
        kubectl, theirs, f"{theirs.node_address}:10250"
    )


def test_api_servers_answer_to_other_clusters(peers: tuple[Cluster, Cluster], kubectl: Kubectl):
    """Peers find it under the address that the kubeconfig has."""
    ours, theirs = peers
    argv = ["curl", "--silent", "--insecure", "--max-time", "5", f"{theirs.server}/version"]
    assert json.loads(kubectl(ours, "exec", "client", "--", *argv))["major"] == "1"


def test_pods_of_another_cluster_cannot_be_routed_to(peers: tuple[Cluster, Cluster], kubectl: Kubectl):
    """Not even with a route over the other node, set by hand: its door refuses that."""
    ours, theirs = peers
    pod = kubectl(theirs, "get", "pods", "--selector=app=hello", "--output=jsonpath={.items[0].status.podIP}")
    assert theirs.run(["curl", "-sm5", f"http://{pod}:5000/hello"]).stdout.startswith(answer_of(theirs))
    ours.run(["ip", "route", "add", f"{pod}/32", "via", theirs.node_address])
    try:
        refused = ours.run(["curl", "-sSm5", f"http://{pod}:5000/hello"])
    finally:
        ours.run(["ip", "route", "delete", f"{pod}/32", "via", theirs.node_address])
    assert refused.returncode == 7, refused.stderr


@pytest.mark.parametrize("folder", [CNI_PROGRAMS, CNI_SETTINGS])
def test_agents_of_a_node_write_to_its_own_cni_folders(peers: tuple[Cluster, Cluster], folder: str):
    """Istio's puts a plugin there: not into another cluster, and not on this machine."""
    ours, theirs = peers
    plugin = namespaces.view(ours.layout, f"{folder}/of-an-agent")
    plugin.touch()
    try:
        assert not namespaces.view(theirs.layout, f"{folder}/of-an-agent").exists()
        assert not Path(folder, "of-an-agent").exists()
    finally:
        plugin.unlink()


def test_a_start_of_running_clusters_changes_nothing_and_is_quick(peers: tuple[Cluster, Cluster]):
    """Same processes before and after; a second is usual, and a busy machine has some more."""
    before = [cluster.processes() for cluster in peers]
    began = time.monotonic()
    start([cluster.name for cluster in peers])
    assert time.monotonic() - began < 8
    assert [cluster.processes() for cluster in peers] == before


def test_clusters_are_found_by_name(peers: tuple[Cluster, Cluster]):
    """What a later program finds is what the start gave."""
    assert {cluster.name: cluster for cluster in peers}.items() <= find().items()


def test_the_kubeconfig_has_a_context_for_each_cluster_and_is_private(peers: tuple[Cluster, Cluster]):
    """Contexts are named as the clusters, servers are no loopback, tokens differ."""
    path = peers[0].kubeconfig
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    content = yaml.safe_load(path.read_text())
    assert {"lab-a", "lab-b"} <= {context["name"] for context in content["contexts"]}
    servers = {entry["name"]: entry["cluster"]["server"] for entry in content["clusters"]}
    assert [servers[cluster.name] for cluster in peers] == [cluster.server for cluster in peers]
    tokens = [entry["user"]["token"] for entry in content["users"]]
    assert len(set(tokens)) == len(tokens)
    assert all(len(token) >= 40 for token in tokens)


def test_credentials_are_in_private_files_only(peers: tuple[Cluster, Cluster]):
    """Nobody else may read a key, a kubeconfig or a setting, and arguments hold no token."""
    for cluster in peers:
        token = next(
            entry["user"]["token"]
            for entry in yaml.safe_load(cluster.kubeconfig.read_text())["users"]
            if entry["name"] == cluster.name
        )
        folder = cluster.layout.folder
        private = [
            *(folder / "pki").iterdir(),
            *(folder / "settings").iterdir(),
            *(folder / "logs").iterdir(),
        ]
        assert [file for file in private if file.stat().st_mode & 0o077] == []
        for pid in cluster.processes().values():
            with open(f"/proc/{pid}/cmdline", "rb") as arguments:  # noqa: PTH123 - a file of the kernel's
                assert token.encode() not in arguments.read()
        holders = [file for file in folder.rglob("*") if _contains(file, token)]
        assert holders == [folder / "kubeconfig"]


def _contains(file: Path, text: str) -> bool:
    if "containerd" in file.parts or file.is_symlink() or not file.is_file():
        return False
    return text.encode() in file.read_bytes()


def test_secrets_are_encrypted_in_etcd(peers: tuple[Cluster, Cluster], kubectl: Kubectl):
    """A Secret's value is in none of etcd's files, while a ConfigMap's is."""
    cluster = peers[0]
    kubectl(cluster, "create", "secret", "generic", "hidden", "--from-literal=key=value-of-a-secret")
    kubectl(cluster, "create", "configmap", "open", "--from-literal=key=value-of-a-configmap")
    try:
        data = b"".join(
            file.read_bytes() for file in (cluster.layout.folder / "etcd").rglob("*") if file.is_file()
        )
    finally:
        kubectl(cluster, "delete", "secret/hidden", "configmap/open")
    assert b"value-of-a-configmap" in data
    assert b"value-of-a-secret" not in data


def test_a_changed_secret_reaches_its_pod_within_seconds(peers: tuple[Cluster, Cluster], kubectl: Kubectl):
    """Rotated certificates need not wait for the kubelet's usual minute."""
    cluster = peers[0]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "reader"},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "reader",
                    "image": "localhost/client:1",
                    "command": ["sleep", "infinity"],
                    "volumeMounts": [{"name": "secret", "mountPath": "/secret"}],
                }
            ],
            "volumes": [{"name": "secret", "secret": {"secretName": "changing"}}],
        },
    }
    kubectl(cluster, "create", "secret", "generic", "changing", "--from-literal=key=old")
    try:
        kubectl(cluster, "create", "--filename=-", given=[pod])
        kubectl(cluster, "wait", "pod/reader", "--for=condition=Ready", "--timeout=120s")
        read = ("exec", "reader", "--", "cat", "/secret/key")
        assert kubectl(cluster, *read) == "old"
        kubectl(cluster, "patch", "secret", "changing", "--patch", '{"stringData": {"key": "new"}}')
        assert _eventually(lambda: kubectl(cluster, *read) == "new", 25)
    finally:
        kubectl(cluster, "delete", "pod/reader", "secret/changing")


def test_a_paused_cluster_does_not_answer_and_goes_on_afterwards(
    peers: tuple[Cluster, Cluster], kubectl: Kubectl, service: GetService
):
    """To its peers it is a machine that hangs: connections are not refused, and nothing comes back."""
    ours, theirs = peers
    address = f"{_address(service(theirs, 'hello'))}:5000"
    theirs.pause()
    try:
        assert "timed out" in call(kubectl, ours, address)
    finally:
        theirs.resume()
    assert _eventually(lambda: answer_of(theirs) in call(kubectl, ours, address), 30)


def test_a_node_without_kubelet_is_noticed(peers: tuple[Cluster, Cluster], kubectl: Kubectl):
    """Kubernetes says so after the grace period that the settings name, not after the usual minute."""
    cluster = peers[1]
    cluster.stop_process("kubelet")
    try:
        condition = "--output=jsonpath={.items[0].status.conditions[?(@.type=='Ready')].status}"
        noticed = _eventually(lambda: kubectl(cluster, "get", "nodes", condition) == "Unknown", 40)
    finally:
        start([cluster.name])
    assert noticed, f"the node was still ready, long after {NODE_GRACE}"
