"""Gateways to other networks let in what they should, from where they should."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from mesh.istio.names import GATEWAY as EAST_WEST
from mesh.istio.names import (
    GATEWAY_LABEL,
    GATEWAY_PORT,
    ISTIOD_HOST,
    ISTIOD_PORT,
    NO_HOST,
    WEBHOOK_PORT,
)
from mesh.mappings import as_map, at
from policy.resources import GATEWAY, RELEASE, SERVICE, Resource, Violation

_PASSTHROUGH = "AUTO_PASSTHROUGH"
_TO_ISTIOD = "PASSTHROUGH"
_LOCAL = ("*.local",)
_INTERNAL = {
    "networking.gke.io/load-balancer-type": "internal",
    "cloud.google.com/load-balancer-type": "internal",
    "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
}
"""By which clouds are told to keep a load balancer inside."""


def expose_only(resource: Resource, settings: Mapping[str, Any]) -> Iterator[str]:
    """What a Gateway opens to other networks beyond the hosts in `hosts`."""
    if resource.type != GATEWAY:
        return
    allowed = tuple(settings.get("hosts", _LOCAL))
    east_west = resource.get("spec", "selector", "istio") == GATEWAY_LABEL
    for server in resource.get("spec", "servers") or ():
        mode, port = at(server, "tls", "mode"), at(server, "port", "number")
        if east_west and mode == _TO_ISTIOD and port in (ISTIOD_PORT, WEBHOOK_PORT):
            if (hosts := list(at(server, "hosts") or ())) != [ISTIOD_HOST]:
                yield f"it leads {', '.join(map(str, hosts))} to istiod; expected {ISTIOD_HOST} alone"
            continue
        if (mode == _PASSTHROUGH) != east_west or (east_west and port != GATEWAY_PORT):
            yield (
                f"it opens port {port} with the mode {mode}; expected {_PASSTHROUGH} on port {GATEWAY_PORT} "
                "of the east-west gateway, and nowhere else"
            )
        elif east_west:
            for host in at(server, "hosts") or ():
                if host != NO_HOST and not any(_covers(wide, str(host)) for wide in allowed):
                    yield f"it exposes {host}; expected only what `hosts` allows: {', '.join(allowed)}"


def _covers(wide: str, host: str) -> bool:
    """Whether all names of `host` are names of `wide`; before a `/` is the namespace of the service."""
    name = host.rpartition("/")[2]
    return wide in ("*", name) or (wide.startswith("*.") and name.endswith(wide[1:]))


def source_ranges(resources: Sequence[Resource], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """A violation for each east-west gateway that the whole internet can connect to."""
    services = {r.provider: r for r in resources if r.type == SERVICE and _is_gateway(r)}
    for release in resources:
        if release.type != RELEASE or release.get("name") != EAST_WEST:
            continue
        service = services.get(release.provider)
        address = _public_address(service) if service else None
        if address and _open(release.get("values", "service", "loadBalancerSourceRanges") or ()):
            yield Violation(
                urn=release.urn,
                message=f"{address}, the east-west gateway of {release.provider}, takes connections from "
                "everywhere; expected `service.loadBalancerSourceRanges` in the values of `gateway`, with "
                "the addresses that the other clusters call from, or an internal load balancer",
            )


def _is_gateway(service: Resource) -> bool:
    return service.get("metadata", "name") == EAST_WEST


def _public_address(service: Resource) -> str | None:
    """The first address that is routed on the internet; a host name counts, as clouds give it to such."""
    annotations = as_map(service.get("metadata", "annotations")) or {}
    if any(str(annotations.get(key)).lower() == value for key, value in _INTERNAL.items()):
        return None
    for entry in service.get("status", "loadBalancer", "ingress") or ():
        address = at(entry, "ip")
        if address and ip_address(address).is_global:
            return str(address)
        if hostname := at(entry, "hostname"):
            return str(hostname)
    return None


def _open(ranges: Sequence[str]) -> bool:
    return not ranges or any(ip_network(one, strict=False).prefixlen == 0 for one in ranges)
