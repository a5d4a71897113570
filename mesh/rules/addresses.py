"""Addresses that lead peers to another place than is meant. Pure."""

import ipaddress
import re
import socket
from urllib.parse import urlsplit

_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_NUMBERS = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}")
_LOCAL_NAMES = {
    "localhost",
    "localhost4",
    "localhost6",
    "localhost.localdomain",
    "localhost4.localdomain4",
    "localhost6.localdomain6",
    "ip6-localhost",
    "ip6-loopback",
}
# What programs that run clusters on a desktop call the machine that they run on.
_DESKTOPS = ("docker", "containers", "lima", "minikube", "k3d", "orb", "rancher-desktop", "podman", "colima")
_ITSELF = "leads each peer to itself, not to this cluster"


def host(url: str) -> str:
    """The host in a URL as DNS compares it; empty where there is none."""
    try:
        return (urlsplit(url).hostname or "").removesuffix(".")
    except ValueError:
        return ""


def is_loopback(url: str) -> bool:
    """Whether a URL leads to the machine that follows it, wherever that is."""
    return misleading(url) == _ITSELF


def misleading(url: str) -> str | None:
    """Why a URL leads peers to another place than this cluster, in words that follow it; else None."""
    name = host(url)
    if not name:
        return "has no host"
    try:
        return _misleading_address(ipaddress.ip_address(name))
    except ValueError:
        pass
    if _NUMBERS.fullmatch(name):
        return _misleading_number(name)
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
        return _ITSELF
    if not _NAME.fullmatch(name):
        return "has no host name that DNS can have"
    labels = name.split(".")
    if labels[-1] == "internal" and labels[-2:-1] and labels[-2] in _DESKTOPS:
        return _ITSELF
    # The search domains of every pod make the API server of its own cluster of these.
    if labels[0] == "kubernetes" and (len(labels) == 1 or labels[1] == "default"):
        return "is each peer's own API server, not that of this cluster"
    return None


def is_service(url: str) -> bool:
    """Whether a URL has the name of a Service inside a cluster, which is another one in each."""
    labels = host(url).split(".")
    return labels[-1] == "svc" or labels[-2:] == ["cluster", "local"]


def _misleading_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str | None:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback or address.is_unspecified or (address.version == 4 and address.packed[0] == 0):
        return _ITSELF
    if address.is_link_local:
        return "is an address of the link that each peer is on, not of this cluster"
    if address.is_multicast or (address.version == 4 and address.is_reserved):
        return "is not the address of one server"
    return None


def _misleading_number(name: str) -> str:
    """For what C reads as an IPv4 address (`inet_aton`), and Go, in which istiod is written, as a name."""
    try:
        address = ipaddress.IPv4Address(socket.inet_aton(name))
    except (OSError, ValueError):
        return "has no host name that DNS can have"
    if (wrong := _misleading_address(address)) is not None:
        return wrong
    return f"is a form of {address} that istiod does not read: write {address}"
