"""The configuration of `ristioctl`: documents of the kinds `Certificate` and `Cluster`. Pure.

Keys and what they mean are those of its code, of 2024-09-04
(https://github.com/RafaySystems/rafay-istio-multicluster): `pkg/common/common.go` has the keys, and
`pkg/commands/apply.go` uses them. It ignores keys and kinds that it does not know.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mesh import versions
from mesh.config.problems import Problem, explain
from mesh.config.types import DnsLabel, Hours, version_tuple
from mesh.importing.documents import Document
from mesh.importing.imported import NotImportableError, Remark
from mesh.mappings import as_map, at


def _full(version: str) -> str:
    _ = version_tuple(version)
    return version


def _truth(value: object) -> object:
    return {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value


class _Map(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)


class Metadata(_Map):
    """Both kinds have it; that of a Certificate is not used."""

    name: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class ClusterMetadata(Metadata):
    """The metadata of a cluster. Its name is its cluster ID in Istio."""

    name: DnsLabel = Field(examples=["east"])


class CertificateSpec(_Map):
    """The root CA and the intermediate CAs of a mesh."""

    mesh_id: DnsLabel = Field(alias="meshID", examples=["dev"])
    validity_hours: Hours | None = Field(default=None, alias="validityHours", examples=[87600])
    san_suffix: str | None = Field(default=None, alias="sanSuffix", examples=["istio.io"])
    folder: str | None = Field(default=None, examples=["certs"])
    password: Any = None


class ClusterSpec(_Map):
    """One cluster of a mesh."""

    mesh_id: DnsLabel = Field(alias="meshID", examples=["dev"])
    kubeconfig_file: str | None = Field(default=None, alias="kubeconfigFile", examples=["kubeconfig.yaml"])
    context: str = Field(examples=["east"])
    version: Annotated[str, AfterValidator(_full)] = Field(examples=[versions.ISTIO])
    install_hello_world: Annotated[bool, BeforeValidator(_truth), Field(strict=True)] = Field(
        default=False, alias="installHelloWorld", examples=["true"]
    )


class _Kind(_Map):
    api_version: str = Field(default="", alias="apiVersion")
    kind: str


class _CertificateKind(_Kind):
    metadata: Metadata = Metadata()
    spec: CertificateSpec = Field(examples=["{meshID: dev}"])


class _ClusterKind(_Kind):
    metadata: ClusterMetadata = Field(examples=["{name: east}"])
    spec: ClusterSpec = Field(examples=["{context: east, meshID: dev}"])


_KINDS: Mapping[str, type[_Kind]] = {"Certificate": _CertificateKind, "Cluster": _ClusterKind}


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A Certificate, and where it stands."""

    place: str
    spec: CertificateSpec


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A Cluster, and where it stands."""

    file: str
    place: str
    metadata: ClusterMetadata
    spec: ClusterSpec

    @property
    def name(self) -> str:
        """Its name, which is its cluster ID in Istio."""
        return self.metadata.name


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """One mesh: its certificate, its clusters, and what was ignored."""

    certificate: Certificate
    clusters: tuple[Cluster, ...]
    ignored: tuple[Remark, ...]


def configuration(documents: Sequence[Document]) -> Configuration:
    """The mesh that the documents describe.

    Raises:
        NotImportableError: with everything that is wrong, by document and key.
    """
    certificates: list[Certificate] = []
    clusters: list[Cluster] = []
    ignored: list[Remark] = []
    problems: list[Problem] = []
    for document in documents:
        model, place = _KINDS.get(_kind(document)), _place(document)
        if model is None:
            ignored.append(_other_kind(document))
            continue
        try:
            parsed = model.model_validate(document.contents)
        except ValidationError as error:
            for problem in explain(error, model, "", secret=False):
                key = problem.path.removeprefix(".")
                problems.append(Problem(path=f"{place}, {key}", message=problem.message))
            problems += _misspelled(document, model)
            continue
        ignored += _unknown(document, model)
        if isinstance(parsed, _ClusterKind):
            clusters.append(
                Cluster(file=document.file, place=place, metadata=parsed.metadata, spec=parsed.spec)
            )
        elif isinstance(parsed, _CertificateKind):
            certificates.append(Certificate(place=place, spec=parsed.spec))
    if not clusters and not problems:
        kinds = ", ".join(dict.fromkeys(_kind(document) or "none" for document in documents)) or "no document"
        message = f"no document is a Cluster; expected one for each cluster, but found {kinds}"
        problems.append(Problem(path="kind", message=message))
    if problems := problems or list(_between(certificates, clusters)):
        raise NotImportableError(problems)
    mesh_id = clusters[0].spec.mesh_id
    own = [certificate for certificate in certificates if certificate.spec.mesh_id == mesh_id]
    ignored += _unused(own[0], certificates)
    return Configuration(certificate=own[0], clusters=tuple(clusters), ignored=tuple(ignored))


def _between(certificates: Sequence[Certificate], clusters: Sequence[Cluster]) -> Iterator[Problem]:
    """What is wrong between documents that are each valid."""
    places: dict[str, str] = {}
    for cluster in clusters:
        if cluster.name in places:
            yield Problem(
                path=f"{cluster.place}, metadata.name",
                message=f"{cluster.name!r} is the cluster in {places[cluster.name]} already; expected "
                "another name",
            )
        places.setdefault(cluster.name, cluster.place)
    meshes = list(dict.fromkeys(cluster.spec.mesh_id for cluster in clusters))
    if len(meshes) > 1:
        other = next(cluster for cluster in clusters if cluster.spec.mesh_id != meshes[0])
        yield Problem(
            path=f"{other.place}, spec.meshID",
            message=f"{other.spec.mesh_id!r} is another mesh than {meshes[0]!r}, and a stack has one mesh; "
            "expected the documents of one mesh: put those of each mesh into a file of their own",
        )
        return
    if all(certificate.spec.mesh_id != meshes[0] for certificate in certificates):
        there = ", ".join(sorted({certificate.spec.mesh_id for certificate in certificates}))
        yield Problem(
            path=f"{clusters[0].place}, spec.meshID",
            message=f"no document of the kind Certificate has {meshes[0]!r}; expected one with this "
            f"spec.meshID{f', and not {there} alone' if there else ''}",
        )


def _unused(used: Certificate, certificates: Sequence[Certificate]) -> Iterator[Remark]:
    for certificate in certificates:
        if certificate is not used:
            same = certificate.spec.mesh_id == used.spec.mesh_id
            why = (
                f"that in {used.place} comes first, for ristioctl too"
                if same
                else "no cluster is in this mesh"
            )
            yield Remark(about=f"{certificate.place}, spec.meshID", message=f"is left out: {why}")


def _other_kind(document: Document) -> Remark:
    what = f"{kind!r}" if (kind := _kind(document)) else "a document without one"
    return Remark(
        about=f"{document.place}, kind",
        message=f"{what} is left out: ristioctl reads Certificate and Cluster alone",
    )


def _unknown(document: Document, model: type[_Kind]) -> Iterator[Remark]:
    """The keys that it does not read, wherever they are."""
    for path, close in _unknown_keys(document, model):
        meant = f"; did you mean {close}?" if close else ""
        yield Remark(
            about=f"{_place(document)}, {path}", message=f"is left out: ristioctl does not read it{meant}"
        )


def _misspelled(document: Document, model: type[_Kind]) -> Iterator[Problem]:
    """If a key is missing, it may be there under another name."""
    for path, close in _unknown_keys(document, model):
        if close:
            yield Problem(
                path=f"{_place(document)}, {path}",
                message=f"ristioctl does not read it; did you mean {close}?",
            )


def _unknown_keys(document: Document, model: type[_Kind]) -> Iterator[tuple[str, str | None]]:
    """Paths of keys that it does not read, each with a similar key, if any."""
    spec, metadata = model.model_fields["spec"].annotation, model.model_fields["metadata"].annotation
    for path, section in (((), model), (("metadata",), metadata), (("spec",), spec)):
        known = [field.alias or name for name, field in _fields(section)]
        for key in as_map(at(document.contents, *path)) or ():
            if key in known:
                continue
            close = difflib.get_close_matches(key, known, n=1)
            yield ".".join((*path, key)), close[0] if close else None


def _fields(section: Any) -> Any:
    return section.model_fields.items()


def _kind(document: Document) -> str:
    kind = document.contents.get("kind")
    return kind if isinstance(kind, str) else ""


def _place(document: Document) -> str:
    name = at(document.contents, "metadata", "name")
    return f"{document.place} ({_kind(document)}{f' {name}' if isinstance(name, str) else ''})"
