"""The mesh that Istio's own tests run against, and a summary of what they found."""

from collections.abc import Callable, Iterator, Mapping

import pytest
import yaml

from sandbox import cluster, versions
from tests.e2e.conftest import kube, lasting_stack, new_stack  # noqa: F401 - fixtures
from tests.e2e.faults import SYSTEM
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack
from tests.istio.mesh import INGRESS, IstioMesh, config
from tests.istio.suite import Result

_CONTEXTS = {"east": "istio-east", "west": "istio-west"}
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
def istio_mesh(
    start_clusters: Callable[..., Mapping[str, cluster.Cluster]],
    lasting_stack: Callable[[str], Stack],  # noqa: F811 - a fixture
    kube: Callable[[str], Kube],  # noqa: F811 - a fixture
    report: Callable[[Result], None],
    keep: bool,
) -> Iterator[IstioMesh]:
    """A mesh of two clusters that is as Istio's suites would deploy it; it is mended where it is kept."""
    started = start_clusters(*_CONTEXTS.values())
    clusters = {name: started[context] for name, context in _CONTEXTS.items()}
    stack = lasting_stack("istio-tests")
    stack.init(config(_CONTEXTS, cluster.merged_kubeconfig()))
    stack.up()
    mesh = IstioMesh(stack, {n: kube(c) for n, c in _CONTEXTS.items()}, clusters, report)
    mesh.load_images(["app"])
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
