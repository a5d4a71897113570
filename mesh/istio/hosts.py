"""Hosts of services: which a cluster exposes, and which of them a pattern covers. Pure."""

from collections.abc import Iterable
from typing import cast

from mesh.config.resolved import ClusterConfig
from mesh.istio.names import NO_HOST
from mesh.mappings import Json, as_map, at


def cluster_domain(cluster: ClusterConfig) -> str:
    """The DNS domain of the cluster's services, as the chart `istiod` gets it."""
    return at(cluster.istio.values.istiod, "global", "proxy", "clusterDomain") or "cluster.local"


def service_host(name: str, namespace: str, domain: str) -> str:
    """The host of a Service in a cluster with that DNS domain."""
    return f"{name}.{namespace}.svc.{domain}"


def selected_hosts(cluster: ClusterConfig) -> tuple[str, ...]:
    """The hosts that the configuration alone says to expose: by themselves, and by namespace."""
    domain, exposure = cluster_domain(cluster), cluster.exposure
    return (
        *exposure.listed_hosts,
        *(service_host("*", namespace, domain) for namespace in exposure.namespaces),
    )


def exposed_hosts(cluster: ClusterConfig, labelled: Iterable[str]) -> tuple[str, ...]:
    """The hosts of the cluster's Gateway, each once.

    Args:
        cluster: with what it exposes.
        labelled: hosts of the Services that it exposes by their labels.
    """
    return tuple(dict.fromkeys((*selected_hosts(cluster), *labelled))) or (NO_HOST,)


def covers(pattern: str, host: str) -> bool:
    """Whether a host of a Gateway, with or without a wildcard, is or covers all of another one."""
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def gateway_hosts(gateway: Json) -> tuple[str, ...] | None:
    """The hosts of a Gateway as Pulumi has it; None where they are secret, and with them all around them."""
    servers: object = at(gateway, "spec", "servers")
    if not isinstance(servers, list):
        return None
    lists = [at(as_map(server), "hosts") for server in cast(list[object], servers)]
    if not all(isinstance(inner, list) for inner in lists):
        return None
    hosts = [host for inner in lists for host in inner]
    # In a preview, `[secret]` stands for one; in a state, a map.
    return None if any(not isinstance(host, str) or host.startswith("[") for host in hosts) else tuple(hosts)
