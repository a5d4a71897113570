"""Which Services clusters expose by their labels. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio.hosts import cluster_domain, gateway_hosts, service_host
from mesh.istio.names import CROSS_NETWORK_GATEWAY
from mesh.live.facts import LabelledServices
from mesh.stacks.state import ISTIO_GATEWAY, RecordedState


def hosts(
    config: StackConfig, found: Mapping[str, LabelledServices], recorded: RecordedState
) -> dict[str, tuple[str, ...]]:
    """The hosts of these Services by the cluster's name.

    A cluster that gives no answer keeps those that it exposed after the last update.
    """
    return {
        cluster.name: _hosts(cluster, found.get(cluster.name), recorded)
        for cluster in config.online.values()
        if cluster.exposure.labels
    }


def problems(config: StackConfig, found: Mapping[str, LabelledServices]) -> Iterator[Problem]:
    """A problem for each cluster whose Services may not be read."""
    for name, services in found.items():
        if services.refused:
            yield Problem(
                path=config.clusters[name].path("exposure.labels"),
                message=f"the Services of {name} cannot be read: {services.refused}; expected a user in the "
                "kubeconfig who may list Services in all namespaces",
            )


def _hosts(
    cluster: ClusterConfig, found: LabelledServices | None, recorded: RecordedState
) -> tuple[str, ...]:
    domain = cluster_domain(cluster)
    if found is not None and not found.unreachable:
        return tuple(service_host(name, namespace, domain) for name, namespace in found.names)
    of_services = f".svc.{domain}"
    return tuple(
        host
        for host in _recorded(cluster.name, recorded)
        if host.endswith(of_services) and not host.startswith("*")
    )


def _recorded(cluster: str, recorded: RecordedState) -> tuple[str, ...]:
    """The hosts of the cluster's Gateway in the state; none where they are secret."""
    name = f"{cluster}-{CROSS_NETWORK_GATEWAY}"
    gateways = (r for r in recorded.resources if (r.type, r.name) == (ISTIO_GATEWAY, name))
    return next((gateway_hosts(gateway.outputs) for gateway in gateways), None) or ()
