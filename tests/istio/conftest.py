"""The mesh that Istio's own tests run against, and a summary of what they found."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
import yaml

from sandbox import cluster, versions
from sandbox.cluster import Surroundings
from tests.e2e.conftest import kube, lasting_stack, new_stack  # noqa: F401 - fixtures
from tests.e2e.faults import SYSTEM
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack
from tests.fixtures import Start
from tests.istio.mesh import INGRESS, BuildMesh, IstioMesh, config
from tests.istio.suite import Result

_USUAL: Mapping[str, Any] = MappingProxyType({})
_RESULTS = pytest.StashKey[list[Result]]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep what the suites' runs gave for the summary."""
    config.stash[_RESULTS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say how many of Istio's tests passed, and where the logs are."""
    for result in config.stash[_RESULTS]:
        terminalreporter.write_line(f"Istio's suite {result}; log: {result.log}")


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Callable[[Result], None]:
    """Take a result into the summary."""
    return request.config.stash[_RESULTS].append


@pytest.fixture(scope="session")
def build_mesh(
    start_clusters: Start,
    lasting_stack: Callable[[str], Stack],  # noqa: F811 - a fixture
    kube: Callable[[str], Kube],  # noqa: F811 - a fixture
    report: Callable[[Result], None],
) -> BuildMesh:
    """Build a mesh that is as Istio's suites would deploy it."""

    def build(
        stack_name: str,
        contexts: Mapping[str, str],
        settings: Mapping[str, Mapping[str, Any]] = _USUAL,
        around: Mapping[str, Surroundings] = _USUAL,
    ) -> IstioMesh:
        started = start_clusters(*contexts.values(), around={contexts[n]: one for n, one in around.items()})
        stack = lasting_stack(stack_name)
        stack.init(config(contexts, cluster.merged_kubeconfig(), settings))
        stack.up()
        clusters = {name: started[context] for name, context in contexts.items()}
        mesh = IstioMesh(stack, {n: kube(c) for n, c in contexts.items()}, clusters, report)
        mesh.load_images(["app"])
        return mesh

    return build


@pytest.fixture(scope="session")
def istio_mesh(build_mesh: BuildMesh, keep: bool) -> Iterator[IstioMesh]:
    """A mesh of two primaries, each on a network of its own; it is mended where it is kept."""
    mesh = build_mesh("istio-tests", {"east": "istio-east", "west": "istio-west"})
    yield mesh
    if keep:
        mesh.mend()


@pytest.fixture(scope="session")
def ingress(istio_mesh: IstioMesh, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An ingress gateway in each cluster, as Istio's suites would deploy it: some tests come in by it."""
    ports = {"status-port": (15021, 15021), "http2": (80, 8080), "https": (443, 8443)}
    ports |= {"tls": (15443, 15443), "tcp": (31400, 31400)}
    values = {
        "labels": {"app": INGRESS, "istio": "ingressgateway"},
        "imagePullPolicy": "Never",
        "autoscaling": {"enabled": False},
        "resources": {"requests": {"cpu": "10m", "memory": "40Mi"}},
        "service": {"ports": [{"name": n, "port": p, "targetPort": t} for n, (p, t) in ports.items()]},
    }
    file = tmp_path_factory.mktemp("ingress") / "values.yaml"
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    chart = ("gateway", f"--repo={cluster.chart_repository()}", f"--version={versions.ISTIO}")
    options = (f"--namespace={SYSTEM}", f"--values={file}", "--wait", "--timeout=110s")
    for view in istio_mesh.kubes.values():
        view.run("helm", f"--kube-context={view.context}", "upgrade", "--install", INGRESS, *chart, *options)
    istio_mesh.remember()
