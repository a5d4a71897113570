"""Bring one cluster up, whatever state it is in, and take it away."""

import base64
import datetime
import json
import secrets
import shutil
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import tomli_w
import yaml

from sandbox import images
from sandbox.cluster import (
    addons,
    api,
    cgroups,
    cni,
    commands,
    image_store,
    kubeconfig,
    namespaces,
    network,
    pki,
    processes,
    relay,
    settings,
)
from sandbox.cluster.files import lock, write_private
from sandbox.cluster.layout import DNS_ADDRESS, ClusterLayout
from sandbox.cluster.supplies import Supplies
from sandbox.cluster.system import run
from sandbox.errors import SandboxError

_READY_SECONDS = 120
"""For each step; two cores that do nothing else need a twentieth of it."""


def start(cluster: ClusterLayout, supplies: Supplies) -> None:
    """Bring a cluster up, or repair it; return when pods run and names are resolved.

    Raises:
        SandboxError: it does not come up; with the last words of what failed.
    """
    with lock(_lock_file(cluster)):
        _wake(cluster)
        namespaces.ensure(cluster)
        network.ensure_link(cluster)
        pki.ensure(cluster)
        _write_settings(cluster)
        cni.prepare(cluster)
        image_store.prepare(cluster, supplies.images)
        _run(cluster, supplies, commands.CONTROL_PLANE)
        _await(cluster, "kube-apiserver", api.is_ready)
        cni.unchain_without_agent(cluster)
        _run(cluster, supplies, commands.CLIENTS)
        if cluster.surroundings.api_server != "direct":
            _await(cluster, commands.RELAY, _relay_listens)
        _apply_addons(cluster, supplies)
        image_store.ensure_imported(cluster, [*supplies.images, *supplies.given_images])
        _await(cluster, "kubelet", _node_is_ready)
        _give_addresses(cluster, supplies)
        _await(cluster, "kubelet", _names_are_resolved)


def issue_for_relay(
    cluster: ClusterLayout, supplies: Supplies, file: str, lifetime: datetime.timedelta
) -> None:
    """Give the relay (`server`) or its users (`client`) another certificate, in use when this returns."""
    with lock(_lock_file(cluster)):
        pki.issue_for_relay(cluster, file, lifetime)
        kubeconfig.ensure(cluster)
        _run(cluster, supplies, [commands.RELAY])
        _await(cluster, commands.RELAY, _relay_listens)


def stop(cluster: ClusterLayout) -> None:
    """Take a cluster away with all that it has: processes, namespaces, links, cgroups, files."""
    with lock(_lock_file(cluster)):
        namespaces.end(cluster)
        network.remove_link(cluster)
        cgroups.remove(cluster.cgroup)
        if cluster.folder.exists():
            shutil.rmtree(cluster.folder)


def _lock_file(cluster: ClusterLayout) -> Path:
    return cluster.instance.state / "locks" / cluster.name


def _wake(cluster: ClusterLayout) -> None:
    """Let go on what was paused."""
    for pid in cgroups.members(cluster.cgroup):
        processes.send(pid, signal.SIGCONT)


def _run(cluster: ClusterLayout, supplies: Supplies, names: Sequence[str]) -> None:
    place = namespaces.place(cluster)
    wanted = commands.commands(cluster, supplies)
    for name in names:
        if name in wanted:
            processes.ensure(wanted[name], place)


def _await(cluster: ClusterLayout, name: str, ready: Callable[[ClusterLayout], bool]) -> None:
    """Wait until the cluster is ready in a way that the process `name` is answerable for."""
    log = cluster.logs / f"{name}.log"
    place = namespaces.place(cluster)

    def ready_or_dead() -> bool:
        if ready(cluster):
            return True
        if processes.running(name, place) is None:
            raise SandboxError(
                f"cluster {cluster.name}: {name} has ended; to begin anew: python -m sandbox stop "
                f"{cluster.name}{processes.last_words(log)}"
            )
        return False

    complaint = f"cluster {cluster.name} does not get ready; see {log}"
    processes.wait(ready_or_dead, _READY_SECONDS, complaint, interval=0.1)


def _node_is_ready(cluster: ClusterLayout) -> bool:
    """Say whether the kubelet that runs now has reported a ready node."""
    started = processes.started_at("kubelet", namespaces.place(cluster))
    return api.node_is_ready(cluster, since=started)


def _relay_listens(cluster: ClusterLayout) -> bool:
    try:
        socket.create_connection((cluster.node_address, cluster.api_port), 1).close()
    except OSError:
        return False
    return True


def _give_addresses(cluster: ClusterLayout, supplies: Supplies) -> None:
    """Do what a cloud does for a new node that has an address of type ExternalIP, unless it is done."""
    external = cluster.external_address
    node = json.loads(api.get(cluster, f"/api/v1/nodes/{cluster.node}") or "{}")
    if external is None or external in [entry["address"] for entry in node["status"]["addresses"]]:
        return
    internal = [cluster.node_address, *([cluster.node_address_v6] if cluster.node_address_v6 else [])]
    entries = [
        {"type": "Hostname", "address": cluster.node},
        *({"type": "InternalIP", "address": address} for address in internal),
        {"type": "ExternalIP", "address": external},
    ]
    kubectl = [str(supplies.tools["kubectl"]), f"--kubeconfig={cluster.kubeconfig}"]
    patch = [*kubectl, "patch", "node", cluster.node, "--type=merge", "--patch"]
    # Until then, no pod is placed there.
    run([*patch, json.dumps({"spec": {"taints": None}})])
    run([*patch, json.dumps({"status": {"addresses": entries}}), "--subresource=status"])


def _names_are_resolved(cluster: ClusterLayout) -> bool:
    """Ask for a name as a pod would: that takes a pod, its network, and kube-proxy's rules."""
    argv = ["busybox", "nslookup", "-type=a", "kubernetes.default.svc.cluster.local", DNS_ADDRESS]
    return run(namespaces.argv_inside(cluster, argv, network_only=True), check=False).returncode == 0


def _write_settings(cluster: ClusterLayout) -> None:
    """Write what the processes are told, to disk and to the cluster's own /run."""
    cluster.settings.mkdir(parents=True, exist_ok=True, mode=0o700)
    kubeconfig.ensure(cluster)
    pause = images.references()["pause"][0]
    write_private(cluster.settings / "containerd.toml", tomli_w.dumps(settings.containerd(pause)))
    write_private(cluster.settings / "kubelet.yaml", yaml.safe_dump(settings.kubelet_file(cluster)))
    write_private(cluster.settings / "kube-proxy.yaml", yaml.safe_dump(settings.kube_proxy_file(cluster)))
    if cluster.surroundings.api_server != "direct":
        write_private(cluster.settings / "relay.yaml", yaml.safe_dump(relay.config(cluster)))
    encryption = cluster.settings / "encryption.yaml"
    if not encryption.exists():
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        write_private(encryption, yaml.safe_dump(settings.encryption(key)))
    inside = {
        settings.TOKENS: f"{kubeconfig.admin_token(cluster)},admin,admin,system:masters\n",
        settings.RESOLVER: "options ndots:1\n",
    }
    for path, content in inside.items():
        file = namespaces.view(cluster, path)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(file, content)


def _apply_addons(cluster: ClusterLayout, supplies: Supplies) -> None:
    """Apply what every cluster has in it, where that is not what was applied last."""
    objects = addons.manifests(images.references()["coredns"][0])
    content = yaml.safe_dump_all(objects)
    applied = cluster.settings / "addons.yaml"
    if applied.exists() and applied.read_text() == content:
        return
    kubectl = [str(supplies.tools["kubectl"]), f"--kubeconfig={cluster.kubeconfig}"]
    run([*kubectl, "apply", "--server-side", "--force-conflicts", "--filename=-"], given=content)
    write_private(applied, content)
