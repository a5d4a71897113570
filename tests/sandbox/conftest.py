"""What tests of running clusters share: two clusters with an echo of their own, and kubectl."""

import json
import os
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.cluster import Cluster, stop, supplies
from tests.fixtures import GetService, Kubectl, Start

PEER_PORT = 5000


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """Run kubectl as the administrator of a cluster."""

    def run(
        cluster: Cluster,
        *arguments: str,
        given: Sequence[Mapping[str, Any]] = (),
        check: bool = True,
    ) -> str:
        argv = [str(supplies.bin_dir() / "kubectl"), f"--kubeconfig={cluster.kubeconfig}"]
        done = subprocess.run(
            [*argv, f"--context={cluster.context}", *arguments],
            input=yaml.safe_dump_all(given) if given else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout if check else done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def lab(start_clusters: Start, kubectl: Kubectl) -> Mapping[str, Cluster]:
    """Return two clusters, each with a Service `hello` of type LoadBalancer and a pod `client`."""
    clusters = start_clusters("lab-a", "lab-b")
    populate(kubectl, clusters.values())
    for cluster in clusters.values():
        address = "--for=jsonpath={.status.loadBalancer.ingress[0].ip}"
        kubectl(cluster, "wait", "service/hello", address, "--timeout=120s")
    return clusters


def populate(kubectl: Kubectl, clusters: Collection[Cluster]) -> None:
    """Run an echo of its own in each cluster, with its Service `hello`, and a pod `client`."""
    for cluster in clusters:
        kubectl(cluster, "apply", "--server-side", "--filename=-", given=_workload(cluster.name))
    for cluster in clusters:
        kubectl(cluster, "wait", "deployment/hello", "--for=condition=Available", "--timeout=180s")
        kubectl(cluster, "wait", "pod/client", "--for=condition=Ready", "--timeout=180s")


def call(kubectl: Kubectl, cluster: Cluster, address: str) -> str:
    """Call an address from a pod; the answer, or curl's error."""
    curl = ["curl", "--silent", "--show-error", "--max-time", "5", f"http://{address}/hello"]
    return kubectl(cluster, "exec", "client", "--", *curl, check=False)


def answer_of(cluster: Cluster) -> str:
    """Return how a cluster's echo begins its answer."""
    return f"Hello version: {cluster.name}"


@pytest.fixture(scope="session")
def service(kubectl: Kubectl) -> GetService:
    """Return a Service of a cluster as its API has it, by name."""
    return lambda cluster, name: json.loads(kubectl(cluster, "get", "service", name, "--output=json"))


def _workload(version: str) -> Sequence[Mapping[str, Any]]:
    labels = {"app": "hello"}
    hello = {
        "name": "hello",
        "image": "localhost/helloworld:1",
        "env": [{"name": "SERVICE_VERSION", "value": version}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": PEER_PORT}, "periodSeconds": 1},
    }
    client = {"name": "client", "image": "localhost/client:1", "command": ["sleep", "infinity"]}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "hello"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [hello]}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "hello"},
            "spec": {"type": "LoadBalancer", "selector": labels, "ports": [{"port": PEER_PORT}]},
        },
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client"}, "spec": {"containers": [client]}},
    ]


@pytest.fixture
def own_sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """Move a test to a sandbox of its own, which is stopped after it; gives the environment for processes."""
    with monkeypatch.context() as moved:
        moved.setenv("ISTIO_MESH_SANDBOX", str(tmp_path / "sandbox"))
        environment = dict(os.environ)
        yield environment
        moved.setenv("ISTIO_MESH_SANDBOX", environment["ISTIO_MESH_SANDBOX"])
        stop()
