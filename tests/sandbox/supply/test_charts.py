"""The Helm repository: what is in it, and that helm takes charts from it over HTTP."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox import charts, paths, tools, versions
from sandbox.charts.repository import released

needs_helm = pytest.mark.skipif(
    not (paths.cache_dir() / "tools" / "helm").exists(), reason="helm is not in the cache yet"
)


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


@needs_helm
def test_the_index_lists_every_chart_under_both_versions_by_relative_urls() -> None:
    """Relative, so that the repository can be served at any address."""
    index = yaml.safe_load((charts.ensure() / "index.yaml").read_text())
    assert set(index["entries"]) == {"base", "istiod", "gateway", "cni", "ztunnel"}
    for name, entries in index["entries"].items():
        assert {entry["version"] for entry in entries} == {versions.ISTIO, versions.ISTIO_NEXT}
        assert {entry["appVersion"] for entry in entries} == {versions.ISTIO, versions.ISTIO_NEXT}
        for entry in entries:
            assert entry["urls"] == [f"{name}-{entry['version']}.tgz"]
            assert (charts.ensure() / entry["urls"][0]).is_file()


@needs_helm
@pytest.mark.parametrize("version", [versions.ISTIO, versions.ISTIO_NEXT])
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


@needs_helm
def test_helm_renders_the_gateway_with_its_network(repository: str, tmp_path: Path) -> None:
    """The east-west gateway's ports come from `networkGateway`."""
    text = helm(
        tmp_path,
        *("template", "istio-eastwestgateway", "gateway", "--repo", repository, "--version", versions.ISTIO),
        *("--set", "networkGateway=net-east"),
    )
    (service,) = [d for d in yaml.safe_load_all(text) if d and d["kind"] == "Service"]
    assert {port["port"] for port in service["spec"]["ports"]} == {15021, 15443, 15012, 15017}


def test_serving_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    """One message, no traceback."""
    argv = [sys.executable, "-m", "sandbox.charts", "--directory", tmp_path, "--port", "0"]
    done = subprocess.run(argv, cwd=paths.CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path} is no Helm repository: it has no index.yaml\n"
