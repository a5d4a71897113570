"""An ambient mesh in one cluster, by Istio's charts alone: what runs without a ztunnel, and what with one."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import versions
from sandbox.cluster import Cluster, chart_repository, gateway_api_manifest, has_ztunnel, stop, supplies
from sandbox.cluster.settings import CNI_SETTINGS
from sandbox.paths import CHECKOUT
from sandbox.stack import with_ambient_values
from tests.fixtures import Kubectl, Start, needs_ztunnel
from tests.sandbox.conftest import answer_of, call, populate

_NAMESPACE = "istio-system"
_EAST_WEST = "istio-eastwestgateway-ambient"
_SIDECARS, _ENROLLED = "with-sidecars", "default"


@pytest.fixture(scope="module")
def ambient(
    start_clusters: Start, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Return a cluster with istiod, Istio's CNI agent, an east-west gateway, a waypoint and a sidecar."""
    cluster = start_clusters("lab-d")["lab-d"]
    home = tmp_path_factory.mktemp("helm")
    kubectl(cluster, "apply", "--server-side", f"--filename={gateway_api_manifest()}")
    kubectl(cluster, "create", "namespace", _NAMESPACE)
    for release, chart in (("base", "base"), ("istiod", "istiod"), ("istio-cni", "cni")):
        _install(cluster, release, chart, home)
    # Nobody waits: what istiod makes of a Gateway finds what an upstream Envoy needs.
    kubectl(cluster, "create", "namespace", _SIDECARS)
    kubectl(cluster, "label", "namespace", _SIDECARS, "istio-injection=enabled")
    kubectl(cluster, "apply", "--filename=-", given=[_east_west(), _waypoint(), _pod_with_sidecar()])
    if has_ztunnel():
        _install(cluster, "ztunnel", "ztunnel", home)
    yield cluster
    stop([cluster.name])


def _install(cluster: Cluster, release: str, chart: str, home: Path) -> None:
    document = yaml.safe_load((CHECKOUT / "Pulumi.dev.yaml").read_text())
    values = with_ambient_values(document["config"]["istio-mesh:istio"])["values"].get(chart, {})
    (home / "values.yaml").write_text(yaml.safe_dump({**values, "profile": "ambient"}))
    argv = [str(supplies.bin_dir() / "helm"), "install", release, chart, "--repo", chart_repository()]
    argv += ["--version", versions.ISTIO, "--namespace", _NAMESPACE, "--values", str(home / "values.yaml")]
    argv += ["--kubeconfig", str(cluster.kubeconfig), "--kube-context", cluster.context]
    argv += [
        "--set",
        f"global.multiCluster.clusterName={cluster.name},multiCluster.clusterName={cluster.name}",
    ]
    argv += ["--set-string", "env.AMBIENT_ENABLE_MULTI_NETWORK=true", "--wait", "--timeout", "3m"]
    environment = {**os.environ, "HELM_CACHE_HOME": str(home), "HELM_CONFIG_HOME": str(home)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _gateway(name: str, namespace: str, kind: str, **tls: Any) -> Mapping[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "gatewayClassName": kind,
            "listeners": [{"name": "mesh", "port": 15008, "protocol": "HBONE", **tls}],
        },
    }


def _east_west() -> Mapping[str, Any]:
    options = {"gateway.istio.io/tls-terminate-mode": "ISTIO_MUTUAL"}
    return _gateway(_EAST_WEST, _NAMESPACE, "istio-east-west", tls={"mode": "Terminate", "options": options})


def _waypoint() -> Mapping[str, Any]:
    return _gateway("waypoint", _ENROLLED, "istio-waypoint")


def _pod_with_sidecar() -> Mapping[str, Any]:
    container = {"name": "client", "image": "localhost/client:1"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "client", "namespace": _SIDECARS},
        "spec": {"containers": [container]},
    }


@pytest.mark.parametrize(
    ("namespace", "pods"),
    [
        (_NAMESPACE, f"gateway.networking.k8s.io/gateway-name={_EAST_WEST}"),
        (_ENROLLED, "gateway.networking.k8s.io/gateway-name=waypoint"),
        (_SIDECARS, "security.istio.io/tlsMode=istio"),
    ],
)
def test_an_upstream_envoy_takes_all_that_istiod_sends(
    ambient: Cluster, kubectl: Kubectl, namespace: str, pods: str
):
    """As an east-west gateway, as a waypoint, and as a sidecar that ends HBONE tunnels, at the first try."""
    there = (f"--namespace={namespace}", f"--selector={pods}")
    kubectl(ambient, "wait", "pod", *there, "--for=condition=Ready", "--timeout=120s")
    (pod,) = json.loads(kubectl(ambient, "get", "pods", *there, "--output=json"))["items"]
    (proxy,) = [one for one in _statuses(pod) if one["name"] == "istio-proxy"]
    assert proxy["restartCount"] == 0
    name = pod["metadata"]["name"]
    request = ("exec", f"--namespace={namespace}", name, "--container=istio-proxy", "--", "pilot-agent")
    rejected = kubectl(ambient, *request, "request", "GET", "stats?filter=update_rejected").split("\n")
    assert "listener_manager.lds.update_rejected: 0" in rejected
    assert [line for line in rejected if line and not line.endswith(": 0")] == []
    listeners = kubectl(ambient, *request, "request", "GET", "listeners")
    assert "connect_terminate" in listeners


def _statuses(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    status = pod["status"]
    return [*status.get("initContainerStatuses", []), *status["containerStatuses"]]


def test_the_cni_agent_chains_its_plugin_and_pods_go_on_to_start(ambient: Cluster, kubectl: Kubectl):
    """By the chart's default paths. A pod that is not enrolled does not need a ztunnel."""
    kubectl(ambient, "rollout", "status", "daemonset/istio-cni-node", f"--namespace={_NAMESPACE}")
    network = json.loads((ambient.layout.bindings[CNI_SETTINGS] / "10-pods.conflist").read_text())
    assert [plugin["type"] for plugin in network["plugins"]] == ["bridge", "portmap", "istio-cni"]
    populate(kubectl, [ambient])
    assert answer_of(ambient) in call(kubectl, ambient, "hello:5000")


@needs_ztunnel
def test_pods_are_enrolled_and_call_each_other_through_ztunnel(ambient: Cluster, kubectl: Kubectl):
    """Those that run already, by the namespace's label."""
    populate(kubectl, [ambient])
    kubectl(ambient, "label", "namespace", _ENROLLED, "istio.io/dataplane-mode=ambient")
    for pod in ("--selector=app=hello", "client"):
        enrolled = r"--for=jsonpath={.metadata.annotations.ambient\.istio\.io/redirection}=enabled"
        kubectl(ambient, "wait", "pod", pod, enrolled, "--timeout=60s")
    assert answer_of(ambient) in call(kubectl, ambient, "hello:5000")
    log = kubectl(ambient, "logs", "daemonset/ztunnel", f"--namespace={_NAMESPACE}")
    assert f'src.identity="spiffe://cluster.local/ns/{_ENROLLED}/sa/default"' in log
