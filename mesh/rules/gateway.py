"""Ways into a cluster that cannot work, in the section `gateway`."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import IpFamilyPolicy, ServiceType
from mesh.istio.addresses import PeerAddress, given, ways
from mesh.istio.names import GATEWAY_PORT, GATEWAY_PORTS
from mesh.istio.values import mesh_networks, service_type
from mesh.mappings import at
from mesh.rules.addresses import is_service, misleading

_EXAMPLE = "[{address: 198.51.100.7, port: 31443}]"


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each setting without effect, and for each by which no peer would come in."""
    if "gateway.addresses" in config.settings:
        yield Problem(
            path="gateway.addresses",
            message="are those of one cluster; expected them in clusters.<name>.gateway.addresses, for "
            f"example {_EXAMPLE}",
        )
        return
    first: dict[PeerAddress, str] = {}
    for cluster in config.online.values():
        for setting, message in (*_service(cluster), *_families(cluster), *_replicas(cluster)):
            yield Problem(path=cluster.path(f"gateway.{setting}"), message=message)
        yield from _addresses(cluster, first)
        yield from _told(config, cluster)


def _service(cluster: ClusterConfig) -> Iterator[tuple[str, str]]:
    gateway = cluster.gateway
    service, kind = gateway.service, service_type(cluster)
    if kind != ServiceType.LOAD_BALANCER:
        for key, value in (("preset", service.preset), ("sourceRanges", service.source_ranges)):
            if value:
                yield (
                    f"service.{key}",
                    f"is for a load balancer, and service.type is {kind}; leave one of them out",
                )
    if kind != ServiceType.NODE_PORT:
        for key, value in (("nodePort", service.node_port), ("nodeSelector", service.node_selector)):
            if value:
                yield (
                    f"service.{key}",
                    f"needs service.type NodePort, and it is {kind}; leave one of them out",
                )
    elif service.node_selector and gateway.addresses:
        yield (
            "service.nodeSelector",
            "selects the nodes whose addresses peers use, and they use gateway.addresses; leave one of them "
            "out",
        )
    external = at(cluster.istio.values.gateway, "service", "externalIPs")
    if service.type == ServiceType.CLUSTER_IP and not (gateway.addresses or external):
        yield (
            "service.type",
            f"is ClusterIP, which gives peers no address; expected clusters.{cluster.name}.gateway.addresses "
            f"with those of what is in front of it, for example {_EXAMPLE}",
        )
    taken = {port: name for name, port in GATEWAY_PORTS.items() if port != GATEWAY_PORT}
    if gateway.port in taken:
        others = ", ".join(map(str, sorted(taken)))
        yield (
            "port",
            f"{gateway.port} is the gateway's {taken[gateway.port]}; expected a port other than {others}, "
            "for example 443",
        )


def _families(cluster: ClusterConfig) -> Iterator[tuple[str, str]]:
    families, policy = cluster.gateway.service.ip_families or (), cluster.gateway.service.ip_family_policy
    if len(families) > len(set(families)):
        yield "service.ipFamilies", "names a family twice; expected each once, for example [IPv6, IPv4]"
    elif len(families) > 1 and policy in (None, IpFamilyPolicy.SINGLE_STACK):
        dual = f"{IpFamilyPolicy.PREFER_DUAL_STACK} or {IpFamilyPolicy.REQUIRE_DUAL_STACK}"
        yield "service.ipFamilyPolicy", f"must be {dual} with two ipFamilies, or leave one of them out"


def _replicas(cluster: ClusterConfig) -> Iterator[tuple[str, str]]:
    replicas = cluster.gateway.replicas
    most = at(cluster.istio.values.gateway, "autoscaling", "maxReplicas")
    if replicas is not None and isinstance(most, int) and replicas > most:
        yield (
            "replicas",
            f"{replicas} is more than istio.values.gateway.autoscaling.maxReplicas, {most}; expected at most "
            "that",
        )


def _addresses(cluster: ClusterConfig, first: dict[PeerAddress, str]) -> Iterator[Problem]:
    """Addresses that lead peers elsewhere; `first` has the cluster of each one so far."""
    for number, address in enumerate(given(cluster)):
        path = f"clusters.{cluster.name}.gateway.addresses.{number}"
        url = f"https://{address.authority}"
        if wrong := misleading(url):
            yield Problem(
                path=path, message=f"{address} {wrong}; expected one that peers can reach, as 198.51.100.7"
            )
        elif is_service(url):
            yield Problem(
                path=path,
                message=f"{address} is a Service inside one cluster; expected an address that peers can "
                "reach, as 198.51.100.7",
            )
        elif (other := first.setdefault(address, cluster.name)) != cluster.name:
            yield Problem(
                path=path,
                message=f"{address} is an address of {other} too; expected each address and port to lead to "
                "one cluster",
            )
        elif address in given(cluster)[:number]:
            yield Problem(path=path, message=f"{address} is there twice; expected each address once")


def _told(config: StackConfig, cluster: ClusterConfig) -> Iterator[Problem]:
    """Networks in the user's values whose gateways are other ones than the stack gives."""
    for network, required in mesh_networks(ways(config, cluster.name)).items():
        values = at(cluster.istio.values.istiod, "global", "meshNetworks", network, "gateways")
        if values is not None and values != required["gateways"]:
            yield Problem(
                path=cluster.path(f"istio.values.istiod.global.meshNetworks.{network}.gateways"),
                message="differs from gateway.addresses of the clusters in this network; leave one out",
            )
