"""What must hold in the configuration of the readers, over all clusters."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.schema import ReaderSection
from mesh.config.types import ReaderRole, version_tuple
from mesh.istio.defects import DEFECTS
from mesh.kubeconfig.accepted import refusals
from mesh.plan import links

# Before 1.31 istiod always watches the Secrets of other clusters. 1.31.0 crashes when this is off: its
# `CredentialsController` is nil then, and asked whether it is in sync (`pilot/pkg/credentials/kube`).
_MINIMAL_SINCE = (1, 31, 1)


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """All problems of the section `reader`, and of what clusters override of it."""
    if config.reader.kubeconfig is not None:
        yield Problem(
            path="reader.kubeconfig",
            message="is that of one cluster; expected it in clusters.<name>.reader.kubeconfig",
        )
    for cluster in config.clusters.values():
        yield from _tokens(cluster, config)
        yield from _role(cluster, config.reader)
        if config.reader.kubeconfig is None and cluster.reader.kubeconfig is not None:
            for refusal in refusals(cluster.reader.kubeconfig.get_secret_value()):
                yield Problem(path=f"{cluster.path('reader')}.kubeconfig", message=refusal)


def _tokens(cluster: ClusterConfig, config: StackConfig) -> Iterator[Problem]:
    path = f"{cluster.path('reader')}.tokenGenerations"
    generations = list(cluster.reader.token_generations)
    if len(generations) != len(set(generations)):
        yield Problem(
            path=path,
            message=f"{generations} has a generation twice; expected each once, for example [1, 2]",
        )
    if len(generations) == 1 or cluster.reader.kubeconfig is not None or cluster.offline:
        return
    readers = {link.cluster for link in links(config) if link.remote == cluster.name}
    for peer in config.online.values():
        version = peer.istio.version
        found = [defect for defect in DEFECTS if defect.on_rotation and defect.affects(version)]
        if found and peer.name in readers:
            yield Problem(
                path=path,
                message=f"{generations} changes the remote secrets of {cluster.name}, and istiod {version} "
                f"of {peer.name} may ignore that or lose gateways or endpoints by it "
                f"({', '.join(defect.see for defect in found)}); upgrade it first, for example to "
                f"{max((defect.fixed for defect in found), key=version_tuple)}",
            )


def _role(cluster: ClusterConfig, reader: ReaderSection) -> Iterator[Problem]:
    path = f"{cluster.path('reader')}.role"
    if cluster.reader.role != reader.role:
        yield Problem(
            path=path,
            message=f"{cluster.reader.role.value!r} here and {reader.role.value!r} for all; expected "
            "one role for all clusters, because each istiod must know that it may read no Secrets of others",
        )
    elif reader.role == ReaderRole.MINIMAL and version_tuple(cluster.istio.version) < _MINIMAL_SINCE:
        yield Problem(
            path=path,
            message=f"'minimal' needs Istio 1.31.1 or later in every cluster, and {cluster.name} has "
            f"{cluster.istio.version}: up to 1.30, istiod always reads Secrets of other clusters, and "
            "1.31.0 crashes when this is off; expected chart",
        )
