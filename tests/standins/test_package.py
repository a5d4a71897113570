"""The component package in Pulumi's real engine, from a program in YAML, without a cluster."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from mesh.package import schema
from mesh.stacks.state import MESH
from sandbox import plugins, tools
from tests.standins.engine import Installation

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "examples/package/yaml/Pulumi.yaml"

# A package with the one resource that the example wants: nothing here makes real clusters. Its kubeconfig is
# known once the cluster is there.
_CLOUD = """
from typing import Any, TypedDict

import pulumi
import pulumi_random as random
from pulumi.provider.experimental import component_provider_host


class NodePool(TypedDict):
    name: pulumi.Input[str]
    size: pulumi.Input[str]
    nodeCount: pulumi.Input[int]


class ClusterArgs(TypedDict):
    region: pulumi.Input[str]
    version: pulumi.Input[str]
    nodePool: pulumi.Input[NodePool]


class KubeConfig(TypedDict):
    rawConfig: pulumi.Output[str]


class KubernetesCluster(pulumi.ComponentResource):
    kube_configs: pulumi.Output[list[KubeConfig]]

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("digitalocean:index:KubernetesCluster", name, None, opts)
        made = random.RandomId(f"{name}-id", byte_length=2, opts=pulumi.ResourceOptions(parent=self))
        self.kube_configs = pulumi.Output.secret(made.hex.apply(lambda hex: [{"rawConfig": hex}]))
        self.register_outputs({})


component_provider_host([KubernetesCluster], "digitalocean")
"""


class Program:
    """A program in YAML in a folder of its own, with a stack."""

    def __init__(self, installation: Installation, folder: Path, document: dict[str, Any]) -> None:
        folder.mkdir()
        self._folder = folder
        self._installation = installation
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        for arguments in (("stack", "init", "dev"), ("config", "set", "kubernetesVersion", "1.36.3-do.0")):
            done = self.pulumi(*arguments)
            assert done.returncode == 0, done.stderr

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the CLI on the stack."""
        return self._installation.run(*arguments, folder=self._folder)


@pytest.fixture(scope="module")
def with_yaml(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Pulumi with the language host for YAML, and its plugins where `pulumi package add` looks for them."""
    folder = tmp_path_factory.mktemp("package")
    bin_dir, home = folder / "bin", folder / "home"
    bin_dir.mkdir()
    (bin_dir / "pulumi-language-yaml").symlink_to(
        tools.ensure(["pulumi-language-yaml"])["pulumi-language-yaml"]
    )
    cache = Path(installation.variables["PULUMI_HOME"]) / "plugins"
    for name, package in plugins.PACKAGES.items():
        installed = home / "plugins" / f"{name}-v{version(package)}"
        installed.parent.mkdir(parents=True, exist_ok=True)
        if (cache / installed.name).is_dir():
            installed.symlink_to(cache / installed.name)
        elif name.startswith("resource-"):
            installed.mkdir()
            (installed / f"pulumi-{name}").symlink_to(installation.bin_dir / f"pulumi-{name}")
    path = os.pathsep.join([str(bin_dir), installation.variables["PATH"]])
    own = {"PATH": path, "PULUMI_HOME": str(home), "PULUMI_BACKEND_URL": folder.as_uri()}
    return Installation(bin_dir=installation.bin_dir, variables={**installation.variables, **own})


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package that makes clusters."""
    folder = tmp_path_factory.mktemp("cloud")
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (folder / "PulumiPlugin.yaml").write_text(yaml.safe_dump({"runtime": runtime}), encoding="utf-8")
    (folder / "__main__.py").write_text(_CLOUD, encoding="utf-8")
    return folder


def _example(cloud: Path) -> dict[str, Any]:
    """The example, with packages of this machine."""
    document = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    assert document["packages"].keys() == {"digitalocean", "mesh"}
    assert (EXAMPLE.parent / document["packages"]["mesh"]).resolve() == CHECKOUT / "package"
    document["packages"] = {"digitalocean": str(cloud), "mesh": str(CHECKOUT / "package")}
    return document


def test_the_engine_gets_the_schema_from_the_package(with_yaml: Installation, tmp_path: Path) -> None:
    """It understands all of it: what it gives back has every property and every type."""
    done = with_yaml.run("package", "get-schema", str(CHECKOUT / "package"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    found, own = json.loads(done.stdout), schema.package()
    assert found["name"] == "mesh"
    for key in ("inputProperties", "properties", "requiredInputs"):
        assert found["resources"][MESH][key] == own["resources"][MESH][key]
    assert found["types"].keys() == own["types"].keys()
    for name, type_ in own["types"].items():
        assert found["types"][name].get("properties") == type_.get("properties")


def test_a_program_in_yaml_previews_the_mesh_on_clusters_that_it_makes(
    with_yaml: Installation, cloud: Path, tmp_path: Path
) -> None:
    """The example: all of the mesh is shown, and that the clusters have not been looked at."""
    preview = Program(with_yaml, tmp_path / "shop", _example(cloud)).pulumi("preview", "--json")
    assert preview.returncode == 0, preview.stdout + preview.stderr
    steps = json.loads(preview.stdout)["steps"]
    created = {step["urn"].partition("::shop::")[2] for step in steps if step["op"] == "create"}
    below = "mesh:index:Mesh$mesh:index"
    assert f"{below}:Cluster::amsterdam" in created
    assert (
        f"{below}:Cluster$mesh:index:ControlPlane$kubernetes:helm.sh/v3:Release::new-york-istiod" in created
    )
    assert "mesh:index:Mesh$kubernetes:core/v1:Secret::amsterdam-sees-new-york-remote-secret" in created
    said = " ".join(d["message"] for d in json.loads(preview.stdout)["diagnostics"])
    assert "not looked at before the update: amsterdam, new-york, because a kubeconfig is not known" in said


def test_arguments_that_are_wrong_are_told_once_without_a_traceback(
    with_yaml: Installation, cloud: Path, tmp_path: Path
) -> None:
    """Each by its path, and no secret with them."""
    document = {**_example(cloud), "name": "wrong"}
    mesh = document["resources"]["mesh"]["properties"]
    mesh["clusters"]["amsterdam"]["network"] = "${amsterdam.kubeConfigs[0].rawConfig}"
    mesh["gateway"] = {"port": 99999}
    mesh["trust"] = {"root": {"privateKey": {"fn::secret": "t0ps3cret"}}}
    preview = Program(with_yaml, tmp_path / "shop", document).pulumi("preview")
    assert preview.returncode != 0
    diagnostics = preview.stdout.partition("Diagnostics:")[2]
    assert diagnostics.count("3 problems in the arguments of mesh; nothing was changed.") == 1, preview.stdout
    for problem in (
        "clusters.amsterdam.network: is an output that only the update will know",
        "gateway.port: 99999 is invalid: expected a number of at most 65535",
        "trust.root.certificate: is required with privateKey",
    ):
        assert problem in diagnostics, preview.stdout
    assert not re.search("Traceback|t0ps3cret|RunError", preview.stdout + preview.stderr)
