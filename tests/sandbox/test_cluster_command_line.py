"""`python -m sandbox`: what it prints, and what it says to a user's mistake."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sandbox.cluster import Cluster
from sandbox.cluster.layout import Sandbox
from sandbox.cluster.status import aligned
from sandbox.paths import CHECKOUT, state_dir


def _cli(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sandbox", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
        env=environment,
    )


def test_status_shows_each_cluster_and_how_to_repair_it(lab: Mapping[str, Cluster]):
    """A cluster that lacks a part is broken, and the line says which and what to do."""
    cluster = lab["lab-a"]
    assert _cli("status").stdout.count(" ready ") >= 2
    cluster.stop_process("kube-scheduler")
    try:
        (line,) = [line for line in _cli("status").stdout.splitlines() if line.startswith("lab-a ")]
    finally:
        assert _cli("start", "lab-a").returncode == 0
    assert " broken " in line
    assert "kube-scheduler ended; repair: python -m sandbox start lab-a" in line


def test_status_shows_what_is_around_a_cluster(tmp_path: Path):
    """As far as it is not the usual: what a stack file needs for a relay, and where it is."""
    clusters = {"far": 3, "plain": 1, "behind": 0, "bare": 5, "both": 6}
    memory = {"subnet": "172.30.7.0/24", "clusters": clusters}
    around = {
        "bare": {"load_balancer": "none", "external_ip": True},
        "both": {"dual_stack": True},
        "far": {"network": "eu", "api_server": "relay", "load_balancer": "hostname", "nat": "18444:80"},
        "behind": {"api_server": "proxy", "nat": "18443:15443"},
    }
    content = {**memory, "surroundings": around, "networks": {"eu": 0}}
    (tmp_path / "memory.json").write_text(json.dumps(content))
    lines = _cli(
        "status", environment={**os.environ, "ISTIO_MESH_SANDBOX": str(tmp_path)}
    ).stdout.splitlines()[6:-1]
    v6 = str(Sandbox(state=tmp_path).subnet_v6.network_address)
    assert lines == [
        "bare: no load balancer; NodePorts: 172.30.7.25 (ExternalIP of the node)",
        "behind: proxy to the API server: http://172.30.7.4:3128",
        "behind: NAT: 172.30.7.2:18443 leads to 172.30.7.5:15443",
        f"both: IPv6: node {v6}1c, load balancer {v6}1d, {v6}1e, {v6}1f",
        "far: network eu: pods are 10.64.3.0/24",
        "far: relay to the API server: https://172.30.7.16:8443, TLS name relay.172-30-7-16.sandbox.test",
        f"far: its kubeconfig, and ca.crt, client.crt and client.key: {tmp_path}/clusters/far/relay",
        "far: load balancer gives host names: lb.172-30-7-17.sandbox.test",
        "far: NAT: 172.30.7.2:18444 leads to 172.30.7.17:80",
    ]


def test_env_makes_a_shell_use_the_sandbox(lab: Mapping[str, Cluster]):
    """After eval, kubectl is the sandbox's and knows its clusters."""
    setting = f'eval "$({shlex.quote(sys.executable)} -m sandbox env)"'
    shell = f"{setting}; command -v kubectl; kubectl config get-contexts --output=name"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=True, cwd=CHECKOUT)
    kubectl, *contexts = done.stdout.splitlines()
    assert kubectl == str(state_dir() / "bin" / "kubectl")
    assert {"lab-a", "lab-b"} <= set(contexts)


def test_exec_runs_inside_of_the_cluster(lab: Mapping[str, Cluster]):
    """In its network, its mounts and its process IDs; the command's exit code is ours."""
    addresses = _cli("exec", "lab-a", "--", "ip", "-4", "address", "show", "dev", "eth0").stdout
    assert lab["lab-a"].node_address in addresses
    assert "localhost/pause:1" in _cli("exec", "lab-a", "--", "ctr", "-n", "k8s.io", "images", "ls").stdout
    assert _cli("exec", "lab-a", "--", "cat", "/proc/1/cmdline").stdout.endswith("init.py\0")
    assert _cli("exec", "lab-a", "--", "sh", "-c", "exit 7").returncode == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("exec", "nowhere", "--", "true"), "error: no cluster nowhere in this sandbox"),
        (("exec", "lab-a", "--"), "error: no command; for example: python -m sandbox exec east --"),
        (("start", "East"), "error: cluster name 'East': expected up to 40 lower-case letters"),
        (("start", "new", "--network", "E U"), "error: network 'E U': expected up to 40 lower-case letters"),
        (
            ("start", "new", "--nat", "18443"),
            "error: NAT '18443': expected two ports, for example: 18443:15443",
        ),
        (("start", "lab-a", "--network", "eu"), "error: cluster lab-a was started with other options"),
        (("stop", "--all", "lab-a"), "error: --all is for all clusters; leave the names away"),
    ],
)
def test_a_mistake_gets_one_clear_message(
    lab: Mapping[str, Cluster], arguments: tuple[str, ...], message: str
):
    """No traceback, exit code 1, nothing on standard output."""
    done = _cli(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(message)
    assert "Traceback" not in done.stderr


def test_without_root_the_user_is_told_of_kind():
    """The sandbox is not for them, but the program is."""
    code = "import os; from sandbox.__main__ import main; os.setuid(65534); exit(main(['status']))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=CHECKOUT
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the sandbox needs root")
    assert "examples/kind/" in done.stderr


def test_a_state_folder_that_clusters_cannot_see_is_refused():
    """Below /run they have a folder of their own."""
    done = _cli("start", "east", environment={**os.environ, "ISTIO_MESH_SANDBOX": "/run/user/0/sandbox"})
    assert done.returncode == 1
    assert done.stderr.startswith("error: /run/user/0/sandbox: clusters see folders of their own")


def test_tables_are_aligned():
    """Each column is as wide as its widest cell, and no line ends in blanks."""
    assert aligned([("A", "B"), ("long", ""), ("x", "y")]) == "A     B\nlong\nx     y"
