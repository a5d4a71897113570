"""`python -m mesh import --context`: what is written, what is said, and what stops it before."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.__main__ import main
from mesh.cli import adoption
from mesh.config.resolved import Connection
from mesh.live.facts import FoundObject, FoundObjects, InstalledMesh, ObjectAddress
from tests.builders.certificates import authority
from tests.builders.installed import by_helm, by_istioctl
from tests.builders.kubeconfigs import kubeconfig

_ROOT = authority("Shop Root CA", path_length=1)
_SYSTEM = "/api/v1/namespaces/istio-system"
_APPS = "/apis/apps/v1/namespaces/istio-system/deployments"
_CONTEXTS = {"admin@east": "east", "admin@west": "west"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the stack file, and a kubeconfig with two contexts."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "kubeconfig"
    servers = {context: f"https://{name}.example.com:6443" for context, name in _CONTEXTS.items()}
    file.write_text(kubeconfig(servers), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.delenv("PULUMI_OPTION_CONFIG_FILE", raising=False)
    return tmp_path


class _Clusters:
    """What the clusters have, by context, and the objects in all of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.installed: dict[str, InstalledMesh] = {}
        self.objects: dict[ObjectAddress, FoundObject] = {}
        self.unknown: str | None = None
        monkeypatch.setattr(adoption, "read_installed", self._read)
        monkeypatch.setattr(adoption, "find_objects", self._find)

    def _read(self, connection: Connection) -> InstalledMesh:
        return self.installed[connection.context]

    def _find(self, _: Connection, addresses: Iterable[ObjectAddress]) -> FoundObjects:
        if self.unknown:
            return FoundObjects(unknown=self.unknown)
        return FoundObjects(by_address={a: self.objects[a] for a in addresses if a in self.objects})


@pytest.fixture
def clusters(monkeypatch: pytest.MonkeyPatch) -> _Clusters:
    """Two clusters with a mesh by Helm, and what is imported of it."""
    found = _Clusters(monkeypatch)
    found.installed = {
        "admin@east": by_helm("east", _ROOT, "west"),
        "admin@west": by_helm("west", _ROOT, "east"),
    }
    for name in ("istio-base", "istiod", "istio-eastwestgateway"):
        address = ObjectAddress(path=f"{_SYSTEM}/secrets", selector=f"owner=helm,name={name}")
        found.objects[address] = FoundObject()
    found.objects |= _there(f"{_APPS}/istiod", release="istio-system/istiod")
    found.objects |= _there(f"{_APPS}/istio-eastwestgateway", release="istio-system/istio-eastwestgateway")
    found.objects |= _there(
        *(
            f"{_SYSTEM}/secrets/{name}"
            for name in ("cacerts", "istio-remote-secret-east", "istio-remote-secret-west")
        )
    )
    found.objects |= _there(
        "/apis/networking.istio.io/v1/namespaces/istio-system/gateways/cross-network-gateway"
    )
    return found


def _there(*paths: str, release: str | None = None) -> dict[ObjectAddress, FoundObject]:
    return {ObjectAddress(path=path): FoundObject(maker="kubectl", release=release) for path in paths}


def _run(*options: str) -> int:
    contexts = [f"--context={context}" for context in _CONTEXTS]
    return main(["import", *contexts, "--stack=prod", *options])


def _imported(project: Path) -> Mapping[str, Any]:
    document = json.loads((project / "Pulumi.prod.import.json").read_text(encoding="utf-8"))
    return {r["name"]: r["id"] for r in document["resources"] if "id" in r}


def test_a_mesh_by_helm_is_imported_as_it_is(
    clusters: _Clusters, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With both files, and no labels to set; the stack leaves `cacerts` alone."""
    assert clusters
    assert _run() == 0
    settings = yaml.safe_load((project / "Pulumi.prod.yaml").read_text(encoding="utf-8"))["config"]
    assert settings["istio-mesh:trust"]["intermediate"] == {"existing": True}
    imported = _imported(project)
    assert imported["east-istio-eastwestgateway"] == "istio-system/istio-eastwestgateway"
    assert imported["east-sees-west-remote-secret"] == "istio-system/istio-remote-secret-west"
    assert len(imported) == 10
    said = capsys.readouterr().err
    assert "pulumi import --stack prod --file Pulumi.prod.import.json --protect=false" in said
    assert "it has 10 resources" in said
    assert "already" not in said


def test_with_the_roots_key_cacerts_is_imported_and_no_key_is_written(
    clusters: _Clusters, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key becomes a secret of the stack by the user's own command; until then the stack file lacks it."""
    assert clusters
    key = project / "root key.pem"
    key.write_text(_ROOT.key_pem, encoding="utf-8")
    assert _run(f"--root-key={key}") == 1
    assert _imported(project)["west-cacerts"] == "istio-system/cacerts"
    said = capsys.readouterr()
    set_key = "pulumi config set --stack prod --secret --path 'istio-mesh:trust.root.privateKey'"
    assert f"{set_key} < '{key}'" in said.err, "a path with a space in it is one word"
    secret = _ROOT.key_pem.splitlines()[1]
    for text in (said.out, said.err, *(f.read_text() for f in project.glob("Pulumi.*"))):
        assert secret not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (authority("Another Root CA").key_pem, "belongs to another certificate than 'Shop Root CA'"),
        (_ROOT.pem, "this is a certificate"),
    ],
)
def test_a_key_that_is_not_the_roots_is_refused_and_nothing_is_written(
    text: str, words: str, clusters: _Clusters, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the import would be done before `pulumi preview` refuses it. No message repeats it."""
    assert clusters
    (project / "key.pem").write_text(text, encoding="utf-8")
    assert _run("--root-key=key.pem") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: --root-key key.pem: ")
    assert words in said
    assert text.splitlines()[1] not in said
    assert not list(project.glob("Pulumi.*"))


def test_what_has_no_release_is_handed_over_by_the_commands_of_the_preflight(
    clusters: _Clusters, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for a Deployment that goes without its pods: it would be labelled in vain."""
    clusters.installed = {
        "admin@east": by_istioctl("east", _ROOT, "west"),
        "admin@west": by_istioctl("west", _ROOT, "east"),
    }
    clusters.objects = {
        address: FoundObject(maker="istioctl") for address in clusters.objects if address.selector is None
    }
    assert _run() == 0
    assert not [name for name in _imported(project) if name.endswith(("istiod", "istio-base"))]
    said = capsys.readouterr().err
    assert "label --overwrite deployment/istiod app.kubernetes.io/managed-by=Helm" in said
    assert "label --overwrite deployment/istio-eastwestgateway" not in said
    assert "delete deployment istio-eastwestgateway --cascade=orphan" in said


def test_what_an_imported_release_would_take_from_others_is_said(
    clusters: _Clusters, capsys: pytest.CaptureFixture[str]
) -> None:
    """Helm would refuse it at the first update only."""
    definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gateways.networking.istio.io"
    clusters.objects |= _there(definition, release="old/istio")
    assert _run() == 0
    said = capsys.readouterr().err
    assert "has what the Helm release istio-base would make already" in said
    assert (
        "kubectl --context admin@east --namespace old delete secret --selector owner=helm,name=istio" in said
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "expected files of `ristioctl`, or --context"),
        (["mesh.yaml", "--context=admin@east"], "expected files of `ristioctl`, or --context"),
        (["--context=admin@east"], "expected --stack"),
        (["mesh.yaml", "--root-key=key.pem"], "--root-key belongs to --context"),
        (["--context=nowhere", "--stack=prod"], "--context nowhere: the kubeconfig has no context 'nowhere'"),
        (
            ["--context=admin@east", "--context=admin@west", "--stack=prod", "--root-key=missing.pem"],
            "cannot read missing.pem",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_and_nothing_is_written(
    arguments: list[str],
    words: str,
    clusters: _Clusters,
    project: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With exit code 2."""
    assert clusters
    assert main(["import", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert not list(project.glob("Pulumi.*"))


def test_clusters_that_cannot_be_taken_over_are_said_and_nothing_is_written(
    clusters: _Clusters, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All reasons at once, and so what cannot be read of what is there."""
    clusters.installed["admin@east"] = InstalledMesh(unreachable="no answer")
    clusters.installed["admin@west"] = by_helm("west", _ROOT, ambient=True)
    assert _run() == 2
    said = capsys.readouterr().err
    assert "2 problems in the clusters; nothing was changed." in said
    clusters.installed = {c: by_helm(n, _ROOT) for c, n in _CONTEXTS.items()}
    clusters.unknown = "forbidden"
    assert _run() == 2
    assert "admin@east: forbidden" in capsys.readouterr().err
    assert not list(project.glob("Pulumi.*"))


def test_settings_that_are_there_are_not_replaced_without_a_word(clusters: _Clusters, project: Path) -> None:
    """Nor is the import file written then."""
    assert clusters
    (project / "Pulumi.prod.yaml").write_text("config: {istio-mesh:mesh: {id: other}}\n", encoding="utf-8")
    assert _run() == 2
    assert not (project / "Pulumi.prod.import.json").exists()
    assert _run("--overwrite") == 0
    assert (project / "Pulumi.prod.import.json").exists()
