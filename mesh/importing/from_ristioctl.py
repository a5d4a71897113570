"""The stack file of a mesh that `ristioctl` has made, or should make. Pure.

In its repository, `internal/fixtures/data` has what it installs without a key, and `pkg/commands/apply.go`
makes certificates and remote secrets. `mesh.importing.ristioctl` says where the repository is.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from cryptography import x509

from mesh import versions
from mesh.config.problems import Problem
from mesh.config.sections.trust import IntermediateSection, RootSection
from mesh.config.types import version_tuple
from mesh.importing.imported import Imported, NotImportableError, Remark
from mesh.importing.ristioctl import Certificate, Cluster, Configuration
from mesh.kubeconfig.read import endpoint
from mesh.pki.certificates import parse_one, to_pem
from mesh.samples.names import NAMESPACE as SAMPLE

Read = Callable[[str], str]
"""Gives the text of a file by its path; raises OSError or UnicodeDecodeError where it cannot."""

_FOLDER = "~/.ristioctl/istio/certs"
"""Where it keeps the certificates and keys of all meshes without a `folder`."""
_RELAYS = ("rafay-edge.net", "rafay.dev")
"""How it recognizes Rafay's relay (`CheckForRafayKubeConfig`)."""
_MESH_CONFIG: Mapping[str, Any] = {
    "enablePrometheusMerge": False,
    "defaultConfig": {
        "proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "true", "ISTIO_META_DNS_AUTO_ALLOCATE": "true"}
    },
}
"""What it sets in every mesh."""
_ROOT, _INTERMEDIATE = RootSection(), IntermediateSection()
_MADE = "docs/import.md#a-mesh-that-ristioctl-has-made"


def from_ristioctl(configuration: Configuration, read: Read) -> Imported:
    """The stack file, with the names and networks of `ristioctl`.

    Its folder of certificates shows whether it has made the mesh from this machine. If so, the mesh keeps its
    root and the `cacerts` of its clusters.

    Raises:
        NotImportableError: its certificates exist but cannot be read.
    """
    certificate, clusters = configuration.certificate, configuration.clusters
    root, signed = _authorities(configuration, read)
    files = {cluster.name: _file(cluster, read) for cluster in clusters}
    relayed = frozenset(c.name for c in clusters if _is_relay(files[c.name], c.spec.context, read))
    installed = _versions(clusters)
    [(usual, _)] = Counter(installed.values()).most_common(1)
    samples = [cluster.name for cluster in clusters if cluster.spec.install_hello_world]
    everywhere = len(samples) == len(clusters)

    def entry(cluster: Cluster) -> Iterator[tuple[str, Any]]:
        yield "context", cluster.spec.context
        if file := files[cluster.name]:
            yield "kubeconfig", file
        yield "network", f"network-{cluster.name}"
        if cluster.metadata.labels:
            yield "labels", dict(cluster.metadata.labels)
        if (version := installed[cluster.name]) != usual:
            yield "istio", {"version": version}
        if root and cluster.name not in signed:
            yield "trust", {"intermediate": {"existing": False}}
        if cluster.name in relayed:
            yield "reader", {"kubeconfig": {"file": files[cluster.name], "context": cluster.spec.context}}
        if cluster.name in samples and not everywhere:
            yield "helloWorld", True

    trust = _kept(root) if root else _generated(certificate.spec.validity_hours)
    return Imported(
        sections={
            "mesh": {"id": certificate.spec.mesh_id},
            "istio": {"version": usual, "values": {"istiod": {"meshConfig": _MESH_CONFIG}}},
            **({"trust": trust} if trust else {}),
            **({"helloWorld": {"enabled": True}} if everywhere else {}),
            "clusters": {cluster.name: dict(entry(cluster)) for cluster in clusters},
        },
        remarks=(
            *configuration.ignored,
            *_of_certificate(certificate, generated=root is None),
            *(_kept_trust(configuration, root, signed) if root else _new_trust(certificate)),
            *(
                remark
                for c in clusters
                for remark in _of_cluster(c, installed[c.name], files[c.name], made=c.name in signed)
            ),
            *(_unreadable(c, files[c.name]) for c in clusters if not _readable(files[c.name], read)),
            *(_relay(c) for c in clusters if c.name in relayed),
            _in_every_mesh(),
        ),
    )


def _authorities(configuration: Configuration, read: Read) -> tuple[x509.Certificate | None, frozenset[str]]:
    """The root that `ristioctl` made for the mesh, and the clusters with an intermediate under it.

    A root without such clusters belongs to another mesh: without `folder`, all meshes share one.

    Raises:
        NotImportableError: the certificates exist but cannot be read. A new root would then be wrong.
    """
    folder = _folder(configuration.certificate)
    try:
        signed = frozenset(
            cluster.name
            for cluster in configuration.clusters
            if _if_there(f"{folder}/{cluster.name}/ca-cert.pem", read)
        )
        if not signed:
            return None, signed
        return parse_one(read(f"{folder}/root-cert.pem")), signed
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise NotImportableError(
            [
                Problem(
                    path=f"{configuration.certificate.place}, spec.folder",
                    message=f"the certificates in {folder} cannot be read: {reason}; expected root-cert.pem, "
                    "and ca-cert.pem in a folder for each cluster",
                )
            ]
        ) from error


def _if_there(path: str, read: Read) -> str | None:
    try:
        return read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _folder(certificate: Certificate) -> str:
    return (certificate.spec.folder or _FOLDER).rstrip("/")


def _kept(root: x509.Certificate) -> Mapping[str, Any]:
    return {"root": {"certificate": to_pem(root)}, "intermediate": {"existing": True}}


def _generated(hours: int | None) -> Mapping[str, Any]:
    """With intermediates that are valid for the default share of the root's validity."""
    if hours is None:
        return {}
    own = hours * _INTERMEDIATE.validity_hours // _ROOT.validity_hours
    if own >= _INTERMEDIATE.validity_hours:
        return {"root": {"validityHours": hours}}
    renewed = own * _INTERMEDIATE.renew_before_hours // _INTERMEDIATE.validity_hours
    shorter = {"validityHours": max(2, own), "renewBeforeHours": max(1, renewed)}
    return {"root": {"validityHours": hours}, "intermediate": shorter}


def _versions(clusters: Sequence[Cluster]) -> Mapping[str, str]:
    """The version of each cluster. One that is too old becomes the newest of the others, if any."""
    given = {cluster.name: cluster.spec.version for cluster in clusters}
    known = [version for version in given.values() if not _is_too_old(version)]
    raised = max(known, key=version_tuple, default=versions.ISTIO)
    return {name: raised if _is_too_old(version) else version for name, version in given.items()}


def _is_too_old(version: str) -> bool:
    return version_tuple(version) < version_tuple(versions.OLDEST_ISTIO)


def _file(cluster: Cluster, read: Read) -> str | None:
    """The path of the kubeconfig: as written, or relative to the configuration's folder.

    `ristioctl` takes it relative to the folder in which it ran, which is not recorded.
    """
    written = cluster.spec.kubeconfig_file
    if written is None or _text(written, read) is not None:
        return written
    beside = str(PurePath(cluster.file).parent / written)
    return written if _text(beside, read) is None else beside


def _is_relay(file: str | None, context: str, read: Read) -> bool:
    text = _text(file, read) if file else None
    try:
        server = endpoint(text, context).server if text else ""
    except ValueError:
        return False  # the stack file's own rules say why
    return any(relay in server for relay in _RELAYS)


def _readable(file: str | None, read: Read) -> bool:
    return file is None or _text(file, read) is not None


def _text(path: str, read: Read) -> str | None:
    try:
        return read(path)
    except (OSError, UnicodeDecodeError):
        return None


def _of_certificate(certificate: Certificate, *, generated: bool) -> Iterator[Remark]:
    place, spec = certificate.place, certificate.spec
    if spec.password is not None:
        yield Remark(
            about=f"{place}, spec.password",
            message="has no counterpart: ristioctl does not read it, and encrypts no keys. Here, the stack's "
            "secrets provider encrypts every key",
        )
    if spec.san_suffix is not None and generated:
        yield Remark(
            about=f"{place}, spec.sanSuffix",
            message="has no counterpart: Istio does not use the names in CA certificates",
        )


def _new_trust(certificate: Certificate) -> Iterator[Remark]:
    folder, hours = _folder(certificate), certificate.spec.validity_hours
    if hours is not None:
        own = _generated(hours).get("intermediate", {}).get("validityHours", _INTERMEDIATE.validity_hours)
        yield Remark(
            about=f"{certificate.place}, spec.validityHours",
            message=f"is the validity of the root. Intermediates are valid for {own} hours, and `pulumi up` "
            "renews them before they expire",
        )
    yield Remark(
        about=f"{certificate.place}, spec.folder",
        message=f"{folder} has no certificates of these clusters, so the stack makes a new root. If "
        f"ristioctl has made this mesh, bring its folder here, and import again: {_MADE}",
    )


def _kept_trust(
    configuration: Configuration, root: x509.Certificate, signed: frozenset[str]
) -> Iterator[Remark]:
    certificate, folder = configuration.certificate, _folder(configuration.certificate)
    yield Remark(
        about=f"{certificate.place}, spec.folder",
        message=f"the mesh keeps the root in {folder}, which expires on {root.not_valid_after_utc:%Y-%m-%d}, "
        "and the cacerts of its clusters, which you renew yourself. The keys in that folder are not "
        f"encrypted: move them to a safe place: {_MADE}",
        step=True,
    )
    for cluster in configuration.clusters:
        if cluster.name not in signed:
            yield Remark(
                about=cluster.place,
                message=f"has no certificate in {folder}, so the stack signs one for it, with the root's "
                f"key: `pulumi config set --secret --path 'trust.root.privateKey' < {folder}/root-ca.key`",
                step=True,
            )


def _of_cluster(cluster: Cluster, version: str, file: str | None, *, made: bool) -> Iterator[Remark]:
    place, spec = cluster.place, cluster.spec
    if version != spec.version:
        first = ". Upgrade this mesh before you hand it over, one minor version at a time" if made else ""
        yield Remark(
            about=f"{place}, spec.version",
            message=f"is {version} in the stack file: {spec.version} is older than {versions.OLDEST_ISTIO}, "
            f"the oldest Istio that this program installs{first}",
            step=made,
        )
    if spec.install_hello_world and made:
        kubectl = f"kubectl --kubeconfig {file}" if file else "kubectl"
        yield Remark(
            about=f"{place}, spec.installHelloWorld",
            message="this program has another sample of the same name; first delete that of ristioctl: "
            f"`{kubectl} --context {spec.context} delete namespace {SAMPLE}`",
            step=True,
        )
    for key in cluster.metadata.annotations:
        yield Remark(
            about=f"{place}, metadata.annotations.{key}",
            message="has no counterpart: ristioctl does nothing with it",
        )


def _unreadable(cluster: Cluster, file: str | None) -> Remark:
    return Remark(
        about=f"{cluster.place}, spec.kubeconfigFile",
        message=f"{file} cannot be read here. If it leads through Rafay's relay, other clusters need it, "
        "too: run the import where it can be read, or see docs/relays/rafay.md",
        step=True,
    )


def _relay(cluster: Cluster) -> Remark:
    return Remark(
        about=f"{cluster.place}, spec.kubeconfigFile",
        message="leads through Rafay's relay, which accepts no tokens: the other clusters get this context, "
        "as from ristioctl, and with it the rights of its user: docs/relays/rafay.md",
    )


def _in_every_mesh() -> Remark:
    return Remark(
        about="what ristioctl installs without a key",
        message="istio.values turns DNS capture on, and merging of Prometheus metrics off. This program "
        "does not install Istio's ingress gateway: an existing one stays as it is",
    )
