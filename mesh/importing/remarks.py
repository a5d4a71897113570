"""What to know, and what to do, when a mesh that another tool built is imported. Pure."""

from collections.abc import Iterator, Sequence

from mesh.importing.imported import Remark
from mesh.importing.member import DEFAULT_MESH, Member, kubeconfigs, mesh_ids, other_selector
from mesh.istio.names import (
    BASE,
    CROSS_NETWORK_GATEWAY,
    GATEWAY,
    ISTIOD,
    NAMESPACE,
    READER_ACCOUNT,
    remote_secret_name,
)
from mesh.kubeconfig.credentials import claims
from mesh.mappings import as_map, at

_RELEASES = (BASE, ISTIOD, GATEWAY)
_ISTIOCTLS_TOKEN = "istio-reader-service-account-istio-remote-secret-token"  # noqa: S105 - a Secret's name


def remarks(members: Sequence[Member], *, signs: bool) -> Iterator[Remark]:
    """Everything that the stack file does not say; `signs` is whether the stack makes the intermediates."""
    if not mesh_ids(members):
        yield Remark(
            about="mesh.id",
            message=f"istiod has none. The stack file has {DEFAULT_MESH!r}, which metrics will show; you may "
            "set another",
        )
    for member in members:
        yield from _remarks_of(member, members)
    if not signs:
        yield Remark(
            about="trust",
            message="you keep `cacerts` and the root's key. With --root-key, the stack would make and renew "
            "the intermediates from now on",
        )


def before_the_first_preview(members: Sequence[Member]) -> Iterator[Remark]:
    """What Helm cannot adopt, so that the first update makes it again."""
    for member in filter(other_selector, members):
        yield Remark(
            about=member.cluster_id,
            message=f"the Deployment {GATEWAY} finds its pods by labels that cannot be changed. Delete it, "
            f"and keep its pods: `kubectl --context {member.context} --namespace {NAMESPACE} delete "
            f"deployment {GATEWAY} --cascade=orphan`. `pulumi up` makes a Deployment that adopts them",
            step=True,
        )


def _remarks_of(member: Member, members: Sequence[Member]) -> Iterator[Remark]:
    about = member.cluster_id
    names = [m.cluster_id for m in members]
    kubectl = f"kubectl --context {member.context}"
    yield from _added(member)
    for release in member.found.releases:
        if release.name in _RELEASES and release.version != member.found.version:
            yield Remark(
                about=about,
                message=f"the Helm release {release.name} has version {release.version}; the first update "
                f"changes it to istiod's, {member.found.version}",
            )
    for remote, text in kubeconfigs(member).items():
        if remote not in names:
            yield Remark(
                about=about,
                message=f"it reads the services of {remote}, which is not among the given contexts; its "
                "remote secret stays as it is. If it is a member, add its context",
                step=True,
            )
        elif not _is_readers(text):
            yield Remark(
                about=f"clusters.{remote}.reader.kubeconfig",
                message=f"{about} reads {remote} without a token of {READER_ACCOUNT}, for example through a "
                "relay. The first update gives it one. To keep its kubeconfig, put it here, with `--secret`",
                step=True,
            )
    for secret in member.found.remote_secrets:
        strange = [r for r in secret.kubeconfigs if r in names and secret.name != remote_secret_name(r)]
        if secret.labelled and strange:
            yield Remark(
                about=about,
                message=f"the remote secret {secret.name} has the clusters {', '.join(strange)}, and the "
                "stack makes one for each, which istiod ignores while this one exists. After the first "
                f"update: `{kubectl} --namespace {NAMESPACE} delete secret {secret.name}`, and restart "
                "istiod",
            )
    yield from _remarks_of_gateway(member, kubectl)


def _is_readers(kubeconfig: str) -> bool:
    return claims(kubeconfig).get("kubernetes.io/serviceaccount/service-account.name") == READER_ACCOUNT


def _remarks_of_gateway(member: Member, kubectl: str) -> Iterator[Remark]:
    about = member.cluster_id
    for namespace, service in member.found.other_gateways:
        yield Remark(
            about=about,
            message=f"the Service {namespace}/{service} is another gateway of the network, and the stack "
            f"adds {NAMESPACE}/{GATEWAY}. Once `python -m mesh verify` passes, remove the other one",
        )
    for namespace, gateway in member.found.exposing:
        if (namespace, gateway) != (NAMESPACE, CROSS_NETWORK_GATEWAY):
            yield Remark(
                about=about,
                message=f"the Gateway {namespace}/{gateway} exposes services, too: `exposure` says nothing "
                f"of those. If {CROSS_NETWORK_GATEWAY} exposes the same, after the first update: `{kubectl} "
                f"--namespace {namespace} delete gateways.networking.istio.io {gateway}`",
            )


def _added(member: Member) -> Iterator[Remark]:
    """What the first update changes in a cluster."""
    running = member.found.control_plane
    metadata = as_map(at(running.mesh_config if running else {}, "defaultConfig", "proxyMetadata")) or {}
    missing = [
        *(["ISTIO_MULTIROOT_MESH"] if running and not running.multi_root else []),
        *(n for n in ("ISTIO_META_DNS_CAPTURE", "PROXY_CONFIG_XDS_AGENT") if n not in metadata),
    ]
    if missing:
        yield Remark(
            about=member.cluster_id,
            message=f"the first update sets {', '.join(missing)} and restarts istiod: names of services in "
            "other clusters resolve, and roots can be rotated. Pods get it when they restart",
        )
    tokens = {
        str(claims(text).get("kubernetes.io/serviceaccount/secret.name"))
        for text in kubeconfigs(member).values()
    }
    if _ISTIOCTLS_TOKEN in tokens:
        yield Remark(
            about=member.cluster_id,
            message="its remote secrets get the stack's tokens. After that, in each cluster that it reads: "
            f"`kubectl --namespace {NAMESPACE} delete secret {_ISTIOCTLS_TOKEN}`",
        )
