"""Which names, addresses and folders a sandbox and its clusters have. Pure: nothing here asks the machine.

Every sandbox is a /24 behind a bridge of its own. Its first address is this machine; then each
cluster has a block of four: the node, and three for Services of type LoadBalancer. Inside, all
clusters use the same pod and service ranges, as clusters of different networks may.
"""

import hashlib
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from sandbox.errors import SandboxError

POD_RANGE = "10.244.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_ADDRESS = "10.96.0.10"
API_PORT = 6443

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


@dataclass(frozen=True, kw_only=True)
class ClusterLayout:
    """Where one cluster of a sandbox is."""

    instance: Instance
    name: str
    index: int

    @property
    def node(self) -> str:
        """The name of the cluster's only node."""
        return f"{self.name}-node"

    @property
    def node_address(self) -> str:
        """The node's address, which is also the API server's."""
        return str(self._address(0))

    @property
    def load_balancer_addresses(self) -> tuple[str, ...]:
        """The addresses for Services of type LoadBalancer."""
        return tuple(str(self._address(offset)) for offset in range(1, ADDRESSES_PER_CLUSTER))

    @property
    def server(self) -> str:
        """The API server's URL, for this machine and for other clusters alike."""
        return f"https://{self.node_address}:{API_PORT}"

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
            "/var/log": self.folder / "node-logs",
        }

    def _address(self, offset: int) -> IPv4Address:
        return self.instance.subnet[ADDRESSES_PER_CLUSTER * (self.index + 1) + offset]


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
    """Return the lowest number that no cluster of the sandbox has.

    Raises:
        SandboxError: the sandbox's /24 is full.
    """
    for index in range(MOST_CLUSTERS):
        if index not in taken:
            return index
    raise SandboxError(f"this sandbox has {MOST_CLUSTERS} clusters already, and no address for another")
