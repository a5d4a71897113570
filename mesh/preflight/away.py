"""Clusters that are away: offline in the stack file, not created yet, or without an answer. Pure."""

from collections.abc import Iterator, Mapping

from mesh.config.resolved import StackConfig
from mesh.live.facts import ObservedCluster
from mesh.plan import links, taken_away

_SEE = "docs/offline.md"
_PACKAGE = "docs/package.md#clusters-that-the-same-program-creates"


def warnings(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> Iterator[str]:
    """One warning for all offline clusters, one for all new ones, one for each without an answer."""
    if config.offline:
        names = ", ".join(config.offline)
        without = dict.fromkeys(link.cluster for link in links(config) if taken_away(config, link))
        secrets = f", but for those in ambient clusters: {', '.join(without)}" if without else ""
        yield (
            f"offline in the stack file, so left as they are: {names}, and the remote secrets for "
            f"them{secrets}. Once a cluster is back, remove its `offline` and run `pulumi up` ({_SEE})"
        )
    if config.awaited:
        yield (
            f"not looked at before the update: {', '.join(config.awaited)}, because a kubeconfig is not "
            f"known before its cluster exists ({_PACKAGE})"
        )
    for name, cluster in config.online.items():
        if name in config.awaited:
            continue
        if (reason := clusters[name].unreachable) and not cluster.skip_unreachable:
            yield (
                f"{name} gives no answer: {reason}. Its part will fail; with --continue-on-error the others "
                f"get theirs. If it comes back later, set clusters.{name}.offline to true. If it is gone for "
                f"good, run `python -m mesh forget {name}` ({_SEE})"
            )
