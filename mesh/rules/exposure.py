"""What is exposed can be called by somebody, and what stays inside its cluster is said in one place."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.istio.hosts import covers, selected_hosts
from mesh.istio.values import service_settings
from mesh.mappings import as_map, at
from mesh.plan import links


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each contradiction between what clusters expose and what they keep inside."""
    for cluster in config.online.values():
        yield from _own_settings(cluster)
    if not config.split:  # who calls from other stacks is not known here
        yield from _for_nobody(config)


def _own_settings(cluster: ClusterConfig) -> Iterator[Problem]:
    """The user's own `serviceSettings` for the same host."""
    for index, entry in enumerate(service_settings(cluster)):
        setting = as_map(entry) or {}
        hosts = setting.get("hosts")
        both = [h for h in cluster.exposure.cluster_local if isinstance(hosts, list) and h in hosts]
        if both and at(setting, "settings", "clusterLocal") is not True:
            yield Problem(
                path=f"{cluster.path('istio.values.istiod.meshConfig.serviceSettings')}[{index}]",
                message=f"says that calls to {', '.join(both)} leave the cluster, and exposure.clusterLocal "
                "keeps them inside; expected one of the two",
            )


def _for_nobody(config: StackConfig) -> Iterator[Problem]:
    """Hosts that no cluster can call, because all that see it keep them inside."""
    callers: dict[str, list[ClusterConfig]] = {}
    for link in links(config):
        callers.setdefault(link.remote, []).append(config.clusters[link.cluster])
    for name, seen_by in callers.items():
        cluster = config.clusters[name]
        settings: Mapping[str, str] = dict.fromkeys(cluster.exposure.listed_hosts, "exposure.hosts")
        for host in selected_hosts(cluster):
            kept = [_keeps(caller, host) for caller in seen_by]
            if all(kept):
                setting = settings.get(host, "exposure.namespaces")
                yield Problem(
                    path=cluster.path(setting),
                    message=f"exposes {host}, and exposure.clusterLocal has {kept[0]}, by which no cluster "
                    "calls it in another one; expected it in one of the two",
                )


def _keeps(caller: ClusterConfig, host: str) -> str | None:
    """What keeps calls to all of a host inside the caller's cluster."""
    return next((local for local in caller.exposure.cluster_local if covers(local, host)), None)
