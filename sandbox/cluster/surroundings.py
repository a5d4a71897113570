"""What is between a cluster and its peers. Pure.

By default a cluster is on a network of its own, and peers reach its API server and the addresses of its
load balancer, as between two clusters of a cloud. Everything else is asked for, when the cluster is started
for the first time, and stays until it is stopped.
"""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.errors import SandboxError

ApiServer = Literal["direct", "relay", "proxy"]
LoadBalancer = Literal["address", "hostname", "none"]

_NETWORK = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """How peers reach a cluster.

    `network`: pods are routed to and from those of the clusters that have the same one.
    `api_server`: peers reach it by its own address, by a relay that asks for a client certificate, or by an
    HTTP proxy (`CONNECT`).
    `load_balancer`: a Service of type LoadBalancer gets an address, a host name, or neither. With none, peers
    reach NodePorts, at the node's address, or with `external_ip` at another one, of type ExternalIP.
    `nat`: peers reach the load balancer, or NodePorts, by a port of another address only. `18443:15443` is
    that port, and the one to which it leads. One address is behind it, which is given to one Service.
    `dual_stack`: nodes, pods, Services and the load balancer have IPv6, too. Pods are not routed by it.

    Raises:
        SandboxError: a value cannot be used, with what was expected.
    """

    network: str | None = None
    api_server: ApiServer = "direct"
    load_balancer: LoadBalancer = "address"
    external_ip: bool = False
    nat: str | None = None
    dual_stack: bool = False

    def __post_init__(self) -> None:
        if self.network is not None and not _NETWORK.fullmatch(self.network):
            raise SandboxError(
                f"network {self.network!r}: expected up to 40 lower-case letters, digits and inner hyphens, "
                "for example: eu"
            )
        if self.nat is not None and not _is_port_pair(self.nat):
            raise SandboxError(f"NAT {self.nat!r}: expected two ports, for example: 18443:15443")
        if self.external_ip and self.load_balancer != "none":
            raise SandboxError(
                "external IP: expected a cluster without load balancer, which would have that address: "
                "--load-balancer none --external-ip"
            )

    @property
    def nat_ports(self) -> tuple[int, int] | None:
        """The port of the NAT, and the one to which it leads."""
        if self.nat is None:
            return None
        port, _, target = self.nat.partition(":")
        return int(port), int(target)

    def changed(self) -> dict[str, Any]:
        """Return what differs from the defaults, as JSON can have it."""
        everything, usual = dataclasses.asdict(self), dataclasses.asdict(USUAL)
        return {name: value for name, value in everything.items() if value != usual[name]}


def _is_port_pair(text: str) -> bool:
    ports = text.split(":")
    return len(ports) == 2 and all(port.isdecimal() and 0 < int(port) < 65536 for port in ports)


USUAL = Surroundings()


def surroundings(changed: Mapping[str, Any]) -> Surroundings:
    """Return the surroundings of which `Surroundings.changed` gave this."""
    return Surroundings(**changed)
