"""What is wrong with a configuration of `ristioctl`: one message, with file, document and key."""

from pathlib import Path

import pytest

from mesh.importing.documents import documents
from mesh.importing.imported import NotImportableError
from mesh.importing.ristioctl import configuration

_MESH = (Path(__file__).parent / "ristioctl" / "mesh1.yaml").read_text(encoding="utf-8")
_CERTIFICATE, _APPLE, _PEAR = _MESH.split("---\n")


def _problems(text: str) -> list[str]:
    try:
        configuration(list(documents("mesh.yaml", text)))
    except NotImportableError as refused:
        return [str(problem) for problem in refused.problems]
    except ValueError as invalid:
        return [str(invalid)]
    return []


@pytest.mark.parametrize(
    ("mistake", "instead", "message"),
    [
        (
            'version: "1.18.0"',
            "version: 1.28",
            "mesh.yaml, document 2 (Cluster apple), spec.version: '1.28' is invalid: expected a full "
            "version, "
            "for example 1.31.0",
        ),
        (
            'version: "1.18.0"',
            "",
            "mesh.yaml, document 2 (Cluster apple), spec.version: is required, for example 1.31.0",
        ),
        (
            "context: apple-admin",
            "context: ~",
            "mesh.yaml, document 2 (Cluster apple), spec.context: is required, for example east",
        ),
        (
            "context: apple-admin",
            "context: {name: apple-admin}",
            "mesh.yaml, document 2 (Cluster apple), spec.context: expected a text, for example east",
        ),
        (
            "context: apple-admin",
            "context: apple-admin\n  installHelloWorld: yes please",
            "mesh.yaml, document 2 (Cluster apple), spec.installHelloWorld: 'yes please' is invalid: "
            "expected "
            "true or false, for example true",
        ),
        (
            "name: apple",
            "name: Apple_1",
            "mesh.yaml, document 2 (Cluster Apple_1), metadata.name: 'Apple_1' is invalid: expected a DNS "
            "label: lower-case letters, digits and -, at most 63, for example net-east",
        ),
        (
            "metadata:\n  name: apple",
            "metadata: apple",
            "mesh.yaml, document 2 (Cluster), metadata: 'apple' is invalid: expected a map, for example "
            "{name: east}",
        ),
        (
            "name: apple",
            "name: pear",
            "mesh.yaml, document 3 (Cluster pear), metadata.name: 'pear' is the cluster in mesh.yaml, "
            "document 2 "
            "(Cluster pear) already; expected another name",
        ),
        (
            "meshID: orchard\n  version",
            "meshID: meadow\n  version",
            "mesh.yaml, document 3 (Cluster pear), spec.meshID: 'orchard' is another mesh than 'meadow', "
            "and a "
            "stack has one mesh; expected the documents of one mesh: put those of each mesh into a file of "
            "their "
            "own",
        ),
        (
            "meshID: orchard\n---",
            "meshID: meadow\n---",
            "mesh.yaml, document 2 (Cluster apple), spec.meshID: no document of the kind Certificate has "
            "'orchard'; expected one with this spec.meshID, and not meadow alone",
        ),
        (
            "validityHours: 43800",
            "validityHours: 5y",
            "mesh.yaml, document 1 (Certificate orchard-certs), spec.validityHours: '5y' is invalid: "
            "expected a "
            "whole number, for example 87600",
        ),
        (
            "validityHours: 43800",
            "validityHours: 0",
            "mesh.yaml, document 1 (Certificate orchard-certs), spec.validityHours: '0' is invalid: "
            "expected a "
            "number of at least 1, for example 87600",
        ),
        (
            "password: false",
            "password: false\n  password: true",
            "mesh.yaml, line 10: the key password is there twice; expected YAML documents with --- between "
            "them",
        ),
        (
            "password: false",
            "password: [false",
            "mesh.yaml, line 10: expected ',' or ']', but got ':'; expected YAML documents with --- between "
            "them",
        ),
        (
            _CERTIFICATE,
            "- a list\n",
            "mesh.yaml, document 1: expected a map with the keys kind, metadata and spec",
        ),
        (
            f"{_APPLE}---\n{_PEAR}",
            "",
            "kind: no document is a Cluster; expected one for each cluster, but found Certificate",
        ),
    ],
)
def test_a_mistake_is_told_with_file_document_and_key(mistake: str, instead: str, message: str) -> None:
    """One message for one mistake."""
    assert mistake in _MESH
    assert _problems(_MESH.replace(mistake, instead, 1)) == [message]


def test_a_key_under_another_name_is_told_with_the_one_that_is_missing() -> None:
    """`ristioctl` ignores it without a word, and so did its user's mistake stay."""
    assert _problems(_MESH.replace("context: apple-admin", "contxt: apple-admin\n  team: fruit")) == [
        "mesh.yaml, document 2 (Cluster apple), spec.context: is required, for example east",
        "mesh.yaml, document 2 (Cluster apple), spec.contxt: ristioctl does not read it; did you mean "
        "context?",
    ]


def test_all_mistakes_are_told_at_once() -> None:
    """In the order of the documents."""
    broken = _MESH.replace("1.18.0", "latest").replace("validityHours: 43800", "validityHours: many")
    assert [line.split(" ", 1)[1].split(":")[0] for line in _problems(broken)] == [
        "document 1 (Certificate orchard-certs), spec.validityHours",
        "document 2 (Cluster apple), spec.version",
        "document 3 (Cluster pear), spec.version",
    ]


def test_what_is_in_place_of_a_password_is_repeated_nowhere() -> None:
    """The key takes true or false, but its name asks for more."""
    broken = _MESH.replace("password: false", "password: hunter2").replace("1.18.0", "latest")
    assert _problems(broken) != []
    assert "hunter2" not in str(_problems(broken))


def test_other_documents_are_left_out_with_a_remark() -> None:
    """As `ristioctl` leaves them out without one; documents without contents are nothing."""
    text = (
        f"---\n{_MESH}---\nkind: Namespace\n---\nversion: 1\n---\n{_CERTIFICATE.replace('43800', '1')}---\n"
    )
    found = configuration(list(documents("mesh.yaml", text)))
    assert [str(remark) for remark in found.ignored] == [
        "mesh.yaml, document 4, kind: 'Namespace' is left out: ristioctl reads Certificate and Cluster alone",
        "mesh.yaml, document 5, kind: a document without one is left out: ristioctl reads Certificate and "
        "Cluster alone",
        "mesh.yaml, document 6 (Certificate orchard-certs), spec.meshID: is left out: that in mesh.yaml, "
        "document 1 (Certificate orchard-certs) comes first, for ristioctl too",
    ]
    assert found.certificate.spec.validity_hours == 43800


def test_the_certificate_of_another_mesh_is_left_out_with_a_remark() -> None:
    """No cluster uses it."""
    other = _CERTIFICATE.replace("meshID: orchard", "meshID: meadow")
    found = configuration(list(documents("mesh.yaml", f"{other}---\n{_MESH}")))
    assert found.certificate.spec.mesh_id == "orchard"
    assert "spec.meshID: is left out: no cluster is in this mesh" in str(found.ignored[0])


@pytest.mark.parametrize(
    ("written", "installed"), [("true", True), ("True", True), ('"true"', True), ("false", False)]
)
def test_what_yaml_makes_of_true_is_true(written: str, *, installed: bool) -> None:
    """However it is written."""
    text = _MESH.replace("context: apple-admin", f"context: apple-admin\n  installHelloWorld: {written}")
    apple, _ = configuration(list(documents("mesh.yaml", text))).clusters
    assert apple.spec.install_hello_world is installed
