"""The processes of a cluster: what is run, and which files ask for a restart when they change."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.cluster import relay, settings
from sandbox.cluster.kubeconfig import client_file
from sandbox.cluster.layout import ClusterLayout
from sandbox.cluster.processes import Command
from sandbox.cluster.supplies import Supplies
from sandbox.paths import CHECKOUT

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_LOAD_BALANCER = "sandbox.cluster.load_balancer"

RELAY = "relay"
"""What is before an API server that peers do not reach: a relay, or a proxy."""

CONTROL_PLANE = ("etcd", "kube-apiserver", "containerd")
"""What is started first, and does not need an API server."""

CLIENTS = ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "load-balancer", RELAY)
"""What is started once the API server answers, as far as the cluster has it."""


def commands(cluster: ClusterLayout, supplies: Supplies) -> dict[str, Command]:
    """Return every process of a cluster by name."""
    pki, written = cluster.pki, cluster.settings

    def tool(name: str, arguments: Sequence[str], *watched: Path) -> Command:
        return _command(name, [str(supplies.tools[name]), *arguments], watched)

    def client(name: str, arguments: Sequence[str], *watched: Path) -> Command:
        return tool(name, arguments, client_file(cluster, name), pki / f"{name}.crt", *watched)

    serving = [pki / f"{name}.crt" for name in ("ca", "kube-apiserver", "apiserver-to-kubelet")]
    containerd = written / "containerd.toml"
    proxy = written / "kube-proxy.yaml"
    all_commands = [
        tool("etcd", settings.etcd(cluster)),
        tool("kube-apiserver", settings.kube_apiserver(cluster), written / "encryption.yaml", *serving),
        _command("containerd", ["containerd", f"--config={containerd}"], [containerd]),
        client("kube-controller-manager", settings.kube_controller_manager(cluster)),
        client("kube-scheduler", settings.kube_scheduler(cluster)),
        client("kubelet", settings.kubelet(cluster), written / "kubelet.yaml", pki / "kubelet-server.crt"),
        client("kube-proxy", [f"--config={proxy}"], proxy),
        *([_load_balancer(cluster)] if cluster.service_addresses else []),
        *([_relay(cluster, supplies)] if cluster.surroundings.api_server != "direct" else []),
    ]
    return {command.name: command for command in all_commands}


def _load_balancer(cluster: ClusterLayout) -> Command:
    config = client_file(cluster, "load-balancer")
    named = ["--host-names"] if cluster.surroundings.load_balancer == "hostname" else []
    argv = [sys.executable, "-m", _LOAD_BALANCER, *named, str(config)]
    pairs = cluster.load_balancer_addresses_v6
    argv += [f"{address},{pairs[address]}" if pairs else address for address in cluster.service_addresses]
    source = CHECKOUT / f"{_LOAD_BALANCER.replace('.', '/')}.py"
    watched = [source, config, cluster.pki / "load-balancer.crt"]
    return _command("load-balancer", argv, watched)


def _relay(cluster: ClusterLayout, supplies: Supplies) -> Command:
    config = cluster.settings / "relay.yaml"
    argv = [str(supplies.tools["envoy"]), "--config-path", str(config), "--concurrency", "1"]
    argv += ["--disable-hot-restart", "--log-level", "warning"]
    return _command(RELAY, argv, [config, *(path for path in relay.files(cluster) if path.suffix == ".crt")])


def _command(name: str, argv: Sequence[str], watched: Sequence[Path]) -> Command:
    """Return a command whose environment holds nothing of the user's."""
    environment = {"PATH": _SYSTEM_PATH, "HOME": os.environ.get("HOME", "/root"), "PYTHONPATH": str(CHECKOUT)}
    return Command(name=name, argv=tuple(argv), environment=environment, watched=tuple(watched))
