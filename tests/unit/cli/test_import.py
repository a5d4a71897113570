"""`python -m mesh import`: what it writes, what it says, and the exit code."""

from pathlib import Path

import pytest
import yaml

from mesh import __main__ as command_line
from tests.builders.kubeconfigs import kubeconfig
from tests.program.recording import PROJECT

_MESH = (PROJECT / "tests/unit/importing/ristioctl/mesh1.yaml").read_text(encoding="utf-8")
_CONTEXTS = {"apple-admin": "https://apple.example.com:6443", "pear-admin": "https://pear.example.com:6443"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, which is the user's home too, with a configuration and its kubeconfig."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("PULUMI_OPTION_CONFIG_FILE", raising=False)
    (tmp_path / "mesh.yaml").write_text(_MESH, encoding="utf-8")
    (tmp_path / "kubeconfig.yaml").write_text(kubeconfig(_CONTEXTS), encoding="utf-8")
    return tmp_path


def test_without_a_stack_the_stack_file_is_printed(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """And nothing else on standard output, so that it can be piped."""
    assert command_line.main(["import", "mesh.yaml"]) == 0
    out, err = capsys.readouterr()
    assert list(yaml.safe_load(out)["config"]["istio-mesh:clusters"]) == ["apple", "pear"]
    assert err.startswith(
        "To know:\n  mesh.yaml, document 1 (Certificate orchard-certs), spec.password: has no"
    )
    assert (
        "mesh.yaml, document 2 (Cluster apple), spec.version; mesh.yaml, document 3 (Cluster pear), "
        "spec.version: "
        "is 1.31.0" in err
    ), "what holds for many clusters is said once"
    assert sorted(path.name for path in folder.iterdir()) == ["kubeconfig.yaml", "mesh.yaml"]


def test_a_stack_file_is_written_where_pulumi_looks_for_it(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """Beside what `pulumi stack init` has written, and never over settings without being told so."""
    path = folder / "Pulumi.dev.yaml"
    path.write_text("encryptionsalt: v1:c2FsdA==\n", encoding="utf-8")
    assert command_line.main(["import", "mesh.yaml", "--stack", "org/istio-mesh/dev"]) == 0
    assert capsys.readouterr().out == "Pulumi.dev.yaml\n"
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert written["encryptionsalt"] == "v1:c2FsdA=="
    assert written["config"]["istio-mesh:mesh"] == {"id": "orchard"}
    (folder / "mesh.yaml").write_text(_MESH.replace("meshID: orchard", "meshID: grove"), encoding="utf-8")
    assert command_line.main(["import", "mesh.yaml", "--stack", "dev"]) == 2
    assert capsys.readouterr().err == (
        "error: Pulumi.dev.yaml already has settings; expected a stack without settings, or --overwrite to "
        "replace "
        "them\n"
    )
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == written
    assert command_line.main(["import", "mesh.yaml", "--stack", "dev", "--overwrite"]) == 0
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["config"]["istio-mesh:mesh"] == {"id": "grove"}


def test_what_keeps_the_stack_file_from_use_is_told(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """It is written all the same: the exit code says that something is left to do."""
    (folder / "kubeconfig.yaml").write_text(
        kubeconfig({"apple-admin": _CONTEXTS["apple-admin"]}), encoding="utf-8"
    )
    assert command_line.main(["import", "mesh.yaml", "--stack", "dev"]) == 1
    assert capsys.readouterr().err.endswith(
        "Still wrong in the stack file:\n  istio-mesh:clusters.pear.kubeconfig: the kubeconfig has no "
        "context "
        "'pear-admin'; expected one of: apple-admin. If the cluster is away or gone: docs/offline.md\n\n"
    )
    assert (folder / "Pulumi.dev.yaml").exists()


def test_a_stack_file_that_cannot_be_read_stays_as_it_is(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """Not even --overwrite takes away what nobody knows."""
    (folder / "Pulumi.dev.yaml").write_text("config: [", encoding="utf-8")
    assert command_line.main(["import", "mesh.yaml", "--stack", "dev", "--overwrite"]) == 2
    assert capsys.readouterr().err == (
        "error: cannot read Pulumi.dev.yaml; expected a stack file, or no such file\n"
    )
    assert (folder / "Pulumi.dev.yaml").read_text(encoding="utf-8") == "config: ["


def test_documents_may_be_in_several_files(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Each mistake is told with its own file."""
    certificate, clusters = _MESH.split("---\n", 1)
    (folder / "certificate.yaml").write_text(certificate, encoding="utf-8")
    (folder / "clusters.yaml").write_text(clusters, encoding="utf-8")
    assert command_line.main(["import", "certificate.yaml", "clusters.yaml"]) == 0
    assert "# Made from certificate.yaml, clusters.yaml by" in capsys.readouterr().out
    (folder / "clusters.yaml").write_text(clusters.replace("1.18.0", "latest", 1), encoding="utf-8")
    assert command_line.main(["import", "certificate.yaml", "clusters.yaml"]) == 2
    assert capsys.readouterr().err == (
        "error: 1 problem in certificate.yaml, clusters.yaml; nothing was changed.\n  clusters.yaml, "
        "document 1 "
        "(Cluster apple), spec.version: 'latest' is invalid: expected a full version, for example 1.31.0\n"
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "gone.yaml",
            "cannot read gone.yaml: No such file or directory; expected the configuration of ristioctl",
        ),
        (".", "cannot read .: Is a directory; expected the configuration of ristioctl"),
        ("bytes.yaml", "cannot read bytes.yaml: it is not a text; expected the configuration of ristioctl"),
        (
            "broken.yaml",
            "broken.yaml, line 2: the key kind is there twice; expected YAML documents with --- ",
        ),
        (
            "empty.yaml",
            "1 problem in empty.yaml; nothing was changed.\n  kind: no document is a Cluster; expected one "
            "for each cluster, but found no document",
        ),
    ],
)
def test_what_is_no_configuration_ends_with_one_message(
    name: str, message: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """Nothing is written."""
    (folder / "bytes.yaml").write_bytes(b"\xff\xfe")
    (folder / "broken.yaml").write_text("kind: Cluster\nkind: Certificate\n", encoding="utf-8")
    (folder / "empty.yaml").write_text("", encoding="utf-8")
    assert command_line.main(["import", name, "--stack", "dev"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {message}")
    assert not (folder / "Pulumi.dev.yaml").exists()
