"""Rules of failover: each service once, with an effect, and without contradictions."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.sections.failover import FailoverSection
from mesh.config.types import DataPlane, Preference
from mesh.istio.hosts import cluster_domain, covers, service_host
from mesh.istio.names import NAMESPACE
from mesh.mappings import at
from mesh.plan import cluster_plan, leads_sidecars
from mesh.samples import names as sample

_AMBIENT = "docs/failover.md#ambient"


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each setting with no effect, or with an unwanted one."""
    if not config.failover:
        return
    leading = [c for c in config.online.values() if leads_sidecars(config, c.name)]
    if config.online and not leading:
        yield Problem(
            path="failover",
            message="is for clients with sidecars, and the stack has none: ztunnel ejects no endpoints; "
            f"leave it out ({_AMBIENT})",
        )
        return
    for cluster in leading:
        if (root := at(cluster.istio.values.istiod, "meshConfig", "rootNamespace")) not in (None, NAMESPACE):
            yield Problem(
                path=cluster.path("istio.values.istiod.meshConfig.rootNamespace"),
                message=f"is {root!r}, but failover is configured in {NAMESPACE}, where it would apply to no "
                f"client; expected {NAMESPACE}, or no failover",
            )
    seen: set[str] = set()
    for index, failover in enumerate(config.failover):
        for position, host in enumerate(failover.hosts):
            path = f"failover.{index}.hosts.{position}"
            if host in seen:
                yield Problem(path=path, message=f"{host} is there twice; expected each host once")
                continue
            seen.add(host)
            if message := _message(config, leading, failover, host):
                yield Problem(path=path, message=message)


def _message(
    config: StackConfig, leading: list[ClusterConfig], failover: FailoverSection, host: str
) -> str | None:
    for cluster in leading:
        domain = cluster_domain(cluster)
        if not host.endswith(f".svc.{domain}"):
            name, namespace, *_ = host.split(".")
            return f"{host}: {cluster.name} has no such service; expected " + service_host(
                name, namespace, domain
            )
        for local in cluster.exposure.cluster_local:
            if covers(local, host):
                return (
                    f"{host}: exposure.clusterLocal of {cluster.name} has {local}, so no call to it leaves "
                    "the cluster; expected it in only one of the two"
                )
    return _sample(config, leading, failover, host)


def _sample(
    config: StackConfig, leading: list[ClusterConfig], failover: FailoverSection, host: str
) -> str | None:
    for cluster in leading:
        own = service_host(sample.SERVICE, sample.NAMESPACE, cluster_domain(cluster))
        if host != own or not cluster.hello_world.enabled:
            continue
        if cluster_plan(config, cluster.name).shared_ways:
            return (
                f"{host} is HelloWorld, which has its own DestinationRule in {cluster.name}; expected a "
                "service of yours"
            )
        if failover.prefer is not Preference.NONE:
            return (
                f"{host} is HelloWorld, and `python -m mesh verify` expects its answers from all clusters; "
                f"expected `prefer: {Preference.NONE}`, or a service of yours"
            )
    return None


def warnings(config: StackConfig) -> Iterator[Problem]:
    """Clients without failover."""
    ambient = [cluster.name for cluster in config.online.values() if cluster.data_plane != DataPlane.SIDECAR]
    if config.failover and ambient:
        yield Problem(
            path="failover",
            message=f"does nothing for ambient clients, such as those in {', '.join(ambient)}: ztunnel "
            f"ejects no endpoints ({_AMBIENT})",
        )
