"""Stack files from the configuration of `ristioctl`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh import versions
from mesh.importing.documents import documents
from mesh.importing.from_ristioctl import from_ristioctl
from mesh.importing.imported import Imported, NotImportableError
from mesh.importing.ristioctl import configuration
from mesh.importing.stack_file import stack_file_text
from mesh.load import Loaded, load
from tests.builders.certificates import authority
from tests.builders.kubeconfigs import kubeconfig

_FOLDER = Path(__file__).parent / "ristioctl"
_KUBECONFIGS = {
    "kubeconfig.yaml": kubeconfig(
        {"apple-admin": "https://apple.example.com:6443", "pear-admin": "https://pear.example.com:6443"}
    ),
    "/home/ada/harbour/kubeconfig": kubeconfig(
        {"kind-quay1": "https://192.0.2.11:6443", "kind-quay2": "https://192.0.2.12:6443"}
    ),
    "/home/ada/Downloads/glacier.yaml": kubeconfig(
        {"ice1a": "https://ice1a.example.com", "ice2a": "https://ice2a.example.com"}
    ),
    "/home/ada/Downloads/meadow.yaml": kubeconfig(
        {
            "clover-eks1-qc": "https://1f3.user.kubeapi-proxy.rafay.dev",
            "clover-eks2-qc": "https://2f3.user.kubeapi-proxy.rafay.dev",
        }
    ),
}
_CERTIFICATES = "~/.ristioctl/istio/certs"
ROOT = authority("root.orchard.example.com", path_length=1)
_MADE = {
    f"{_CERTIFICATES}/root-cert.pem": ROOT.pem,
    f"{_CERTIFICATES}/apple/ca-cert.pem": authority("apple.orchard.example.com", issuer=ROOT).pem,
    f"{_CERTIFICATES}/pear/ca-cert.pem": authority("pear.orchard.example.com", issuer=ROOT).pem,
}
"""What its folder of certificates has after it has made mesh1, but for keys: nobody reads those."""


def _text(name: str) -> str:
    return (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def _imported(
    text: str, files: Mapping[str, str | OSError | None] = _KUBECONFIGS, *, path: str = "mesh.yaml"
) -> Imported:
    def read(path: str) -> str:
        found = files.get(path) or FileNotFoundError(2, "No such file or directory", path)
        if isinstance(found, OSError):
            raise found
        return found

    return from_ristioctl(configuration(list(documents(path, text))), read)


def _loaded(imported: Imported, files: Mapping[str, str] = _KUBECONFIGS) -> Loaded:
    return load(imported.sections, read=lambda path: files[path])


def _remarks(imported: Imported) -> str:
    return "\n".join(f"{'do' if remark.step else 'know'}: {remark}" for remark in imported.remarks) + "\n"


@pytest.mark.parametrize("name", ["mesh1", "mesh2", "mesh3", "mesh4"])
def test_each_of_its_examples_becomes_a_stack_file_without_problems(name: str) -> None:
    """With the keys of the examples in its repository. What is said of them is a golden file too.

    After a wanted change delete the golden files and run the test twice: the first run writes and fails.
    """
    imported = _imported(_text(name), path=f"{name}.yaml")
    text = stack_file_text("istio-mesh", imported.sections, origin=f"{name}.yaml", existing={})
    for suffix, made in (("stack.yaml", text), ("remarks.txt", _remarks(imported))):
        golden = _FOLDER / f"{name}.{suffix}"
        if not golden.exists():
            golden.write_text(made, encoding="utf-8")
            pytest.fail(f"{golden.name} was missing and is written now: look at it, then run again")
        assert made == golden.read_text(encoding="utf-8")
    config = yaml.safe_load(text)["config"]
    sections = {
        key.removeprefix("istio-mesh:"): value for key, value in config.items() if "istio-mesh" in key
    }
    assert sections == imported.sections, "what is written must be what was meant"
    assert _loaded(imported).problems == ()


def test_a_mesh_that_it_has_made_keeps_its_root_and_its_cacerts() -> None:
    """Its folder of certificates shows it; the keys in it are not read."""
    files = {**_KUBECONFIGS, **_MADE}
    imported = _imported(_text("mesh1"), files)
    assert imported.sections["trust"] == {
        "root": {"certificate": ROOT.pem},
        "intermediate": {"existing": True},
    }
    assert _loaded(imported, files).problems == ()
    said = _remarks(imported)
    assert f"which expires on {ROOT.certificate.not_valid_after_utc:%Y-%m-%d}, and the cacerts" in said
    assert "The keys in that folder are not encrypted" in said
    assert (
        "is older than 1.27.0, the oldest Istio that this program installs. Upgrade this mesh before" in said
    )


def test_a_cluster_that_it_has_not_made_yet_is_signed_for_with_the_key_of_the_root() -> None:
    """Which only the user can give; without it, the stack file is refused."""
    files = {path: text for path, text in {**_KUBECONFIGS, **_MADE}.items() if "/pear/" not in path}
    imported = _imported(_text("mesh1"), files)
    assert imported.sections["clusters"]["pear"]["trust"] == {"intermediate": {"existing": False}}
    assert "trust" not in imported.sections["clusters"]["apple"]
    assert (
        f"do: mesh.yaml, document 3 (Cluster pear): has no certificate in {_CERTIFICATES}, so the stack "
        "signs "
        "one for it, with the root's key: `pulumi config set --secret --path 'trust.root.privateKey' < "
        f"{_CERTIFICATES}/root-ca.key`" in _remarks(imported)
    )
    (problem,) = _loaded(imported, files).problems
    assert problem.path == "clusters.pear.trust.intermediate"
    trust = imported.sections["trust"]
    given = {**trust, "root": {**trust["root"], "privateKey": ROOT.key_pem}}
    loaded = load(
        {**imported.sections, "trust": given}, read=lambda path: files[path], secret=frozenset({"trust"})
    )
    assert loaded.problems == (), "the command that is named must be all that was missing"


@pytest.mark.parametrize(
    ("name", "found", "reason"),
    [
        ("root-cert.pem", None, "No such file or directory"),
        ("root-cert.pem", "-----BEGIN CERTIFICATE-----\n", "expected PEM certificates, each complete"),
        ("root-cert.pem", PermissionError(13, "Permission denied"), "Permission denied"),
        ("apple/ca-cert.pem", PermissionError(13, "Permission denied"), "Permission denied"),
    ],
)
def test_certificates_that_cannot_be_read_are_no_reason_for_a_new_root(
    name: str, found: Any, reason: str
) -> None:
    """A mesh with them has a root, and would have two."""
    files = {**_KUBECONFIGS, **_MADE, f"{_CERTIFICATES}/{name}": found}
    with pytest.raises(NotImportableError) as refused:
        _imported(_text("mesh1"), files)
    assert str(refused.value) == (
        "mesh.yaml, document 1 (Certificate orchard-certs), spec.folder: the certificates in "
        f"{_CERTIFICATES} cannot be read: {reason}; expected root-cert.pem, and ca-cert.pem in a folder for "
        "each cluster"
    )


def test_no_key_comes_into_the_stack_file_with_a_certificate() -> None:
    """Not even one that somebody has put into the same file."""
    together = f"{ROOT.key_pem}{ROOT.pem}"
    imported = _imported(
        _text("mesh1"), {**_KUBECONFIGS, **_MADE, f"{_CERTIFICATES}/root-cert.pem": together}
    )
    assert imported.sections["trust"]["root"] == {"certificate": ROOT.pem}


def test_the_root_of_another_mesh_in_the_same_folder_is_left_alone() -> None:
    """All meshes share a folder, unless `folder` says otherwise."""
    files = {f"{_CERTIFICATES}/root-cert.pem": ROOT.pem, **_KUBECONFIGS}
    assert "certificate" not in _imported(_text("mesh1"), files).sections["trust"]["root"]


def test_folder_says_where_its_certificates_are() -> None:
    """Of this one mesh; folderPath is a comment in its examples that nothing reads."""
    files = {**_KUBECONFIGS, **{path.replace(_CERTIFICATES, "certs"): text for path, text in _MADE.items()}}
    text = _text("mesh1")
    imported = _imported(text.replace("#folderPath: certs", "folder: certs/"), files)
    assert imported.sections["trust"]["root"] == {"certificate": ROOT.pem}
    imported = _imported(text.replace("#folderPath", "folderPath"), files)
    assert "certificate" not in imported.sections["trust"]["root"]
    assert (
        "know: mesh.yaml, document 1 (Certificate orchard-certs), spec.folderPath: is left out: ristioctl "
        "does "
        "not read it; did you mean folder?" in _remarks(imported)
    )


@pytest.mark.parametrize(
    ("hours", "trust"),
    [
        (None, None),
        (175200, {"root": {"validityHours": 175200}}),
        (87600, {"root": {"validityHours": 87600}}),
        (
            43800,
            {
                "root": {"validityHours": 43800},
                "intermediate": {"validityHours": 8760, "renewBeforeHours": 2160},
            },
        ),
        (
            24,
            {"root": {"validityHours": 24}, "intermediate": {"validityHours": 4, "renewBeforeHours": 1}},
        ),
    ],
)
def test_validity_is_that_of_the_root_and_intermediates_have_their_share(
    hours: int | None, trust: Mapping[str, Any] | None
) -> None:
    """Because they are renewed, and never outlive it."""
    line = f"validityHours: {hours}" if hours else ""
    imported = _imported(_text("mesh1").replace("validityHours: 43800", line))
    assert imported.sections.get("trust") == trust
    assert _loaded(imported).problems == ()


def test_the_version_of_most_clusters_is_that_of_all() -> None:
    """Others have their own; what is too old becomes as new as the newest, or as the default."""

    def found(*given: str) -> tuple[str, list[Any]]:
        first, _, pear = _text("mesh1").split("---\n")
        parts = [
            pear.replace("pear", f"tree{i}").replace("1.18.0", version) for i, version in enumerate(given)
        ]
        sections = _imported("---\n".join([first, *parts])).sections
        own = [cluster.get("istio", {}).get("version") for cluster in sections["clusters"].values()]
        return sections["istio"]["version"], own

    assert found("1.30.3", "1.29.0", "1.30.3") == ("1.30.3", [None, "1.29.0", None])
    assert found("1.29.0", "1.26.9", "1.30.3") == ("1.30.3", ["1.29.0", None, None])
    assert found("1.18.0", "1.26.9") == (versions.ISTIO, [None, None])


def test_a_kubeconfig_of_the_relay_is_given_to_the_other_clusters() -> None:
    """Of one context alone, as from `ristioctl`: the relay takes no tokens of readers."""
    clusters = _loaded(_imported(_text("mesh4"))).valid().clusters
    given = clusters["clover-eks1-qc"].kubeconfig
    assert given is not None
    assert given.text is not None
    assert "1f3.user" in given.text
    assert "2f3.user" not in given.text, "no cluster needs the credentials of another"
    others = _loaded(_imported(_text("mesh2"))).valid().clusters.values()
    assert all(cluster.kubeconfig is None for cluster in others), "of others, there is no need"


@pytest.mark.parametrize("files", [{}, {"old/kubeconfig.yaml": _KUBECONFIGS["kubeconfig.yaml"]}])
def test_a_relative_kubeconfig_may_be_beside_the_configuration(files: Mapping[str, str]) -> None:
    """Where it is nowhere, its path stays, and the remark says what cannot be known."""
    imported = _imported(_text("mesh1"), files, path="old/mesh.yaml")
    found = next(iter(files), "kubeconfig.yaml")
    assert {cluster["kubeconfig"] for cluster in imported.sections["clusters"].values()} == {found}
    assert ("cannot be read here" in _remarks(imported)) is not bool(files)


def test_what_else_its_types_have_is_kept_or_named() -> None:
    """Labels select clusters here. Without a kubeconfig, it takes kubectl's own, as this program does."""
    text = _text("mesh1").replace("  kubeconfigFile: kubeconfig.yaml\n", "")
    given = "name: apple\n  labels: {region: eu}\n  annotations: {team: fruit}"
    imported = _imported(text.replace("name: apple", given))
    apple = imported.sections["clusters"]["apple"]
    assert apple == {"context": "apple-admin", "network": "network-apple", "labels": {"region": "eu"}}
    assert "(Cluster apple), metadata.annotations.team: has no counterpart" in _remarks(imported)


def test_its_sample_is_to_be_deleted_before_that_of_this_program_comes() -> None:
    """In a mesh that it has made: the two have the same names and other contents."""
    text = _text("mesh1").replace('version: "1.18.0"', 'version: "1.30.3"\n  installHelloWorld: true')
    command = "`kubectl --kubeconfig kubeconfig.yaml --context pear-admin delete namespace sample`"
    assert command in _remarks(_imported(text, {**_KUBECONFIGS, **_MADE}))
    assert command not in _remarks(_imported(text))
