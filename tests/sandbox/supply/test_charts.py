"""The Helm repository: what is in it, and that helm takes charts from it over HTTP."""

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox import charts, images, paths, tools, versions
from sandbox.charts import upstream_envoy
from sandbox.charts.repository import released
from sandbox.images.recipes import istio_references
from sandbox.stack import AMBIENT_VALUES


@pytest.fixture(scope="module")
def repository() -> Iterator[str]:
    """Serve the charts as the command does; gives the repository's URL."""
    argv = [sys.executable, "-m", "sandbox.charts", "--directory", charts.ensure(), "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(paths.CHECKOUT)}
    with subprocess.Popen(
        argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout
        announced = re.search(r"http://\S+", server.stdout.readline())
        assert announced, "the command must say where it serves"
        yield announced.group()
        server.terminate()


def helm(home: Path, *args: str) -> str:
    """Run helm with a home of its own; return what it prints."""
    environment = {**os.environ, "HELM_CACHE_HOME": str(home), "HELM_CONFIG_HOME": str(home)}
    done = subprocess.run(
        [tools.ensure(["helm"])["helm"], *args], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_release_has_its_own_hub_and_tag() -> None:
    """Only the test build's values are replaced; empty ones mean something else."""
    values = 'hub: ""\ntag: ""\nglobal:\n  hub: registry.istio.io/testing\n  tag: latest\n  # tag: latest\n'
    assert released(values, "1.31.0") == (
        'hub: ""\ntag: ""\nglobal:\n  hub: registry.istio.io/release\n  tag: 1.31.0\n  # tag: latest\n'
    )


def test_the_index_lists_every_chart_under_all_versions_by_relative_urls() -> None:
    """Relative, so that the repository can be served at any address."""
    known = {versions.ISTIO, versions.ISTIO_NEXT, versions.ISTIO_EARLIER}
    index = yaml.safe_load((charts.ensure() / "index.yaml").read_text())
    assert set(index["entries"]) == {"base", "istiod", "gateway", "cni", "ztunnel"}
    for name, entries in index["entries"].items():
        assert {entry["version"] for entry in entries} == known
        assert {entry["appVersion"] for entry in entries} == known
        for entry in entries:
            assert entry["urls"] == [f"{name}-{entry['version']}.tgz"]
            assert (charts.ensure() / entry["urls"][0]).is_file()


def test_the_earlier_charts_are_another_istios() -> None:
    """They differ in more than the version, and ask for images of their own."""
    folder = charts.ensure()

    def values(version: str) -> str:
        with tarfile.open(folder / f"gateway-{version}.tgz") as chart:
            file = chart.extractfile("gateway/values.yaml")
            assert file
            return file.read().decode()

    assert values(versions.ISTIO) == values(versions.ISTIO_NEXT)
    assert values(versions.ISTIO) != values(versions.ISTIO_EARLIER)


@pytest.mark.parametrize("version", [versions.ISTIO, versions.ISTIO_NEXT, versions.ISTIO_EARLIER])
def test_helm_renders_istiod_from_the_repository_with_images_of_its_version(
    repository: str, version: str, tmp_path: Path
) -> None:
    """The tag follows the chart, as in a release; the hub can be set."""
    text = helm(
        tmp_path,
        *("template", "istiod", "istiod", "--repo", repository, "--version", version),
        *("--set", "global.hub=localhost/istio"),
    )
    found = {
        container["image"]
        for document in yaml.safe_load_all(text)
        if document and document["kind"] == "Deployment"
        for container in document["spec"]["template"]["spec"]["containers"]
    }
    assert found == {f"localhost/istio/pilot:{version}"}


def test_helm_renders_the_gateway_with_its_network(repository: str, tmp_path: Path) -> None:
    """The east-west gateway's ports come from `networkGateway`."""
    text = helm(
        tmp_path,
        *("template", "istio-eastwestgateway", "gateway", "--repo", repository, "--version", versions.ISTIO),
        *("--set", "networkGateway=net-east"),
    )
    (service,) = [d for d in yaml.safe_load_all(text) if d and d["kind"] == "Service"]
    assert {port["port"] for port in service["spec"]["ports"]} == {15021, 15443, 15012, 15017}


@pytest.mark.parametrize("chart", AMBIENT_VALUES)
@pytest.mark.parametrize("version", [versions.ISTIO, versions.ISTIO_NEXT])
def test_ambient_charts_ask_for_images_that_the_sandbox_has(
    repository: str, chart: str, version: str, tmp_path: Path
) -> None:
    """With the sandbox's values; the ambient profile wants others, of which there are none."""
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(AMBIENT_VALUES[chart]))
    text = helm(
        tmp_path,
        *("template", chart, chart, "--repo", repository, "--version", version, "--values", str(values)),
        *("--set", "profile=ambient,global.hub=localhost/istio"),
    )
    found = {
        container["image"]
        for document in yaml.safe_load_all(text)
        if document and document["kind"] in {"Deployment", "DaemonSet"}
        for container in document["spec"]["template"]["spec"]["containers"]
    }
    known = {reference for names in images.references().values() for reference in names}
    assert found
    assert found <= {*known, *istio_references("ztunnel")}
    assert {image.rpartition(":")[2] for image in found} == {version}


def test_istiod_brings_what_an_upstream_envoy_needs_in_an_ambient_mesh_alone(
    repository: str, tmp_path: Path
) -> None:
    """Two EnvoyFilters for each revision, read by that revision; a mesh with sidecars has none."""

    def filters(*settings: str) -> dict[str, dict]:
        common = ("template", "istiod", "istiod", "--repo", repository, "--version", versions.ISTIO)
        text = helm(tmp_path, *common, "--namespace", "istio-system", *settings)
        documents = [document for document in yaml.safe_load_all(text) if document]
        return {d["metadata"]["name"]: d for d in documents if d["kind"] == "EnvoyFilter"}

    assert filters() == {}
    assert filters("--set", "profile=ambient,global.resourceScope=cluster") == {}
    ambient = filters("--set", "profile=ambient")
    assert set(ambient) == {"upstream-envoy-sidecars", "upstream-envoy-gateways-and-waypoints"}
    canary = filters("--set", "profile=ambient,revision=canary")
    assert set(canary) == {f"{name}-canary" for name in ambient}
    for revision, found in (("default", ambient), ("canary", canary)):
        for one in found.values():
            assert one["metadata"]["labels"] == {"istio.io/rev": revision}
            assert one["metadata"]["namespace"] == "istio-system"


def test_what_is_patched_is_in_this_istio() -> None:
    """A filter that has got another name would not be patched any more."""
    pilot = tools.module_dir("istio", "istio.io/istio") / "pilot" / "pkg"
    source = (pilot / "xds" / "filters" / "filters.go").read_text()
    source += "".join(path.read_text() for path in (pilot / "networking" / "core").glob("*.go"))
    ours = upstream_envoy.template()
    assert "istio.hashable_string" not in ours
    names = {line.split()[-1] for line in ours.splitlines() if line.lstrip(" -").startswith("name: ")}
    keys = {line.split()[-1] for line in ours.splitlines() if line.lstrip(" -").startswith("objectKey: ")}
    patched = {name for name in names if re.fullmatch(r"[a-z]+(_[a-z]+)+", name)}
    assert {"connect_authority", "main_internal", "propagate_endpoint_metadata"} <= patched
    assert [name for name in patched | keys if f'"{name}"' not in source] == []


def test_serving_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    """One message, no traceback."""
    argv = [sys.executable, "-m", "sandbox.charts", "--directory", tmp_path, "--port", "0"]
    done = subprocess.run(argv, cwd=paths.CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path} is no Helm repository: it has no index.yaml\n"
