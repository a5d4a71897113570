"""A third cluster joins a running mesh by one block in the stack file, and leaves it when the block goes.

Calls between the others go on meanwhile. The tests build on each other, in their order.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox import cluster
from tests.e2e.connections import Connections
from tests.e2e.kube import Kube, assert_answered_everywhere
from tests.e2e.load import Load
from tests.e2e.stack import Change, Stack

pytestmark = pytest.mark.mesh

OLD = ("east", "west")
NEW = "south"

OWN = {
    ("pulumi:providers:kubernetes", "south"),
    ("mesh:index:Cluster", "south"),
    ("kubernetes:core/v1:Namespace", "south-istio-system"),
    ("mesh:index:IntermediateCA", "south-intermediate"),
    ("tls:index/privateKey:PrivateKey", "south-intermediate-g1-key"),
    ("tls:index/certRequest:CertRequest", "south-intermediate-g1-request"),
    ("tls:index/locallySignedCert:LocallySignedCert", "south-intermediate-g1-certificate"),
    ("kubernetes:core/v1:Secret", "south-cacerts"),
    ("mesh:index:ControlPlane", "south-control-plane"),
    ("kubernetes:helm.sh/v3:Release", "south-istio-base"),
    ("kubernetes:helm.sh/v3:Release", "south-istiod"),
    ("mesh:index:EastWestGateway", "south-east-west-gateway"),
    ("kubernetes:helm.sh/v3:Release", "south-istio-eastwestgateway"),
    ("kubernetes:networking.istio.io/v1:Gateway", "south-cross-network-gateway"),
    ("mesh:index:Reader", "south-reader"),
    ("kubernetes:core/v1:Secret", "south-reader-token-g1"),
    ("mesh:index:HelloWorld", "south-hello-world"),
    ("kubernetes:core/v1:Namespace", "south-hello-world-namespace"),
    ("kubernetes:security.istio.io/v1:PeerAuthentication", "south-hello-world-strict-mtls"),
    ("kubernetes:core/v1:Service", "south-hello-world-service"),
    ("kubernetes:core/v1:ServiceAccount", "south-hello-world-server-account"),
    ("kubernetes:apps/v1:Deployment", "south-hello-world-server-deployment"),
    ("kubernetes:core/v1:ServiceAccount", "south-hello-world-client-account"),
    ("kubernetes:apps/v1:Deployment", "south-hello-world-client-deployment"),
}
LINKS = {
    ("kubernetes:core/v1:Secret", f"{name}-remote-secret")
    for name in ("south-sees-east", "south-sees-west", "east-sees-south", "west-sees-south")
}
# Read from the cluster for its addresses, not made: it goes out of the state and no further.
READ = {("kubernetes:core/v1:Service", "south-east-west-gateway-service")}


@pytest.fixture(scope="module")
def with_south(
    mesh: Stack,
    connections: Connections,
    fresh_clusters: Callable[..., Any],
    kube: Callable[[str], Kube],
    keep: bool,
) -> Iterator[Mapping[str, Kube]]:
    """Return three clusters, the third of which is in no mesh yet; after the tests the mesh is as before.

    Between the others are long connections.
    """
    assert connections.events()
    config = mesh.config()
    fresh_clusters(NEW)
    yield {name: kube(name) for name in (*OLD, NEW)}
    mesh.configure(config)
    mesh.up()
    if not keep:
        cluster.stop([NEW])


@pytest.fixture(scope="module")
def before(mesh: Stack, with_south: Mapping[str, Kube]) -> dict[str, Any]:
    """Return how the mesh of two clusters is."""
    return _picture(mesh, with_south)


def _picture(mesh: Stack, clusters: Mapping[str, Kube]) -> dict[str, Any]:
    """When each resource was changed last, and the pods of the old clusters with their restarts."""
    resources = {
        urn: (resource.get("id"), resource.get("modified"))
        for urn, resource in mesh.resources().items()
        # What is only read is noted again by every update.
        if resource["type"] != "pulumi:pulumi:Stack" and not resource.get("external")
    }
    pods = {
        (name, pod["metadata"]["name"], sum(c["restartCount"] for c in pod["status"]["containerStatuses"]))
        for name in OLD
        for pod in clusters[name].get("pods", "--all-namespaces")["items"]
    }
    return {"resources": resources, "pods": pods}


def _named(changes: list[Change]) -> dict[str, set[tuple[str, str]]]:
    """Return type and name of what would be changed, by kind of change; the stack itself is left out."""
    ops: dict[str, set[tuple[str, str]]] = {}
    for change in changes:
        if change.type != "pulumi:pulumi:Stack":
            ops.setdefault(change.op, set()).add((change.type, change.name))
    return ops


def test_the_preview_of_a_third_cluster_shows_its_own_resources_and_its_links(
    mesh: Stack, with_south: Mapping[str, Kube], before: dict[str, Any]
):
    """Nothing that is there is replaced, renamed, updated or deleted."""
    config = mesh.config()
    config["clusters"][NEW] = {**config["clusters"]["east"], "context": NEW}
    mesh.configure(config)
    assert _named(mesh.preview()) == {"create": OWN | LINKS}


def test_a_third_cluster_answers_and_is_answered(
    mesh: Stack, with_south: Mapping[str, Kube], connections: Connections
):
    """One update brings it in, and nothing fails or breaks; every cluster is then answered by all three."""
    with connections.watched() as watch, Load(cluster.merged_kubeconfig(), OLD) as load:
        mesh.up()
        load.wait_until(lambda report: all(report.answered(caller)[NEW] for caller in OLD))
    assert not load.report.failed, load.report
    assert not watch.broken, watch
    assert_answered_everywhere(with_south)
    assert mesh.preview() == []


def test_those_that_were_there_are_untouched_by_a_third_cluster(
    mesh: Stack, with_south: Mapping[str, Kube], before: dict[str, Any]
):
    """No resource of theirs was changed, and no pod restarted."""
    after = _picture(mesh, with_south)
    assert before["resources"].items() <= after["resources"].items(), "a resource of the others has changed"
    assert after["pods"] == before["pods"], "a pod was restarted"


def test_the_preview_without_its_block_removes_exactly_what_it_brought(mesh: Stack):
    """The peers' remote secrets included."""
    config = mesh.config()
    del config["clusters"][NEW]
    mesh.configure(config)
    assert _named(mesh.preview()) == {"delete": OWN | LINKS, "discard": READ}


def test_a_cluster_that_left_is_gone_from_everywhere(
    mesh: Stack, with_south: Mapping[str, Kube], before: dict[str, Any], connections: Connections
):
    """Nothing fails or breaks; the state and the peers keep nothing of it, nor is anything left in it."""
    with connections.watched() as watch, Load(cluster.merged_kubeconfig(), OLD) as load:
        load.wait_until(lambda report: all(report.answered(caller)[NEW] for caller in OLD))
        mesh.up()
        gone = datetime.now(UTC)
        load.wait_until(lambda report: all(report.answered(c, after=gone).total() > 20 for c in OLD))
    assert not load.report.failed, load.report
    assert not watch.broken, watch
    for caller in OLD:
        assert set(load.report.answered(caller, after=gone)) == set(OLD), load.report
    assert _picture(mesh, with_south) == before
    for name in OLD:
        secrets = with_south[name].get("secrets", "-n=istio-system", "-l=istio/multiCluster=true")["items"]
        peers = {f"istio-remote-secret-{peer}" for peer in OLD if peer != name}
        assert {secret["metadata"]["name"] for secret in secrets} == peers
        seen = with_south[name].istioctl("remote-clusters")
        assert {line.split()[0] for line in seen.splitlines()[1:]} == set(OLD)
    left = with_south[NEW]
    assert left.releases() == {}
    assert {n["metadata"]["name"] for n in left.get("namespaces")["items"]}.isdisjoint(
        {"istio-system", "sample"}
    )
