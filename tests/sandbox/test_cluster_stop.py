"""Stopping leaves nothing behind, and concerns nobody else."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.cluster import Cluster, Surroundings, cgroups, find, memory, processes, start, stop
from sandbox.cluster.layout import Sandbox
from sandbox.cluster.system import run
from tests.fixtures import Kubectl


def _traces(sandbox: Sandbox) -> list[str]:
    """Return what this machine has of a sandbox apart from files, in the words of the system's tools."""
    mounts = Path("/proc/self/mountinfo").read_text()
    links = run(["ip", "-oneline", "link"]).stdout
    rules = run(["iptables-save"]).stdout + run(["nft", "list", "ruleset"]).stdout
    hints = re.compile(f"{sandbox.id}|{re.escape(str(sandbox.state))}")
    found = [line for text in (mounts, links, rules) for line in text.splitlines() if hints.search(line)]
    groups = [str(folder) for folder in Path("/sys/fs/cgroup").glob(f"*/*{sandbox.id}*")]
    return [*found, *groups, *_processes_with(hints)]


def _processes_with(hints: re.Pattern) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            text = (process / "cmdline").read_text() + (process / "cgroup").read_text()
        except OSError:
            continue
        if hints.search(text):
            found.append(f"{process.name}: {text}")
    return found


def _namespaces() -> set[str]:
    """Return the network and mount namespaces that any process is in."""
    found = set()
    for kind in ("net", "mnt"):
        for entry in Path("/proc").glob(f"[0-9]*/ns/{kind}"):
            try:
                found.add(str(entry.readlink()))
            except OSError:
                continue
    return found


def _own_namespaces(cluster: Cluster) -> set[str]:
    init = Path(f"/proc/{cluster.processes()['init']}/ns")
    pods = [Path(f"/proc/{pid}/ns") for pid in cgroups.members(cluster.layout.cgroup)]
    host = {str(Path("/proc/self/ns", kind).readlink()) for kind in ("net", "mnt")}
    return {str((ns / kind).readlink()) for ns in (init, *pods) for kind in ("net", "mnt")} - host


def test_a_stop_leaves_nothing_on_the_machine(own_sandbox: Mapping[str, str]):
    """No process, mount, namespace, link, cgroup or rule; of files, tools, logs and memory stay."""
    sandbox = memory.sandbox()
    assert _traces(sandbox) == [], "a trace before the first start is none of a stop's"
    around = Surroundings(network="eu", api_server="relay", nat="18443:15443")
    cluster = start(["gone"], {"gone": around})["gone"]
    assert [line for line in _traces(sandbox) if line.startswith(f"table ip {cluster.layout.link}")]
    everything = cgroups.members(cluster.layout.cgroup)
    namespaces = _own_namespaces(cluster)
    assert len(_traces(sandbox)) > 20
    assert len(namespaces) >= 4, "the node's own, and those of the pod"

    assert stop() == ["gone"]

    assert _traces(sandbox) == []
    assert not any(map(processes.start_time, everything))
    assert not namespaces & _namespaces()
    assert find() == {}
    assert not sandbox.clusters.exists()
    assert not (sandbox.state / "kubeconfig").exists()


def test_a_stop_of_nothing_does_nothing(own_sandbox: Mapping[str, str]):
    """Before the first start, and twice."""
    assert stop() == []
    assert stop() == []


def test_a_stop_clears_a_sandbox_that_has_lost_its_memory(own_sandbox: Mapping[str, str]):
    """The names of all that runs follow from the state folder alone."""
    start(["lost"], {"lost": Surroundings(nat="18443:15443")})
    (memory.state_dir() / "memory.json").unlink()
    stop()
    assert _traces(memory.sandbox()) == []


def test_a_stop_clears_what_a_broken_and_paused_cluster_has(own_sandbox: Mapping[str, str]):
    """Also where records are gone and processes do not answer."""
    cluster = start(["broken"])["broken"]
    cluster.stop_process("kubelet")
    cluster.stop_process("etcd")
    cluster.pause()
    for record in (cluster.layout.folder / "run").iterdir():
        record.unlink()
    stop(["broken"])
    assert _traces(memory.sandbox()) == []


def test_one_cluster_is_stopped_and_the_other_goes_on(own_sandbox: Mapping[str, str], kubectl: Kubectl):
    """Its context leaves the kubeconfig; the name of one that is gone is an error."""
    clusters = start(["goes", "stays"])
    before = clusters["stays"].processes()
    done = _cli(own_sandbox, "stop", "goes")
    assert (done.returncode, done.stdout) == (0, "stopped goes\n"), done.stderr
    assert clusters["stays"].processes() == before
    assert kubectl(clusters["stays"], "config", "get-contexts", "--output=name") == "stays\n"
    assert kubectl(clusters["stays"], "get", "--raw=/readyz") == "ok"
    again = _cli(own_sandbox, "stop", "goes")
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "error: no cluster goes in this sandbox; there are: stays\n"


def test_two_sandboxes_do_not_disturb_each_other(
    own_sandbox: Mapping[str, str], tmp_path: Path, kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch
):
    """Clusters of one name in both, at the same time; one is stopped, the other runs on. Long paths do."""
    first = start(["twin"])["twin"]
    before = first.processes()
    other = {**own_sandbox, "ISTIO_MESH_SANDBOX": str(tmp_path / ("long-" * 24) / "sandbox")}
    assert len(other["ISTIO_MESH_SANDBOX"]) > 108, "longer than the path of a socket may be"
    try:
        done = _cli(other, "start", "twin")
        assert done.returncode == 0, done.stderr
        with monkeypatch.context() as moved:
            moved.setenv("ISTIO_MESH_SANDBOX", other["ISTIO_MESH_SANDBOX"])
            second = find()["twin"]
        assert second.server != first.server
        assert kubectl(second, "get", "--raw=/readyz") == "ok"
    finally:
        stopped = _cli(other, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert first.processes() == before
    assert kubectl(first, "get", "--raw=/readyz") == "ok"


def test_pulumi_state_outlives_a_stop_but_not_a_stop_of_all(own_sandbox: Mapping[str, str]):
    """The stack's state is none of the clusters' business, unless one says so."""
    assert _cli(own_sandbox, "env").returncode == 0
    passphrase = memory.state_dir() / "passphrase"
    assert passphrase.stat().st_mode & 0o777 == 0o600
    _cli(own_sandbox, "stop")
    assert passphrase.exists()
    _cli(own_sandbox, "stop", "--all")
    assert not passphrase.exists()
    assert not (memory.state_dir() / "pulumi").exists()


def _cli(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
