"""Whatever is broken in a cluster, the next start repairs it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.cluster import (
    Cluster,
    Surroundings,
    cgroups,
    chart_repository,
    find,
    memory,
    named,
    namespaces,
    network,
    processes,
    start,
)
from sandbox.cluster.settings import CNI_SETTINGS
from sandbox.cluster.system import run
from tests.fixtures import Kubectl, Start

_PARTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "containerd",
    "load-balancer",
)


@pytest.fixture(scope="module")
def patient(start_clusters: Start, kubectl: Kubectl) -> Cluster:
    """Return a cluster to be broken, which remembers something."""
    cluster = start_clusters("lab-c")["lab-c"]
    kubectl(cluster, "create", "configmap", "memory", "--from-literal=of=before")
    return cluster


def _assert_well(cluster: Cluster, kubectl: Kubectl) -> None:
    """A new pod runs to its end, what was stored is there, and a Service gets an address."""
    assert sorted(cluster.processes()) == sorted([*_PARTS, "init"])
    assert kubectl(cluster, "get", "configmap", "memory", "--output=jsonpath={.data.of}") == "before"
    calls = "curl --silent --insecure https://kubernetes.default.svc/version"
    pod = [
        "run",
        "probe",
        "--image=localhost/client:1",
        "--restart=Never",
        "--command",
        "--",
        "sh",
        "-c",
        calls,
    ]
    kubectl(cluster, "delete", "pod/probe", "service/probe", "--ignore-not-found", "--now")
    try:
        kubectl(cluster, *pod)
        kubectl(cluster, "create", "service", "loadbalancer", "probe", "--tcp=80:80")
        kubectl(cluster, "wait", "pod/probe", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=180s")
        address = "--for=jsonpath={.status.loadBalancer.ingress[0].ip}"
        kubectl(cluster, "wait", "service/probe", address, "--timeout=120s")
    finally:
        kubectl(cluster, "delete", "pod/probe", "service/probe", "--now")


@pytest.mark.parametrize("part", _PARTS)
def test_a_killed_part_comes_back_and_the_others_stay(patient: Cluster, kubectl: Kubectl, part: str):
    """The rest of the cluster keeps running meanwhile."""
    before = patient.processes()
    os.kill(before[part], signal.SIGKILL)
    processes.wait(lambda: patient.missing_processes() == [part], 5, f"{part} was not missed")
    start([patient.name])
    after = patient.processes()
    assert {name for name in after if after[name] != before[name]} == {part}
    _assert_well(patient, kubectl)


def test_all_parts_killed_at_once_come_back(patient: Cluster, kubectl: Kubectl):
    """Only the namespaces are left to build on."""
    for part in _PARTS:
        patient.stop_process(part)
    start([patient.name])
    _assert_well(patient, kubectl)


def test_a_cluster_whose_namespaces_are_gone_comes_back(patient: Cluster, kubectl: Kubectl):
    """The end of the first process is the end of all, pods included: a power failure."""
    everything = cgroups.members(patient.layout.cgroup)
    os.kill(patient.processes()["init"], signal.SIGKILL)
    processes.wait(lambda: not any(map(processes.start_time, everything)), 10, "processes were left")
    start([patient.name])
    _assert_well(patient, kubectl)


def test_namespaces_with_other_mounts_are_replaced_and_leave_no_cgroups(patient: Cluster, kubectl: Kubectl):
    """As an older sandbox has made them. The kubelet would take three seconds for each container's cgroup."""
    record = patient.layout.records / "init.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "bindings": {}}))
    before = patient.processes()["init"]
    pods = [hierarchy / patient.layout.cgroup / "kubepods" for hierarchy in cgroups.hierarchies()]
    assert any(folder.is_dir() for folder in pods)
    assert namespaces.ensure(patient.layout)
    assert not any(folder.exists() for folder in pods)
    start([patient.name])
    assert patient.processes()["init"] != before
    _assert_well(patient, kubectl)


@pytest.fixture
def network_of_pods(patient: Cluster) -> Path:
    """Return the file that says how pods get their network."""
    return patient.layout.bindings[CNI_SETTINGS] / "10-pods.conflist"


def test_what_istios_agent_has_chained_stays_as_long_as_the_agent(
    patient: Cluster, kubectl: Kubectl, network_of_pods: Path
):
    """Its pods shall not start without it. Once it is gone, no pod would start with it."""
    ours = json.loads(network_of_pods.read_text())
    plugin = {"name": "istio-cni", "type": "istio-cni", "ambient_enabled": True}
    both = {**ours, "plugins": [*ours["plugins"], plugin]}
    labels = {"k8s-app": "istio-cni-node"}
    container = {"name": "agent", "image": "localhost/client:1"}
    agent = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "istio-cni-node", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"nodeSelector": {"runs": "nowhere"}, "containers": [container]},
            },
        },
    }
    kubectl(patient, "create", "--filename=-", given=[agent])
    try:
        as_the_agent_writes = json.dumps(both, indent=2)
        network_of_pods.write_text(as_the_agent_writes)
        start([patient.name])
        assert network_of_pods.read_text() == as_the_agent_writes
        network_of_pods.write_text(json.dumps({**both, "name": "of-an-older-sandbox"}))
        start([patient.name])
        assert json.loads(network_of_pods.read_text()) == both
    finally:
        kubectl(patient, "delete", "daemonset/istio-cni-node")
    start([patient.name])
    assert json.loads(network_of_pods.read_text()) == ours
    _assert_well(patient, kubectl)


def test_a_network_of_pods_that_was_cut_short_is_written_again(patient: Cluster, network_of_pods: Path):
    """So a crash may leave it."""
    ours = network_of_pods.read_text()
    network_of_pods.write_text(ours[:20])
    start([patient.name])
    assert json.loads(network_of_pods.read_text()) == json.loads(ours)


def test_a_paused_cluster_is_woken(patient: Cluster, kubectl: Kubectl):
    """Nothing is restarted for that."""
    before = patient.processes()
    patient.pause()
    start([patient.name])
    assert patient.processes() == before
    _assert_well(patient, kubectl)


def test_a_lost_link_is_made_again(patient: Cluster, kubectl: Kubectl):
    """Addresses, route and rules come with it."""
    run(["ip", "link", "delete", patient.layout.link])
    start([patient.name])
    _assert_well(patient, kubectl)


def test_lost_records_of_processes_do_no_harm(patient: Cluster, kubectl: Kubectl):
    """A start that was killed before it could note what it had started leaves this."""
    for record in (patient.layout.folder / "run").glob("k*.json"):
        record.unlink()
    before = patient.processes()
    start([patient.name])
    assert before.items() <= patient.processes().items()
    _assert_well(patient, kubectl)


def test_a_stranger_with_a_recorded_id_is_left_alone(patient: Cluster):
    """After a reboot an ID may be anybody's: it is neither taken for the part nor killed."""
    record = patient.layout.folder / "run" / "kube-proxy.json"
    pid = patient.processes()["kube-proxy"]
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        record.write_text(record.read_text().replace(f'"pid": {pid}', f'"pid": {stranger.pid}'))
        assert str(stranger.pid) in record.read_text()
        assert "kube-proxy" in patient.missing_processes()
        start([patient.name])
        assert stranger.poll() is None
        assert patient.processes()["kube-proxy"] != stranger.pid
    finally:
        stranger.kill()
        stranger.wait()


def test_a_machine_that_was_booted_anew_is_put_right(own_sandbox: Mapping[str, str], kubectl: Kubectl):
    """Only files are left then: no process, no bridge, no cgroup; and the address may be taken."""
    cluster = start(["phoenix"])["phoenix"]
    kubectl(cluster, "create", "configmap", "memory", "--from-literal=of=before")
    sandbox = memory.sandbox()
    processes.end_all(sandbox.cgroup)
    network.remove_bridge(sandbox)
    cgroups.remove(sandbox.cgroup)
    run(["ip", "link", "add", "taken-by-other", "type", "bridge"])
    try:
        run(["ip", "address", "add", f"{cluster.layout.instance.host_address}/24", "dev", "taken-by-other"])
        run(["ip", "link", "set", "taken-by-other", "up"])
        moved = start(["phoenix"])["phoenix"]
    finally:
        run(["ip", "link", "delete", "taken-by-other"])
    assert moved.node_address != cluster.node_address
    _assert_well(moved, kubectl)


@pytest.mark.parametrize("seconds", [0.6, 1.2, 2.5, 5])
def test_a_start_that_was_killed_is_finished_by_the_next(
    own_sandbox: Mapping[str, str], kubectl: Kubectl, seconds: float
):
    """Wherever it was cut off; what it had started itself is not started twice."""
    interrupted = subprocess.Popen([sys.executable, "-m", "sandbox", "start", "cut-off"], env=own_sandbox)
    time.sleep(seconds)
    interrupted.kill()
    interrupted.wait()
    cluster = start(["cut-off"])["cut-off"]
    kubectl(cluster, "create", "configmap", "memory", "--from-literal=of=before")
    _assert_well(cluster, kubectl)
    assert _count(cluster, "etcd") == 1


def test_an_interrupted_start_ends_at_once_and_is_finished_by_the_next(
    own_sandbox: Mapping[str, str], kubectl: Kubectl
):
    """Ctrl-C is answered with a sentence, not with a traceback; the options need not be said again."""
    argv = [sys.executable, "-m", "sandbox", "start", "cut-off", "--network", "eu", "--nat", "18443:80"]
    interrupted = subprocess.Popen(argv, env=own_sandbox, stderr=subprocess.PIPE, text=True)
    processes.wait(lambda: "cut-off" in find(), 60, "the start did not begin", interval=0.01)
    interrupted.send_signal(signal.SIGINT)
    _, words = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, words.count("\n")) == (130, 1), words
    assert words.startswith("interrupted; the next start finishes what was begun")
    cluster = start(["cut-off"])["cut-off"]
    kubectl(cluster, "create", "configmap", "memory", "--from-literal=of=before")
    _assert_well(cluster, kubectl)
    assert cluster.layout.surroundings == Surroundings(network="eu", nat="18443:80")
    assert cluster.layout.link in run(["nft", "list", "tables"]).stdout


def test_two_starts_at_the_same_time_make_one_cluster(own_sandbox: Mapping[str, str]):
    """One waits for the other, and finds everything done."""
    argv = [sys.executable, "-m", "sandbox", "start", "once"]
    both = [subprocess.Popen(argv, env=own_sandbox, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    assert _count(named("once"), "etcd") == 1
    assert _count(named("once"), "kubelet") == 1


def test_the_chart_server_comes_back_where_it_was(patient: Cluster):
    """Its URL is in stack files, so it stays, unless somebody else has the port by now."""
    before = chart_repository()
    processes.end_all(f"{memory.sandbox().cgroup}/_sandbox")
    start([patient.name])
    assert chart_repository() == before

    processes.end_all(f"{memory.sandbox().cgroup}/_sandbox")
    with socket.create_server(("127.0.0.1", int(before.rpartition(":")[2]))):
        start([patient.name])
    assert chart_repository() != before
    with urllib.request.urlopen(f"{chart_repository()}/index.yaml") as index:  # noqa: S310 - a URL of ours
        assert b"istiod" in index.read()


def _count(cluster: Cluster, program: str) -> int:
    names = []
    for pid in cgroups.members(cluster.layout.cgroup):
        with contextlib.suppress(OSError):  # ended meanwhile
            names.append(Path(f"/proc/{pid}/comm").read_text().strip())
    return names.count(program)


def test_a_sandbox_that_has_lost_its_memory_begins_anew(own_sandbox: Mapping[str, str]):
    """What ran is ended first, so that two clusters never have one address."""
    forgotten = start(["first"])["first"].processes()
    (memory.state_dir() / "memory.json").unlink()
    assert find() == {}
    cluster = start(["second"])["second"]
    assert not any(map(processes.start_time, forgotten.values()))
    assert named("second").processes() == cluster.processes()
