"""What is broken in a running mesh is named by `mesh check`, without the sample, and its hint mends it.

What `mesh verify` finds, too, is broken in the files beside this one: there both commands are asked.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mesh.istio.names import GATEWAY, INJECTOR
from tests.e2e.faults import SYSTEM, check, checks, feed, findings, mended, patch, restart, run_hint
from tests.e2e.kube import Kube, eventually
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]


def test_a_mesh_that_is_right_passes(mesh: Stack) -> None:
    """Nothing is skipped, and every gateway is reached from every other cluster."""
    code, report = check(mesh, "--wait=60")
    assert code == 0, findings(report)
    outcomes = {result["outcome"] for result in report["results"]}
    assert outcomes <= {"passed", "warning"}, findings(report)
    assert set(findings(report)) <= {"errors-logged"}, findings(report)
    assert {(g["cluster"], g["peer"]) for g in report["gateways"]} == {("east", "west"), ("west", "east")}
    assert all(gateway["connectMs"] > 0 for gateway in report["gateways"])


def test_a_mesh_without_the_sample_passes(mesh: Stack) -> None:
    """There is no service behind the gateways then, and nothing that needs one fails."""
    config = mesh.config()
    mesh.configure({**config, "helloWorld": {**config["helloWorld"], "enabled": False}})
    try:
        mesh.up()
        mended(mesh)
    finally:
        mesh.configure(config)
        mesh.up()


def test_a_missing_injector_is_named(mesh: Stack, kube: View) -> None:
    """New pods would get no proxy, also those of the gateway."""
    kube("west").kubectl("delete", "mutatingwebhookconfiguration", INJECTOR)
    finding = checks(mesh, "injection-fails", "west")
    _follow(mesh, kube, finding)


def test_missing_validation_is_named(mesh: Stack, kube: View) -> None:
    """Wrong objects would be taken."""
    west = kube("west")
    names = west.kubectl("get", "validatingwebhookconfigurations", "--output=name").split()
    west.kubectl("delete", *[name for name in names if "istio" in name])
    finding = checks(mesh, "validation-fails", "west")
    _follow(mesh, kube, finding)


def test_an_api_server_that_does_not_reach_the_webhooks_is_named(
    mesh: Stack, kube: View, start_clusters: Callable[..., Any]
) -> None:
    """A firewall between control plane and nodes, as private clusters have it."""
    west: Any = start_clusters("west")["west"]
    # Behind the translation of the Service's address, to which the API server connects.
    with _dropped(west, "filter", "OUTPUT", "-p", "tcp", "--dport", "15017"):
        finding = checks(mesh, "injection-fails", "west")
        assert "failed calling webhook" in finding["message"]
    mended(mesh)


def test_an_injector_and_pods_of_another_network_are_named(mesh: Stack, kube: View) -> None:
    """First the injector; once it is mended, the pods that it made meanwhile."""
    west = kube("west")
    config_map = west.get("configmap", INJECTOR, f"--namespace={SYSTEM}")
    values = json.loads(config_map["data"]["values"])
    values["global"]["network"] = "net-old"
    patch(west, "configmap", INJECTOR, {"data": {"values": json.dumps(values)}})
    finding = checks(mesh, "injection-fails", "west")
    assert "'net-old'" in finding["message"]
    restart(west, "client", namespace="sample")
    run_hint(mesh, kube, {**finding, "hint": _first_command(finding)})
    finding = checks(mesh, "proxy-stale", "west")
    assert "sample/client-" in finding["message"]
    _follow(mesh, kube, finding)


def test_a_remote_secret_of_a_cluster_that_is_gone_is_named(mesh: Stack, kube: View) -> None:
    """As other tools leave it behind."""
    west = kube("west")
    secret = west.get("secret", "istio-remote-secret-east", f"--namespace={SYSTEM}")
    (kubeconfig,) = secret["data"].values()
    labels = {"istio/multiCluster": "true"}
    metadata = {"name": "istio-remote-secret-gone", "namespace": SYSTEM, "labels": labels}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"gone": kubeconfig}}
    feed(west, "create", document)
    finding = checks(mesh, "remote-secret-orphaned", "west")
    _follow(mesh, kube, finding)


def test_a_peer_that_pods_cannot_reach_is_named(
    mesh: Stack, kube: View, start_clusters: Callable[..., Any]
) -> None:
    """From this machine it is reached, and by istiod as long as its connections last."""
    server = kube("west").kubectl(
        "config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}"
    )
    address = server.partition("//")[2].partition(":")[0]
    east: Any = start_clusters("east")["east"]
    with _dropped(east, "raw", "PREROUTING", "-p", "tcp", "-d", address, "--dport", "6443", "--syn"):
        finding = checks(mesh, "peer-api-server-unreachable", "east")
        assert finding["peer"] == "west"
    mended(mesh)


def test_a_gateway_that_exposes_something_else_is_named(mesh: Stack, kube: View) -> None:
    """Its port is closed then."""
    change = [{"op": "replace", "path": "/spec/servers/0/hosts", "value": ["*.example.com"]}]
    arguments = ["--type=json", f"--patch={json.dumps(change)}"]
    name = ["gateways.networking.istio.io", "cross-network-gateway", f"--namespace={SYSTEM}"]
    kube("west").kubectl("patch", *name, *arguments)
    finding = checks(mesh, "cross-network-gateway-missing", "west")
    assert "*.example.com" in finding["message"]
    _follow(mesh, kube, finding)


def test_a_gateway_that_passes_nothing_is_named(mesh: Stack, kube: View) -> None:
    """The services behind it take no mutual TLS, so it closes what it would pass to them."""
    feed(kube("west"), "create", _WITHOUT_MUTUAL_TLS)
    finding = checks(mesh, "gateway-passes-nothing", "west")
    run_hint(mesh, kube, finding)
    kube("west").kubectl("delete", "peerauthentication", "plain", "--namespace=sample")
    mended(mesh)


def test_a_deleted_gateway_service_is_named(mesh: Stack, kube: View) -> None:
    """Peers lose the address."""
    kube("west").kubectl("delete", "service", GATEWAY, f"--namespace={SYSTEM}")
    finding = checks(mesh, "gateway-down", "west")
    run_hint(mesh, kube, {**finding, "hint": _first_command(finding)})
    mended(mesh)


def test_a_deleted_istiod_is_named(mesh: Stack, kube: View) -> None:
    """With its Deployment."""
    kube("west").kubectl("delete", "deployment", "istiod", f"--namespace={SYSTEM}")
    finding = checks(mesh, "istiod-down", "west")
    run_hint(mesh, kube, {**finding, "hint": f"{_first_command(finding)}"})
    mended(mesh)


def test_a_dead_api_server_is_named_and_the_rest_is_checked(
    mesh: Stack, start_clusters: Callable[..., Any]
) -> None:
    """Once, and not again for each thing that is not known because of it."""
    west: Any = start_clusters("west")["west"]
    west.stop_process("kube-apiserver")
    try:
        code, report = check(mesh)
        found = [result["finding"] for result in report["results"] if result["finding"]]
        assert code == 1
        assert [f["reason"] for f in found if f["reason"] != "errors-logged"] == ["api-server-unreachable"]
        assert sum(r["outcome"] == "passed" for r in report["results"] if r["cluster"] == "east") > 10
        assert "api-server-unreachable" in mesh.command("diagram", "--live").stdout
    finally:
        start_clusters("west")
    mended(mesh)


def test_what_does_no_harm_yet_is_a_warning(mesh: Stack, kube: View) -> None:
    """Services of one name with other ports, and a configuration that a proxy refuses: the check passes."""
    for cluster, port in (("east", 80), ("west", 8080)):
        kube(cluster).kubectl(
            "create", "service", "clusterip", "cart", f"--tcp={port}", "--namespace=default"
        )
    feed(kube("west"), "create", _REFUSED_BY_THE_PROXY)
    try:
        checks(mesh, "service-ports-differ", "east", code=0)
        found: list[str] = []

        def refused() -> bool:
            # What istiod has said of the break before is there for five minutes, too.
            found.append(checks(mesh, "errors-logged", "west", code=0)["message"])
            return any(sign in found[-1] for sign in ("NACK", "rejected", "ERROR"))

        eventually(refused, lambda: found[-1])
    finally:
        for cluster in ("east", "west"):
            kube(cluster).kubectl("delete", "service", "cart", "--namespace=default")
        kube("west").kubectl("delete", "envoyfilter", "refused", f"--namespace={SYSTEM}")
    mended(mesh)


def test_a_report_for_a_ci_system_has_no_secret_and_all_forms_say_the_same(mesh: Stack) -> None:
    """The table, JSON and JUnit."""
    done = mesh.command("check", "--output=junit")
    assert done.returncode == 0, done.stdout + done.stderr
    _, report = check(mesh)
    assert done.stdout.count("<testcase ") == len(report["results"])
    shown = mesh.command("check").stdout
    assert f"{len(report['results'])} checks: " in shown
    assert not re.search(r"eyJ|PRIVATE KEY", done.stdout + shown + json.dumps(report))


_WITHOUT_MUTUAL_TLS = {
    "apiVersion": "security.istio.io/v1",
    "kind": "PeerAuthentication",
    "metadata": {"name": "plain", "namespace": "sample"},
    "spec": {"selector": {"matchLabels": {"app": "helloworld"}}, "mtls": {"mode": "DISABLE"}},
}
_REFUSED_BY_THE_PROXY = {
    "apiVersion": "networking.istio.io/v1alpha3",
    "kind": "EnvoyFilter",
    "metadata": {"name": "refused", "namespace": SYSTEM},
    "spec": {
        "workloadSelector": {"labels": {"app": GATEWAY}},
        "configPatches": [
            {
                "applyTo": "CLUSTER",
                "match": {"context": "GATEWAY"},
                "patch": {"operation": "MERGE", "value": {"connect_timeout": "-1s"}},
            }
        ],
    },
}


def _follow(stack: Stack, kube: View, finding: dict[str, Any]) -> None:
    run_hint(stack, kube, {**finding, "hint": _first_command(finding)})
    mended(stack)


def _first_command(finding: dict[str, Any]) -> str:
    """The hint without what it says for the case that its first part changes nothing."""
    return str(finding["hint"]).partition("; if ")[0]


@contextmanager
def _dropped(cluster: Any, table: str, chain: str, *what: str) -> Iterator[None]:
    """Drop packets in a cluster, and say nothing, as a firewall does."""
    rule = [chain, *what, "-j", "DROP"]
    cluster.run(["iptables", "-t", table, "-I", *rule]).check_returncode()
    try:
        yield
    finally:
        cluster.run(["iptables", "-t", table, "-D", *rule]).check_returncode()
