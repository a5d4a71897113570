"""What a sandbox remembers: its /24, and which cluster has which block of it."""

import contextlib
import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path

from sandbox.cluster import cgroups, network, processes
from sandbox.cluster.files import lock, write_private
from sandbox.cluster.layout import ClusterLayout, Instance, Sandbox, check_name, free_index, free_subnet
from sandbox.paths import state_dir

_MACHINE_LOCK = Path("/run/lock/istio-mesh-sandbox.lock")
"""Held while a /24 is chosen and its bridge made: the bridge is the claim that others see."""


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Hold this sandbox's lock, which guards what it remembers and its merged kubeconfig."""
    with lock(state_dir() / "locks" / "memory"):
        yield


def sandbox() -> Sandbox:
    """Return this sandbox, whether it was ever started or not."""
    return Sandbox(state=state_dir())


def claim() -> Instance:
    """Return this sandbox with its bridge in place, on a /24 that nothing else on the machine has.

    The /24 of before is kept unless something else has it by now. What runs of a sandbox that has
    lost its memory is ended: nobody knows any more which addresses it has.
    """
    own = sandbox()
    with locked(), lock(_MACHINE_LOCK):
        kept = _read()
        if not kept:
            processes.end_all(own.cgroup)
            network.remove_bridge(own)
        subnet = network.bridge_subnet(own)
        if subnet is None:
            remembered = IPv4Network(kept["subnet"]) if "subnet" in kept else None
            subnet = free_subnet(network.taken_networks(own), remembered)
        instance = Instance(state=own.state, subnet=subnet)
        network.ensure_bridge(instance)
        cgroups.create(instance.cgroup)
        _write({**kept, "subnet": str(subnet)})
    return instance


def allot(instance: Instance, name: str) -> ClusterLayout:
    """Return the layout of a cluster, with a block of addresses that stays its own until it is forgotten."""
    check_name(name)
    with locked():
        kept = _read()
        indexes = kept.setdefault("clusters", {})
        if name not in indexes:
            indexes[name] = free_index(set(indexes.values()))
            _write(kept)
    return ClusterLayout(instance=instance, name=name, index=indexes[name])


def layouts() -> dict[str, ClusterLayout]:
    """Return the layouts of all clusters that this sandbox remembers, by name."""
    kept = _read()
    if "subnet" not in kept:
        return {}
    instance = Instance(state=state_dir(), subnet=IPv4Network(kept["subnet"]))
    indexes = sorted(kept.get("clusters", {}).items())
    return {name: ClusterLayout(instance=instance, name=name, index=index) for name, index in indexes}


def forget(name: str) -> None:
    """Give back a cluster's block of addresses."""
    with locked():
        kept = _read()
        kept.get("clusters", {}).pop(name, None)
        _write(kept)


def _file() -> Path:
    return state_dir() / "memory.json"


def _read() -> dict:
    try:
        return json.loads(_file().read_text())
    except FileNotFoundError:
        return {}


def _write(kept: dict) -> None:
    write_private(_file(), json.dumps(kept, indent=2))
