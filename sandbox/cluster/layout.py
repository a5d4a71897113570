"""Which names, addresses and folders a sandbox and its clusters have. Pure: nothing here asks the machine.

Every sandbox is a /24 behind a bridge of its own. Its first address is this machine; then each
cluster has a block of four: the node, and three for Services of type LoadBalancer. Inside, all
clusters use the same service range, and the same pod range, as clusters of different networks may. Those
that share a network have a pod range each, in a range of the network.
"""

import hashlib
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from pathlib import Path

from sandbox.cluster.surroundings import USUAL, Surroundings
from sandbox.errors import SandboxError

POD_RANGE = "10.244.0.0/24"
"""Pods of a cluster that shares no network."""

POD_RANGE_V6 = "fd00:10:244::/64"
SERVICE_RANGE_V6 = "fd00:10:96::/112"

SHARED_RANGES = IPv4Network("10.64.0.0/10")
"""Pods of all others: a /16 for each network, and a /24 of it for each cluster."""

SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
API_PORT = 6443
RELAY_PORT = 8443
PROXY_PORT = 3128

NODE_PORTS = "30000-32767"
"""Kubernetes' own range (`--service-node-port-range`)."""

HOST_NAMES = "sandbox.test"
"""Names below this one are resolved in every cluster, to the address that is a part of them."""

CANDIDATE_RANGES = (IPv4Network("172.30.0.0/16"), IPv4Network("172.29.0.0/16"), IPv4Network("192.168.0.0/16"))
"""Where a free /24 is looked for: private (RFC 1918), and apart from the pod and service ranges."""

ADDRESSES_PER_CLUSTER = 4
MOST_CLUSTERS = 254 // ADDRESSES_PER_CLUSTER - 1

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """One sandbox: all that follows from its state folder."""

    state: Path

    @property
    def id(self) -> str:
        """Six hexadecimal digits that tell the sandboxes of a machine apart."""
        return hashlib.sha256(str(self.state).encode()).hexdigest()[:6]

    @property
    def bridge(self) -> str:
        """The bridge's link name; a link name has 15 characters at most."""
        return f"im-{self.id}"

    @property
    def subnet_v6(self) -> IPv6Network:
        """Its addresses of IPv6: unique and local (RFC 4193), by the digits of its ID."""
        return IPv6Network(f"fd{self.id[:2]}:{self.id[2:]}::/64")

    @property
    def cgroup(self) -> str:
        """The cgroup below which everything of this sandbox runs, relative to a hierarchy's root."""
        return f"istio-mesh-{self.id}"

    @property
    def clusters(self) -> Path:
        """The folder that holds a folder for each cluster."""
        return self.state / "clusters"


@dataclass(frozen=True, kw_only=True)
class Instance(Sandbox):
    """A sandbox with the /24 that it has on this machine."""

    subnet: IPv4Network

    @property
    def host_address(self) -> str:
        """The address under which the clusters see this machine."""
        return str(self.subnet[1])

    @property
    def nat_address(self) -> str:
        """The address of this machine whose ports lead to clusters behind a NAT."""
        return str(self.subnet[2])

    @property
    def host_address_v6(self) -> str:
        """The address of IPv6 under which the clusters see this machine."""
        return str(self.subnet_v6[1])

    def address_v6(self, index: int, offset: int) -> str:
        """Return the address of IPv6 that goes with `address`."""
        return str(self.subnet_v6[ADDRESSES_PER_CLUSTER * (index + 1) + offset])

    def address(self, index: int, offset: int) -> str:
        """Return an address of the block that the cluster with that index has."""
        return str(self.subnet[ADDRESSES_PER_CLUSTER * (index + 1) + offset])


@dataclass(frozen=True, kw_only=True)
class Nat:
    """An address and port of this machine, and to which ones of a cluster they lead."""

    address: str
    port: int
    target: str
    target_port: int


@dataclass(frozen=True, kw_only=True)
class ClusterLayout:
    """Where one cluster of a sandbox is."""

    instance: Instance
    name: str
    index: int
    surroundings: Surroundings = USUAL
    network_number: int | None = None
    """The number of the network that it shares, if it does."""

    @property
    def node(self) -> str:
        """The name of the cluster's only node."""
        return f"{self.name}-node"

    @property
    def node_address(self) -> str:
        """The node's address, which is also the API server's."""
        return self.instance.address(self.index, 0)

    @property
    def node_address_v6(self) -> str | None:
        """The node's address of IPv6, if it has one."""
        return self.instance.address_v6(self.index, 0) if self.surroundings.dual_stack else None

    @property
    def load_balancer_addresses_v6(self) -> dict[str, str]:
        """The address of IPv6 that goes with each of the load balancer's."""
        if not self.surroundings.dual_stack:
            return {}
        offsets = range(1, ADDRESSES_PER_CLUSTER)
        return {
            self.instance.address(self.index, i): self.instance.address_v6(self.index, i) for i in offsets
        }

    @property
    def hardware_address(self) -> str:
        """The node's address on the bridge: a new cluster has that of an old one in its peers' tables."""
        return "02:00:" + IPv4Address(self.node_address).packed.hex(":")

    @property
    def load_balancer_addresses(self) -> tuple[str, ...]:
        """The addresses of the load balancer, which the node has."""
        return tuple(self.instance.address(self.index, offset) for offset in range(1, ADDRESSES_PER_CLUSTER))

    @property
    def service_addresses(self) -> tuple[str, ...]:
        """Those of them that Services of type LoadBalancer get: a NAT leads to one only."""
        if self.surroundings.load_balancer == "none":
            return ()
        return self.load_balancer_addresses[:1] if self.nat else self.load_balancer_addresses

    @property
    def external_address(self) -> str | None:
        """The node's address of type ExternalIP, if it has one."""
        return self.load_balancer_addresses[0] if self.surroundings.external_ip else None

    @property
    def way_in(self) -> str:
        """The first address by which peers reach Services, unless a NAT is before it."""
        if self.surroundings.load_balancer == "none":
            return self.external_address or self.node_address
        return self.load_balancer_addresses[0]

    @property
    def nat(self) -> Nat | None:
        """The NAT before the load balancer, if there is one."""
        if self.surroundings.nat_ports is None:
            return None
        port, target_port = self.surroundings.nat_ports
        target = self.way_in
        return Nat(address=self.instance.nat_address, port=port, target=target, target_port=target_port)

    @property
    def pod_range(self) -> str:
        """The addresses of the cluster's pods."""
        return POD_RANGE if self.network_range is None else _pods(self.network_range, self.index)

    @property
    def network_range(self) -> IPv4Network | None:
        """The addresses of all pods of the network that the cluster shares."""
        if self.network_number is None:
            return None
        return list(SHARED_RANGES.subnets(new_prefix=16))[self.network_number]

    @property
    def pod_routes(self) -> dict[str, str]:
        """The ways to the pods of the network's other clusters: their pod range, and the node that is there.

        Those that may come are among them: no cluster has to be told of another.
        """
        if self.network_range is None:
            return {}
        others = (index for index in range(MOST_CLUSTERS) if index != self.index)
        return {_pods(self.network_range, index): self.instance.address(index, 0) for index in others}

    @property
    def server(self) -> str:
        """The API server's URL, for this machine, and for other clusters where nothing is between."""
        return f"https://{self.node_address}:{API_PORT}"

    @property
    def relay_name(self) -> str:
        """The host name of the relay before the API server, the only one that its certificate has."""
        return host_name("relay", self.node_address)

    @property
    def relay_server(self) -> str:
        """The relay's URL, by its address: this machine does not resolve its name."""
        return f"https://{self.node_address}:{RELAY_PORT}"

    @property
    def proxy_url(self) -> str:
        """The URL of the proxy before the API server."""
        return f"http://{self.node_address}:{PROXY_PORT}"

    @property
    def api_port(self) -> int:
        """The port of the node by which peers reach the API server, itself or what is before it."""
        return {"direct": API_PORT, "relay": RELAY_PORT, "proxy": PROXY_PORT}[self.surroundings.api_server]

    @property
    def link(self) -> str:
        """The bridge's port to this cluster."""
        return f"{self.instance.bridge}-{self.index}"

    @property
    def cgroup(self) -> str:
        """The cluster's cgroup, which is also the root of its kubelet's."""
        return f"{self.instance.cgroup}/{self.name}"

    @property
    def folder(self) -> Path:
        """Everything that the cluster keeps."""
        return self.instance.clusters / self.name

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.folder / "pki"

    @property
    def relay(self) -> Path:
        """What users of the relay need, and its own certificates."""
        return self.folder / "relay"

    @property
    def settings(self) -> Path:
        """Rendered configuration of the cluster's processes."""
        return self.folder / "settings"

    @property
    def logs(self) -> Path:
        """A log file for each process."""
        return self.folder / "logs"

    @property
    def records(self) -> Path:
        """A record for each process that was started."""
        return self.folder / "run"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig of this cluster alone."""
        return self.folder / "kubeconfig"

    @property
    def bindings(self) -> dict[str, Path]:
        """Folders that programs insist on, with what the cluster's processes see there instead."""
        return {
            "/var/lib/containerd": self.folder / "containerd",
            "/var/lib/kubelet": self.folder / "kubelet",
            "/var/lib/cni": self.folder / "cni-cache",
            "/opt/cni/bin": self.folder / "cni-programs",
            "/etc/cni/net.d": self.folder / "cni-settings",
            "/var/log": self.folder / "node-logs",
        }


def _pods(network: IPv4Network, index: int) -> str:
    return str(list(network.subnets(new_prefix=24))[index])


def check_name(name: str) -> str:
    """Return `name` when it can name a cluster: a DNS label (RFC 1123) of at most 40 characters.

    Raises:
        SandboxError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise SandboxError(
            f"cluster name {name!r}: expected up to 40 lower-case letters, digits and inner hyphens, "
            "for example: east"
        )
    return name


def host_name(kind: str, address: str) -> str:
    """Return a host name that every cluster resolves to an address."""
    return f"{kind}.{address.replace('.', '-')}.{HOST_NAMES}"


def free_subnet(taken: list[IPv4Network], remembered: IPv4Network | None) -> IPv4Network:
    """Return a /24 that overlaps none of `taken`: the remembered one if that is still free.

    Raises:
        SandboxError: every candidate is taken.
    """
    candidates = (subnet for wide in CANDIDATE_RANGES for subnet in wide.subnets(new_prefix=24))
    for subnet in [remembered, *candidates] if remembered else candidates:
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    ranges = ", ".join(str(wide) for wide in CANDIDATE_RANGES)
    raise SandboxError(f"no free /24 for the sandbox in {ranges}: this machine has routes to all of them")


def free_index(taken: set[int]) -> int:
    """Return the lowest number that no cluster of the sandbox has, or none of its networks.

    Raises:
        SandboxError: the sandbox's /24 is full.
    """
    for index in range(MOST_CLUSTERS):
        if index not in taken:
            return index
    raise SandboxError(f"this sandbox has {MOST_CLUSTERS} clusters already, and no address for another")
