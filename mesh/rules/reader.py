"""What must hold in the configuration of the readers, over all clusters."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.sections.reader import ReaderSection
from mesh.config.types import ReaderRole, version_tuple
from mesh.istio.defects import on_rotation
from mesh.istio.revisions import oldest, revisions
from mesh.kubeconfig.accepted import refusals
from mesh.kubeconfig.credentials import client_certificate as certificate_in
from mesh.kubeconfig.credentials import has_token, token_end
from mesh.pki.client_certificate import client_certificate
from mesh.plan import links

# Before 1.31 istiod always watches the Secrets of other clusters. 1.31.0 crashes when this is off: its
# `CredentialsController` is nil then, and asked whether it is in sync (`pilot/pkg/credentials/kube`).
_MINIMAL_SINCE = (1, 31, 1)
_FOLDER_SINCE = (1, 30, 0)


def problems(config: StackConfig, now: datetime) -> Iterator[Problem]:
    """All problems of the section `reader`, and of what clusters override of it."""
    if config.reader.kubeconfig is not None:
        yield Problem(
            path="reader.kubeconfig",
            message="is that of one cluster; expected it in clusters.<name>.reader.kubeconfig",
        )
    for cluster in config.clusters.values():
        yield from _tokens(cluster, config)
        yield from _role(cluster, config.reader)
        yield from _kubeconfig(cluster, config, now)


def _kubeconfig(cluster: ClusterConfig, config: StackConfig, now: datetime) -> Iterator[Problem]:
    given, path = cluster.kubeconfig, cluster.access_setting(None)
    if given is None:
        return
    if given.text:
        for refusal in refusals(given.text):
            yield Problem(path=path, message=refusal)
        shown = client_certificate(certificate_in(given.text), alone=not has_token(given.text))
        if shown is not None and (why := shown.invalid(now)):
            yield Problem(
                path=path,
                message=f"its client certificate {shown.subject!r} {why}; expected a kubeconfig with one "
                "that is valid",
            )
        end = token_end(given.text)
        if end is not None and end <= now:
            yield Problem(
                path=path,
                message=f"its token has expired at {end:%Y-%m-%d %H:%M} UTC; expected a kubeconfig with one "
                "that is valid",
            )
    if given.secret is not None:
        yield from _folder(cluster, path, config)


def _folder(cluster: ClusterConfig, path: str, config: StackConfig) -> Iterator[Problem]:
    """What keeps istiod of the reading clusters from a kubeconfig that something else writes."""
    if config.split:
        yield Problem(
            path=path,
            message=f"is a Secret in the clusters that read {cluster.name}, and those of other stacks would "
            "not know; expected all clusters in one stack, or another kind of kubeconfig",
        )
    for reader in config.online.values():
        version = oldest(reader).version
        if cluster.name in reader.kubeconfig_folder and version_tuple(version) < _FOLDER_SINCE:
            yield Problem(
                path=path,
                message=f"is a Secret, which istiod reads from a folder in Istio 1.30 and later, and "
                f"{reader.name} has {version}; expected a newer version there, or another kind "
                "of kubeconfig",
            )


def _tokens(cluster: ClusterConfig, config: StackConfig) -> Iterator[Problem]:
    path = f"{cluster.path('reader')}.tokenGenerations"
    generations = list(cluster.reader.token_generations)
    if len(generations) != len(set(generations)):
        yield Problem(
            path=path,
            message=f"{generations} has a generation twice; expected each once, for example [1, 2]",
        )
    if len(generations) == 1 or cluster.kubeconfig is not None or cluster.offline:
        return
    readers = {link.cluster for link in links(config) if link.remote == cluster.name}
    for peer, version in ((p, r.version) for p in config.online.values() for r in revisions(p)):
        found = on_rotation(version, ambient=peer.data_plane.has_ztunnel)
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
    elif reader.role == ReaderRole.MINIMAL and version_tuple(oldest(cluster).version) < _MINIMAL_SINCE:
        yield Problem(
            path=path,
            message=f"'minimal' needs Istio 1.31.1 or later in every cluster, and {cluster.name} has "
            f"{oldest(cluster).version}: up to 1.30, istiod always reads Secrets of other clusters, and "
            "1.31.0 crashes when this is off; expected chart",
        )
