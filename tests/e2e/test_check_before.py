"""Clusters that will not do are named by `mesh check --pre` before there is a mesh, with what mends them."""

import copy
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import cluster
from tests.e2e.faults import check, findings, run_hint
from tests.e2e.kube import Kube, eventually
from tests.e2e.stack import Stack, mesh_config

pytestmark = pytest.mark.mesh

NAMES = ("north", "south")
SYSTEM = "istio-system"
View = Callable[[str], Kube]


@pytest.fixture(scope="module")
def clusters(fresh_clusters: Callable[..., Any], keep: bool) -> Iterator[Mapping[str, Any]]:
    """Return two clusters with nothing in them."""
    yield fresh_clusters(*NAMES)
    if not keep:
        cluster.stop(NAMES)


@pytest.fixture(scope="module")
def stack(clusters: Mapping[str, Any], kube: View, new_stack: Callable[[str], Stack]) -> Stack:
    """Return the stack of a mesh over both, with nothing made; one Service never gets an address."""
    kube("south").kubectl("create", "service", "loadbalancer", "web", "--tcp=80", "--namespace=default")
    change = '{"spec": {"loadBalancerIP": "192.0.2.9"}}'
    kube("south").kubectl("patch", "service", "web", "--namespace=default", f"--patch={change}")
    stack = new_stack("before")
    stack.init(mesh_config(NAMES, cluster.merged_kubeconfig()))
    return stack


@pytest.fixture
def config(stack: Stack) -> Iterator[dict[str, Any]]:
    """Return the stack's configuration to be changed; it is put back."""
    before = stack.config()
    yield copy.deepcopy(before)
    stack.configure(before)


def _finding(stack: Stack, reason: str, name: str) -> dict[str, Any]:
    code, report = check(stack, "--pre")
    found = findings(report)
    assert code == 1, found
    assert reason in found, found
    assert found[reason]["cluster"] == name, found
    return found[reason]


def _passes(stack: Stack, *but: str) -> None:
    _, report = check(stack, "--pre")
    assert set(findings(report)) <= {"no-load-balancer", "load-balancer-not-known", *but}, findings(report)


def test_clusters_with_nothing_in_them_will_do(stack: Stack) -> None:
    """Nothing is changed in them."""
    _passes(stack)


def test_a_user_without_rights_is_named(
    stack: Stack, config: dict[str, Any], kube: View, tmp_path: Path
) -> None:
    """One that may look at everything, and make nothing."""
    south = kube("south")
    south.kubectl("create", "serviceaccount", "viewer", "--namespace=default")
    role = ["--clusterrole=view", "--serviceaccount=default:viewer"]
    south.kubectl("create", "clusterrolebinding", "viewer", *role)
    nodes = [
        "--verb=list,get",
        "--resource=nodes,services,pods,secrets,namespaces,configmaps,deployments.apps",
    ]
    south.kubectl("create", "clusterrole", "looker", *nodes)
    south.kubectl(
        "create", "clusterrolebinding", "looker", "--clusterrole=looker", "--serviceaccount=default:viewer"
    )
    token = south.kubectl("create", "token", "viewer", "--namespace=default").strip()
    config["clusters"]["south"]["kubeconfig"] = str(_kubeconfig(south, tmp_path, {"token": token}))
    stack.configure(config)
    finding = _finding(stack, "rights-missing", "south")
    assert "customresourcedefinitions.apiextensions.k8s.io" in finding["message"]
    south.kubectl("delete", "clusterrolebinding", "viewer", "looker")
    south.kubectl("delete", "clusterrole", "looker")
    south.kubectl("delete", "serviceaccount", "viewer", "--namespace=default")


def test_a_login_that_is_refused_is_named(
    stack: Stack, config: dict[str, Any], kube: View, tmp_path: Path
) -> None:
    """A token that the API server does not know."""
    config["clusters"]["south"]["kubeconfig"] = str(
        _kubeconfig(kube("south"), tmp_path, user={"token": "expired"})
    )
    stack.configure(config)
    _finding(stack, "api-server-refuses", "south")


def test_a_cluster_without_a_node_for_pods_is_named(stack: Stack, kube: View) -> None:
    """All are cordoned; the hint's command takes one back."""
    south = kube("south")
    (node,) = south.kubectl("get", "nodes", "--output=name").split()
    south.kubectl("cordon", node)
    finding = _finding(stack, "no-node", "south")
    assert "`kubectl uncordon`" in finding["hint"]
    south.kubectl("uncordon", node)
    _passes(stack)


def test_an_api_server_that_does_not_reach_pods_is_named(
    stack: Stack, clusters: Mapping[str, Any], kube: View
) -> None:
    """As behind the firewall of a private cluster: it would not reach istiod's webhooks."""
    pods = kube("south").get("pods", "--namespace=kube-system")["items"]
    address = next(pod["status"]["podIP"] for pod in pods if not pod["spec"].get("hostNetwork"))
    rule = ["OUTPUT", "-d", address, "-p", "tcp", "-j", "DROP"]
    clusters["south"].run(["iptables", "-t", "raw", "-I", *rule]).check_returncode()
    try:
        _finding(stack, "pods-unreachable", "south")
    finally:
        clusters["south"].run(["iptables", "-t", "raw", "-D", *rule]).check_returncode()
    _passes(stack)


def test_what_others_have_made_is_named(stack: Stack, kube: View) -> None:
    """The message has the commands of `pulumi up`, which hand it over."""
    north = kube("north")
    north.kubectl("create", "namespace", SYSTEM)
    north.kubectl("create", "secret", "generic", "cacerts", "--from-literal=a=b", f"--namespace={SYSTEM}")
    finding = _finding(stack, "update-refused", "north")
    run_hint(stack, kube, {**finding, "hint": finding["message"].partition("delete it: ")[2]})
    _passes(stack)


def test_a_release_of_somebody_else_is_named(stack: Stack, kube: View) -> None:
    """Helm's record of it says so."""
    north, istio = kube("north"), stack.config()["istio"]
    chart = ["base", f"--repo={istio['chartRepository']}", f"--version={istio['version']}"]
    north.run("helm", f"--kube-context={north.context}", "install", "istio-base", *chart, f"-n={SYSTEM}")
    finding = _finding(stack, "update-refused", "north")
    assert "Helm releases istio-base" in finding["message"]
    north.run("helm", f"--kube-context={north.context}", "uninstall", "istio-base", f"-n={SYSTEM}")
    _passes(stack, "update-refused")  # definitions of Istio's stay behind


def test_an_address_by_which_no_peer_gets_in_is_named(stack: Stack, config: dict[str, Any]) -> None:
    """With another name than those in the certificate."""
    config["clusters"]["south"]["apiServer"] = {"tlsServerName": "south.example.com"}
    stack.configure(config)
    finding = _finding(stack, "update-refused", "south")
    assert "no peer would get in" in finding["message"]


def test_an_api_server_that_is_down_is_named_and_the_rest_is_checked(
    stack: Stack, clusters: Mapping[str, Any]
) -> None:
    """The other cluster is checked as ever."""
    clusters["south"].stop_process("kube-apiserver")
    try:
        _finding(stack, "api-server-unreachable", "south")
    finally:
        cluster.start(NAMES)
    _passes(stack, "update-refused")


def test_services_that_wait_for_an_address_are_named(stack: Stack) -> None:
    """For more than a minute; the other cluster shows no Service with one, which is a warning."""

    def waits() -> bool:
        return "no-load-balancer" in findings(check(stack, "--pre")[1])

    eventually(waits, lambda: check(stack, "--pre"), seconds=90)
    found = findings(check(stack, "--pre")[1])
    assert found["no-load-balancer"]["cluster"] == "south"
    assert "default/web" in found["no-load-balancer"]["message"]
    assert found["load-balancer-not-known"]["cluster"] == "north"


def _kubeconfig(kube: Kube, folder: Path, user: Mapping[str, str]) -> Path:
    """Write a kubeconfig like the administrator's, with another user; it is gone with the test."""
    shown = ["config", "view", "--minify", "--flatten", "--raw", f"--context={kube.context}"]
    done = subprocess.run(
        ["kubectl", *shown],
        env={**kube.environment, "KUBECONFIG": str(kube.kubeconfig)},
        capture_output=True,
        text=True,
        check=True,
    )
    document = yaml.safe_load(done.stdout)
    document["users"][0]["user"] = dict(user)
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(document))
    return file
