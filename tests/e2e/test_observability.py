"""Prometheus scrapes a real mesh: alerts fire when it is broken, and every panel has data."""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.dashboard import rows
from mesh.istio.names import CROSS_NETWORK_GATEWAY, GATEWAY, NAMESPACE, remote_secret_name
from mesh.observability.names import KIALI_ACCOUNT, KIALI_SECRET
from mesh.observability.rules import rule_groups
from sandbox import tools
from tests.e2e.faults import feed, replace
from tests.e2e.kube import Kube, eventually
from tests.e2e.prometheus import Prometheus, running
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]
CLUSTERS = ("east", "west")
REMOTE_SECRET = remote_secret_name("west")
PACE = 1 / 60
"""Minutes of the rules are seconds here."""

_KINDS = ("podmonitors", "prometheusrules", "servicemonitors")
_MODULE = "github.com/prometheus-operator/prometheus-operator"


@pytest.fixture(scope="module")
def clusters(mesh: Stack, kube: View) -> Mapping[str, Kube]:
    """Return the mesh's clusters by name."""
    assert mesh.config()["clusters"].keys() == {*CLUSTERS}
    return {name: kube(name) for name in CLUSTERS}


@pytest.fixture(scope="module")
def monitored(mesh: Stack, clusters: Mapping[str, Kube]) -> Iterator[Stack]:
    """The mesh with everything of the section `observability`, and with Kiali in east."""
    before = mesh.config()
    for kube in clusters.values():
        _define_operators_kinds(kube)
    mesh.configure({**before, "observability": True, "kiali": {"cluster": "east"}})
    mesh.up()
    yield mesh
    mesh.configure(before)
    mesh.up()
    for kube in clusters.values():
        names = [f"{kind}.monitoring.coreos.com" for kind in _KINDS]
        kube.kubectl("delete", "customresourcedefinitions", *names)


def _define_operators_kinds(kube: Kube) -> None:
    """The definitions of the Prometheus Operator, which check what is written as its users' clusters do."""
    folder = tools.module_dir("prometheus-operator", _MODULE) / "example/prometheus-operator-crd"
    for kind in _KINDS:
        kube.kubectl("apply", "--server-side", f"--filename={folder}/monitoring.coreos.com_{kind}.yaml")
        kube.kubectl("wait", "--for=condition=Established", f"crd/{kind}.monitoring.coreos.com")


@pytest.fixture(scope="module")
def prometheus(
    monitored: Stack,
    kube: View,
    start_clusters: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    """Run Prometheus with what the command has written, with the rules at a faster pace."""
    files, folder = tmp_path_factory.mktemp("written"), tmp_path_factory.mktemp("prometheus")
    done = monitored.command("observability", f"--directory={files}")
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load((files / "rules.yaml").read_text()) == rule_groups(dict.fromkeys(CLUSTERS, 1))
    members = start_clusters(*CLUSTERS).values()
    with running(members, files, folder, rule_groups(dict.fromkeys(CLUSTERS, 1), pace=PACE)) as found:
        jobs = {(job, name) for job in ("istiod", GATEWAY, "istio-proxies") for name in CLUSTERS}
        up = "count by (job, cluster) (up == 1)"

        def scraped() -> set[tuple[str, str]]:
            return {(s["metric"]["job"], s["metric"]["cluster"]) for s in found.query(up)}

        eventually(lambda: scraped() == jobs, lambda: (found.query("up"), _logs(folder)))
        pods = {series["metric"]["pod"]: series["metric"]["cluster"] for series in found.query("up")}
        for name in CLUSTERS:
            assert {p for p, c in pods.items() if c == name} <= _pods(kube(name)), "each scrapes its own pods"
        yield found


def _pods(kube: Kube) -> set[str]:
    return {pod["metadata"]["name"] for pod in kube.get("pods", "--all-namespaces")["items"]}


def _logs(folder: Path) -> str:
    return "\n".join(log.read_text()[-2000:] for log in folder.glob("*.log"))


@pytest.fixture
def calls(clusters: Mapping[str, Kube], prometheus: Prometheus) -> None:
    """Calls from each cluster to all others, which Prometheus has seen."""
    active = "sum by (cluster) (envoy_listener_downstream_cx_active) > 0"
    eventually(
        lambda: (
            all(set(kube.answers()) == {*CLUSTERS} for kube in clusters.values())
            and {s["metric"]["cluster"] for s in prometheus.query(active)} == {*CLUSTERS}
        ),
        lambda: (prometheus.query(active), [kube.answers() for kube in clusters.values()]),
    )


def _fires(prometheus: Prometheus, alert: str, **labels: str) -> None:
    eventually(lambda: prometheus.fires(alert, **labels), prometheus.firing, seconds=120)


def _silent(prometheus: Prometheus) -> None:
    eventually(lambda: prometheus.firing() == {}, prometheus.firing, seconds=120)


@pytest.mark.usefixtures("monitored")
def test_the_operator_finds_what_it_needs(clusters: Mapping[str, Kube]) -> None:
    """Its definitions accept the objects, and the monitors select Services and pods that are there."""
    for kube in clusters.values():
        rules = kube.get("prometheusrule", "istio-mesh", f"--namespace={NAMESPACE}")
        assert rules["spec"] == rule_groups({kube.context: 1})
        monitor = kube.get("servicemonitor", "istiod", f"--namespace={NAMESPACE}")["spec"]
        [(key, value)] = monitor["selector"]["matchLabels"].items()
        [service] = kube.get("services", f"--namespace={NAMESPACE}", f"--selector={key}={value}")["items"]
        assert monitor["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
        monitor = kube.get("podmonitor", GATEWAY, f"--namespace={NAMESPACE}")["spec"]
        [(key, value)] = monitor["selector"]["matchLabels"].items()
        pods = kube.get("pods", f"--namespace={NAMESPACE}", f"--selector={key}={value}")["items"]
        ports = [port["name"] for port in pods[0]["spec"]["containers"][0]["ports"]]
        assert monitor["podMetricsEndpoints"][0]["port"] in ports


@pytest.mark.usefixtures("monitored")
def test_kialis_kubeconfig_reads_the_other_cluster_and_no_secret(
    clusters: Mapping[str, Kube], tmp_path: Path
) -> None:
    """By the token in the one Secret; every right that it has is one to look."""
    found = clusters["east"].get("secret", KIALI_SECRET, f"--namespace={NAMESPACE}")["data"]
    assert found.keys() == {"west"}
    file = tmp_path / "kubeconfig"
    file.touch(mode=0o600)
    file.write_bytes(base64.b64decode(found["west"]))
    kiali = Kube(context="west", kubeconfig=file, environment=clusters["west"].environment)
    who = kiali.kubectl("auth", "whoami", "--output=jsonpath={.status.userInfo.username}")
    assert who == f"system:serviceaccount:{NAMESPACE}:{KIALI_ACCOUNT}"
    assert kiali.get("pods", "--namespace=sample")["items"], "it must see the workloads of the other cluster"
    assert kiali.get("virtualservices.networking.istio.io", "--all-namespaces")["items"] == []
    for verb, kind in (("get", "secrets"), ("list", "secrets"), ("delete", "pods"), ("create", "pods/exec")):
        done = kiali.run("kubectl", "--context=west", "auth", "can-i", verb, kind, "-A", check=False)
        assert done.stdout.strip() == "no", f"Kiali may {verb} {kind}"


@pytest.mark.usefixtures("calls")
def test_every_panel_of_the_dashboard_has_data(prometheus: Prometheus) -> None:
    """Of both clusters, as numbers: what Grafana would draw."""

    def drawn(query: str) -> set[str]:
        filled = query.replace("$cluster", "|".join(CLUSTERS)).replace("$__rate_interval", "20s")
        series = prometheus.query(filled)
        return {s["metric"]["cluster"] for s in series if s["value"][1] != "NaN"}

    panels = [panel for row in rows().values() for panel in row]
    eventually(
        lambda: all(drawn(panel.query) == {*CLUSTERS} for panel in panels),
        lambda: {panel.title: drawn(panel.query) for panel in panels},
    )
    synced = panels[0]
    series = prometheus.query(synced.query.replace("$cluster", ".+"))
    pairs = {(s["metric"]["cluster"], s["metric"]["remote_cluster"]): s["value"][1] for s in series}
    assert pairs == {("east", "west"): "1", ("west", "east"): "1"}
    (left,) = prometheus.query("min(citadel_server_root_cert_expiry_timestamp - time()) / 86400")
    assert 3600 < float(left["value"][1]) < 3651, "days of a root of ten years"


@pytest.mark.usefixtures("calls")
def test_nothing_fires_in_a_mesh_in_order(prometheus: Prometheus) -> None:
    """The alerts have long had the time that they wait for."""
    _silent(prometheus)
    time.sleep(300 * PACE + 5)
    assert prometheus.firing() == {}


@pytest.mark.usefixtures("calls")
def test_a_token_that_is_refused_fires(
    monitored: Stack, clusters: Mapping[str, Kube], prometheus: Prometheus
) -> None:
    """With the secret of another token, istiod does not get in; by what it has read before, calls go on."""
    east = clusters["east"]
    right = east.get("secret", REMOTE_SECRET, f"--namespace={NAMESPACE}")
    kubeconfig = yaml.safe_load(base64.b64decode(right["data"]["west"]))
    kubeconfig["users"][0]["user"]["token"] = "refused"
    wrong = base64.b64encode(yaml.safe_dump(kubeconfig).encode()).decode()
    replace(east, {**right, "data": {"west": wrong}})
    try:
        _fires(prometheus, "IstioMeshRemoteClusterErrors", cluster="east", remote_cluster="west")
        _fires(prometheus, "IstioMeshRemoteClusterNotSynced", cluster="east", remote_cluster="west")
        assert not prometheus.fires("IstioMeshRemoteClusterNotSynced", cluster="west")
    finally:
        monitored.up("--refresh")
    _silent(prometheus)


@pytest.mark.usefixtures("calls")
def test_calls_from_other_networks_that_end_fire(
    monitored: Stack, clusters: Mapping[str, Kube], prometheus: Prometheus
) -> None:
    """West exposes nothing any more, so that its gateway lets nobody in; west calls east as ever."""
    gateway = f"gateways.networking.istio.io/{CROSS_NETWORK_GATEWAY}"
    clusters["west"].kubectl("delete", gateway, f"--namespace={NAMESPACE}")
    try:
        _fires(prometheus, "IstioMeshNoCrossNetworkTraffic", cluster="west")
        assert not prometheus.fires("IstioMeshNoCrossNetworkTraffic", cluster="east")
        assert not prometheus.fires("IstioMeshGatewayDown"), "it still runs, and is ready"
    finally:
        monitored.up("--refresh")
    eventually(lambda: set(clusters["east"].answers()) == {*CLUSTERS}, clusters["east"].answers)
    _silent(prometheus)


def test_a_gateway_and_an_istiod_that_are_gone_fire(
    monitored: Stack, clusters: Mapping[str, Kube], prometheus: Prometheus
) -> None:
    """Each with its cluster; the other cluster's are silent."""
    for deployment in (GATEWAY, "istiod"):
        clusters["west"].kubectl(
            "scale", f"--namespace={NAMESPACE}", f"deployment/{deployment}", "--replicas=0"
        )
    _fires(prometheus, "IstioMeshGatewayDown", cluster="west")
    _fires(prometheus, "IstioMeshIstiodDown", cluster="west")
    assert not prometheus.fires("IstioMeshGatewayDown", cluster="east")
    assert not prometheus.fires("IstioMeshIstiodDown", cluster="east")
    for deployment in ("istiod", GATEWAY):
        clusters["west"].kubectl(
            "scale", f"--namespace={NAMESPACE}", f"deployment/{deployment}", "--replicas=1"
        )
    eventually(lambda: not prometheus.fires("IstioMeshIstiodDown"), prometheus.firing, seconds=120)


def test_a_remote_secret_that_is_gone_fires(
    monitored: Stack, clusters: Mapping[str, Kube], prometheus: Prometheus
) -> None:
    """A cluster that istiod has never heard of has no status; istiod of west knows none now."""
    secret = remote_secret_name("east")
    clusters["west"].kubectl("delete", "secret", secret, f"--namespace={NAMESPACE}")
    try:
        _fires(prometheus, "IstioMeshRemoteClusterUnknown", cluster="west")
        assert not prometheus.fires("IstioMeshRemoteClusterUnknown", cluster="east")
    finally:
        monitored.up("--refresh")
    eventually(lambda: not prometheus.fires("IstioMeshRemoteClusterUnknown"), prometheus.firing)


def test_configuration_that_proxies_reject_fires(
    clusters: Mapping[str, Kube], prometheus: Prometheus
) -> None:
    """An EnvoyFilter that istiod lets through and Envoy does not, in the sample of east alone."""
    patch = {"operation": "MERGE", "value": {"connect_timeout": "-1s"}}
    broken = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "broken", "namespace": "sample"},
        "spec": {
            "configPatches": [
                {"applyTo": "CLUSTER", "match": {"context": "SIDECAR_OUTBOUND"}, "patch": patch}
            ]
        },
    }
    feed(clusters["east"], "create", broken)
    try:
        _fires(prometheus, "IstioMeshConfigurationRejected", cluster="east", namespace="sample")
        assert not prometheus.fires("IstioMeshConfigurationRejected", cluster="west")
    finally:
        clusters["east"].kubectl("delete", "envoyfilter", "broken", "--namespace=sample")
    eventually(lambda: not prometheus.fires("IstioMeshConfigurationRejected"), prometheus.firing)


def test_tokens_of_the_mesh_are_nowhere_in_plain_text(monitored: Stack, clusters: Mapping[str, Kube]) -> None:
    """Kiali's is in the state encrypted, and in no output."""
    data = clusters["east"].get("secret", KIALI_SECRET, f"--namespace={NAMESPACE}")["data"]
    kubeconfig = yaml.safe_load(base64.b64decode(data["west"]))
    token = kubeconfig["users"][0]["user"]["token"]
    assert token.count(".") == 2, "a JSON web token"
    shown = json.dumps([monitored.state(), monitored.outputs()])
    assert token not in shown
    assert base64.b64encode(token.encode()).decode() not in shown
