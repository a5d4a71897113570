"""What a sandbox remembers: its /24, which cluster has which block of it, and what is around each cluster."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from pathlib import Path

from sandbox.cluster import cgroups, network, processes
from sandbox.cluster.files import lock, write_private
from sandbox.cluster.layout import ClusterLayout, Instance, Sandbox, check_name, free_index, free_subnet
from sandbox.cluster.surroundings import Surroundings, surroundings
from sandbox.errors import SandboxError
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


def allot(instance: Instance, wanted: Mapping[str, Surroundings | None]) -> list[ClusterLayout]:
    """Return the layouts of clusters, each with a block of addresses that is its own until it is forgotten.

    So are its surroundings. None is what it has, and the usual ones for a new cluster.

    Raises:
        SandboxError: a cluster has other surroundings; none of the new ones is remembered then.
    """
    with locked():
        kept = _read()
        for name, around in wanted.items():
            _allot(kept, check_name(name), around)
        _write(kept)
    return [_layout(kept, instance, name) for name in wanted]


def _allot(kept: dict, name: str, around: Surroundings | None) -> None:
    indexes = kept.setdefault("clusters", {})
    if name in indexes:
        if around not in (None, _surroundings(kept, name)):
            raise SandboxError(
                f"cluster {name} was started with other options; keep them: python -m sandbox start {name}; "
                f"or remove it first: python -m sandbox stop {name}"
            )
        return
    if around and around.nat_ports:
        _check_port(kept, around.nat_ports[0])
    indexes[name] = free_index(set(indexes.values()))
    if around and (changed := around.changed()):
        kept.setdefault("surroundings", {})[name] = changed
    if around and around.network:
        networks = kept.setdefault("networks", {})
        networks.setdefault(around.network, free_index(set(networks.values())))


def _check_port(kept: dict, port: int) -> None:
    for name in kept["clusters"]:
        if (ports := _surroundings(kept, name).nat_ports) and ports[0] == port:
            raise SandboxError(f"NAT port {port} leads to cluster {name} already; choose another")


def _surroundings(kept: dict, name: str) -> Surroundings:
    return surroundings(kept.get("surroundings", {}).get(name, {}))


def _layout(kept: dict, instance: Instance, name: str) -> ClusterLayout:
    around = _surroundings(kept, name)
    number = kept["networks"][around.network] if around.network else None
    index = kept["clusters"][name]
    return ClusterLayout(
        instance=instance, name=name, index=index, surroundings=around, network_number=number
    )


def layouts() -> dict[str, ClusterLayout]:
    """Return the layouts of all clusters that this sandbox remembers, by name."""
    kept = _read()
    if "subnet" not in kept:
        return {}
    instance = Instance(state=state_dir(), subnet=IPv4Network(kept["subnet"]))
    return {name: _layout(kept, instance, name) for name in sorted(kept.get("clusters", {}))}


def forget(name: str) -> None:
    """Give back a cluster's block of addresses, and its network's where it was the last one there."""
    with locked():
        kept = _read()
        kept.get("clusters", {}).pop(name, None)
        kept.get("surroundings", {}).pop(name, None)
        used = {around.get("network") for around in kept.get("surroundings", {}).values()}
        for network in set(kept.get("networks", {})) - used:
            del kept["networks"][network]
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
