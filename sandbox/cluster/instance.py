"""What a sandbox remembers: its /24, and which cluster has which block of it."""

import contextlib
import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

from sandbox.cluster import network
from sandbox.cluster.files import lock, write_private
from sandbox.cluster.layout import (
    ClusterLayout,
    Instance,
    check_name,
    clusters_folder,
    free_index,
    free_subnet,
    instance_id,
)
from sandbox.paths import state_dir

_MACHINE_LOCK = Path("/run/lock/istio-mesh-sandbox.lock")
"""Held while a /24 is chosen and its bridge made: the bridge is the claim that others see."""


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Hold this sandbox's lock, which guards what it remembers and its merged kubeconfig."""
    with lock(state_dir() / "lock"):
        yield


def claim() -> Instance:
    """Return this sandbox with its bridge in place, on a /24 that nothing else on the machine has.

    The /24 of before is kept unless something else has it by now.
    """
    state = state_dir()
    with locked(), lock(_MACHINE_LOCK):
        memory = _read(state)
        subnet = network.bridge_subnet(instance_id(state))
        if subnet is None:
            remembered = IPv4Network(memory["subnet"]) if "subnet" in memory else None
            subnet = free_subnet(network.taken_networks(instance_id(state)), remembered)
        instance = Instance(state=state, subnet=subnet)
        network.ensure_bridge(instance)
        _write(state, {**memory, "subnet": str(subnet)})
    return instance


def current() -> Instance | None:
    """Return this sandbox as it was last claimed; None when it never was."""
    memory = _read(state_dir())
    return Instance(state=state_dir(), subnet=IPv4Network(memory["subnet"])) if "subnet" in memory else None


def allot(instance: Instance, name: str) -> ClusterLayout:
    """Return the layout of a cluster, with a block of addresses that stays its own until it is forgotten."""
    check_name(name)
    with locked():
        memory = _read(instance.state)
        indexes = memory.setdefault("clusters", {})
        if name not in indexes:
            indexes[name] = free_index(set(indexes.values()))
            _write(instance.state, memory)
    return ClusterLayout(instance=instance, name=name, index=indexes[name])


def layouts() -> dict[str, ClusterLayout]:
    """Return the layouts of all clusters that this sandbox remembers, by name."""
    instance = current()
    if instance is None:
        return {}
    indexes = _read(instance.state).get("clusters", {})
    return {
        name: ClusterLayout(instance=instance, name=name, index=index)
        for name, index in sorted(indexes.items())
    }


def forget(name: str) -> None:
    """Give back a cluster's block of addresses."""
    with locked():
        memory = _read(state_dir())
        memory.get("clusters", {}).pop(name, None)
        _write(state_dir(), memory)


def _file(state: Path) -> Path:
    return state / "instance.json"


def _read(state: Path) -> dict:
    try:
        return json.loads(_file(state).read_text())
    except FileNotFoundError:
        return {}


def _write(state: Path, memory: dict) -> None:
    write_private(_file(state), json.dumps(memory, indent=2))


__all__ = ["allot", "claim", "clusters_folder", "current", "forget", "layouts", "locked"]
