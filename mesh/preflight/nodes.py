"""Whether gateways of type NodePort have nodes that other networks can reach. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import ServiceType
from mesh.istio.addresses import Node
from mesh.istio.values import service_type

_SEE = "docs/gateways.md#node-ports"


def used(config: StackConfig) -> tuple[str, ...]:
    """The names of the clusters whose nodes have the addresses of their gateway."""
    return tuple(name for name, cluster in config.online.items() if _by_nodes(cluster))


def problems(config: StackConfig, nodes: Mapping[str, Sequence[Node]]) -> Iterator[Problem]:
    """Each gateway for which the stack asks for node ports where no node has an address for peers.

    Args:
        config: of the stack.
        nodes: of the clusters whose nodes could be read, by name.
    """
    for name, found in nodes.items():
        cluster = config.clusters[name]
        service = cluster.gateway.service
        if service.type != ServiceType.NODE_PORT:
            continue  # the user's values ask for it, which is fine for gateways whose addresses istiod gets
        chosen = [node for node in found if service.node_selector.items() <= node.labels.items()]
        if any(node.address for node in chosen):
            continue
        labels = ", ".join(f"{key}={value}" for key, value in service.node_selector.items())
        which = (
            f"none of the {len(chosen)} nodes with {labels}" if labels else f"none of the {len(found)} nodes"
        )
        yield Problem(
            path=cluster.path("gateway.service.type"),
            message=f"is NodePort, and {which} of {name} has an address of the type ExternalIP: istiod "
            f"gives peers no others; expected clusters.{name}.gateway.addresses with those that peers can "
            f"reach, for example [{{address: 198.51.100.7, port: 31443}}] ({_SEE})",
        )


def _by_nodes(cluster: ClusterConfig) -> bool:
    return not cluster.gateway.addresses and service_type(cluster) == ServiceType.NODE_PORT
