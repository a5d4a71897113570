"""Istio's suite security/cacert_rotation: the CA changes under workloads that go on calling each other.

The suite replaces `cacerts` by Istio's sample certificates, step by step, and expects that istiod has started
with the first of them. So this mesh is built on them, with clusters of its own: a stack for which `cacerts`
come from elsewhere. Afterwards its trust is no longer what the stack says, and the clusters go.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from sandbox import cluster
from sandbox.tools import istio_tests
from tests.e2e.faults import SYSTEM
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack
from tests.istio.mesh import IstioMesh, config
from tests.istio.suite import Result

pytestmark = pytest.mark.scheduled

_CONTEXTS = {"east": "rotation-east", "west": "rotation-west"}
_FILES = ("ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem")
_TEST = "TestReachability"


@pytest.fixture(scope="module")
def rotating_mesh(
    start_clusters: Callable[..., Mapping[str, cluster.Cluster]],
    new_stack: Callable[[str], Stack],
    kube: Callable[[str], Kube],
    report: Callable[[Result], None],
) -> Iterator[IstioMesh]:
    """A mesh on Istio's sample certificates, in clusters that are removed afterwards."""
    if there := set(_CONTEXTS.values()) & set(cluster.find()):
        cluster.stop(there)
    started = start_clusters(*_CONTEXTS.values())
    kubes = {name: kube(context) for name, context in _CONTEXTS.items()}
    certificates = istio_tests.source() / "samples" / "certs"
    for name, view in kubes.items():
        view.kubectl("create", "namespace", SYSTEM)
        view.kubectl("label", "namespace", SYSTEM, f"topology.istio.io/network=net-{name}")
        files = [f"--from-file={certificates / file}" for file in _FILES]
        view.kubectl("create", "secret", "generic", "cacerts", f"--namespace={SYSTEM}", *files)
    stack = new_stack("istio-rotation")
    settings: dict[str, Any] = config(_CONTEXTS, cluster.merged_kubeconfig())
    settings["trust"] = {
        "root": {"certificate": (certificates / "root-cert.pem").read_text(encoding="utf-8")},
        "intermediate": {"existing": True},
    }
    stack.init(settings)
    stack.up()
    clusters = {name: started[context] for name, context in _CONTEXTS.items()}
    mesh = IstioMesh(stack, kubes, clusters, report)
    mesh.load_images(["app"])
    yield mesh
    cluster.stop(_CONTEXTS.values())


def test_calls_go_on_while_the_ca_changes(rotating_mesh: IstioMesh) -> None:
    """From the first root over both to the second, with a new certificate for every workload in between."""
    result = rotating_mesh.run("cacert_rotation", [_TEST], minutes=15)
    result.assert_passed(_TEST)
    assert result.exit_code == 0, f"{result}; log: {result.log}"
