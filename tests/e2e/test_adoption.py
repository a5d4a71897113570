"""A mesh that something else has built is taken over: nothing is made anew, and calls go on.

Built as Istio's guide says, with Helm or with istioctl. From what ristioctl is told, a new one is made. Run
these tests with `make adoption-tests`.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.mesh.documented import Documented
from benchmarks.mesh.settings import stack_config
from mesh.mappings import deep_merge
from mesh.samples.names import NAMESPACE
from sandbox import cluster, tools, versions
from sandbox.paths import state_dir
from tests.e2e.faults import passes
from tests.e2e.kube import Kube, eventually
from tests.e2e.load import Load
from tests.e2e.stack import PROJECT, Stack, mesh_config

pytestmark = pytest.mark.adoption

NAMES = ("east", "west")
_SYSTEM = "istio-system"
_CUT = "reset reason: connection termination"
_MOST_CUT = 4
"""Two gateways whose pods are made anew, each with a connection or two in use just then."""

View = Callable[[str], Kube]


@pytest.fixture(scope="module", params=["helm", "istioctl"])
def by_hand(
    request: pytest.FixtureRequest,
    fresh_clusters: Callable[..., Any],
    sandbox_environment: Mapping[str, str],
) -> Path:
    """Build a mesh with the values that the guide has, and return the folder with its keys."""
    fresh_clusters(*NAMES)
    folder = state_dir() / f"by-{request.param}"
    source = PROJECT / "Pulumi.dev.yaml"
    config = stack_config(
        source, NAMES, kubeconfig=cluster.merged_kubeconfig(), repository=cluster.chart_repository()
    )
    documented = Documented("parallel", folder, config, sandbox_environment)
    values = yaml.safe_load(source.read_text(encoding="utf-8"))["config"]["istio-mesh:istio"]["values"]
    for name in NAMES:
        write = _write_for_helm if request.param == "helm" else _write_for_istioctl
        write(folder / name, name, values)
    istio = tools.module_dir("istio", "istio.io/istio")
    places = {"MANIFESTS": str(istio / "manifests"), "SAMPLES": str(istio / "samples")}
    script = [str(PROJECT / "tests" / "e2e" / "installed_by_istioctl.sh"), *NAMES]
    done = subprocess.run(
        documented.command if request.param == "helm" else script,
        env={**documented.environment, **places},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return folder


def _identity(name: str) -> dict[str, Any]:
    return {"global": {"meshID": "by-hand", "multiCluster": {"clusterName": name}, "network": f"net-{name}"}}


def _write_for_helm(folder: Path, name: str, values: Mapping[str, Any]) -> None:
    gateway = {"name": "istio-eastwestgateway", "networkGateway": f"net-{name}"}
    for file, own in (("istiod", _identity(name)), ("gateway", gateway)):
        text = yaml.safe_dump(deep_merge(values[file], own))
        (folder / f"{file}.yaml").write_text(text, encoding="utf-8")


def _write_for_istioctl(folder: Path, name: str, values: Mapping[str, Any]) -> None:
    """There, the values of istiod are below `pilot`, and variables in the Deployment."""
    istiod = deep_merge(values["istiod"], _identity(name))
    variables = [{"name": key, "value": value} for key, value in istiod.pop("env").items()]
    pilot = {key: istiod.pop(key) for key in ("autoscaleEnabled", "resources")}
    spec = {
        "hub": istiod["global"].pop("hub"),
        "tag": versions.ISTIO,
        "meshConfig": istiod.pop("meshConfig"),
        "components": {
            "ingressGateways": [{"name": "istio-ingressgateway", "enabled": False}],
            "pilot": {"k8s": {"env": variables}},
        },
        "values": {**istiod, "pilot": pilot},
    }
    operator = {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": spec}
    (folder / "operator.yaml").write_text(yaml.safe_dump(operator), encoding="utf-8")


@pytest.fixture(scope="module")
def stack(by_hand: Path, new_stack: Callable[[str], Stack]) -> Stack:
    """Give a stack without any settings."""
    stack = new_stack(f"adopted-{by_hand.name}")
    stack.init({})
    return stack


def _import(stack: Stack, key: Path, kubeconfig: Path) -> None:
    """Do what the command says, in its order, and set what the sandbox needs."""
    contexts = [f"--context={name}" for name in NAMES]
    done = stack.command("import", *contexts, f"--stack={stack.name}", "--overwrite", f"--root-key={key}")
    assert done.returncode == 1, done.stderr
    for setting, value in (
        ("chartRepository", cluster.chart_repository()),
        ("values.gateway.imagePullPolicy", "Never"),  # istioctl's gateway has no values
    ):
        stack.pulumi("config", "set", "--path", f"istio-mesh:istio.{setting}", value)
    steps = done.stderr.partition("To do:\n")[2].partition("\n\n")[0]
    commands = re.findall(r"`((?:kubectl|pulumi) [^`]+)`", steps)
    assert any(command.startswith("pulumi import ") for command in commands)
    for command in commands:
        if command not in ("pulumi preview", "pulumi up"):
            environment = {**stack.environment, "KUBECONFIG": str(kubeconfig)}
            ran = subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=PROJECT,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"


def test_a_mesh_of_others_is_taken_over_with_its_ca_while_calls_go_on(
    stack: Stack, by_hand: Path, kube: View, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first preview deletes and replaces nothing; the root stays, and signs what the stack makes."""
    _import(stack, by_hand / "root-key.pem", cluster.merged_kubeconfig())
    changes = stack.preview()
    counts = Counter(change.op for change in changes)
    _say(capfd, f"first preview: {dict(counts)}")
    assert counts.keys() == {"create", "update"}, changes
    releases = {f"{n}-{r}" for n in NAMES for r in ("istio-base", "istiod", "istio-eastwestgateway")}
    by_helm = by_hand.name.endswith("helm")
    assert {c.name for c in changes if c.op == ("update" if by_helm else "create")} >= releases
    assert _found(stack) == {"mesh-config-not-loaded"}, "the mesh was broken before"
    before = {name: _cacerts(kube(name)) for name in NAMES}
    _under_load(stack, capfd)
    assert stack.preview() == []
    assert _found(stack) == set()
    for name in NAMES:
        after = _cacerts(kube(name))
        assert after["root-cert.pem"] == before[name]["root-cert.pem"]
        assert after["ca-cert.pem"] != before[name]["ca-cert.pem"]
        assert {r["revision"] for r in kube(name).releases().values()} == {"2" if by_helm else "1"}


def test_the_adopted_mesh_is_rotated_and_upgraded_as_any_other(
    stack: Stack, kube: View, capfd: pytest.CaptureFixture[str]
) -> None:
    """Intermediates, tokens, a value and the version of Istio, in one update."""
    before = {name: _cacerts(kube(name)) for name in NAMES}
    config = stack.config()
    config["trust"]["intermediate"] = {"generation": 2, "key": "ecdsa-p256"}
    config["reader"] = {"tokenGenerations": [1, 2]}
    config["istio"]["version"] = versions.ISTIO_NEXT
    config["istio"]["values"]["istiod"]["podAnnotations"] = {"changed": "1"}
    stack.configure(config)
    _under_load(stack, capfd)
    for name, peer in (NAMES, NAMES[::-1]):
        assert _cacerts(kube(name))["ca-cert.pem"] != before[name]["ca-cert.pem"]
        [pod] = kube(name).get("pods", f"--namespace={_SYSTEM}", "--selector=app=istiod")["items"]
        assert pod["metadata"]["annotations"]["changed"] == "1"
        assert {r["app_version"] for r in kube(name).releases().values()} == {versions.ISTIO_NEXT}
        assert kube(name).answers().keys() == set(NAMES), f"{name} does not reach {peer}"
    assert _found(stack) == set()


def test_the_adopted_mesh_is_verified_once_the_sample_is_its_own(stack: Stack, kube: View) -> None:
    """As docs/adopt.md says: HelloWorld of before goes first."""
    for name in NAMES:
        kube(name).kubectl("delete", "namespace", NAMESPACE)
    sample = mesh_config(NAMES, cluster.merged_kubeconfig())["helloWorld"]
    stack.configure({**stack.config(), "helloWorld": sample})
    stack.up()
    passes(stack)


def test_a_configuration_of_ristioctl_becomes_a_mesh(
    fresh_clusters: Callable[..., Any], new_stack: Callable[[str], Stack], kube: View, tmp_path: Path
) -> None:
    """Clusters and networks have the names in the file; kubeconfig, contexts and images are the sandbox's."""
    fresh_clusters(*NAMES)
    text = (PROJECT / "tests/unit/importing/ristioctl/mesh1.yaml").read_text(encoding="utf-8")
    for there, here in (
        ("kubeconfig.yaml", str(cluster.merged_kubeconfig())),
        ("apple-admin", "east"),
        ("pear-admin", "west"),
    ):
        text = text.replace(there, here)
    (tmp_path / "mesh.yaml").write_text(text, encoding="utf-8")
    stack = new_stack("seed")
    stack.init({})
    done = stack.command("import", str(tmp_path / "mesh.yaml"), f"--stack={stack.name}", "--overwrite")
    assert done.returncode == 0, done.stderr
    imported, ours = stack.config(), mesh_config(NAMES, cluster.merged_kubeconfig())
    stack.configure(
        {**imported, "istio": deep_merge(ours["istio"], imported["istio"]), "helloWorld": ours["helloWorld"]}
    )
    stack.up()
    for name in NAMES:
        eventually(lambda name=name: set(kube(name).answers()) == {"apple", "pear"}, kube(name).answers)
    networks = {name: found["network"] for name, found in stack.outputs()["clusters"].items()}
    assert networks == {"apple": "network-apple", "pear": "network-pear"}
    assert _found(stack) == set()
    assert stack.preview() == []


def _under_load(stack: Stack, capfd: pytest.CaptureFixture[str]) -> None:
    """Update while each cluster's client calls; only calls in a connection that a gateway ends may fail."""
    with Load(cluster.merged_kubeconfig(), NAMES) as load:
        load.wait_until(lambda report: all(set(report.answered(name)) == set(NAMES) for name in NAMES))
        stack.up()
    report = load.report
    _say(capfd, str(report))
    others = [call for call in report.failed if not call.reason.endswith(_CUT)]
    assert not others, str(report)
    assert len(report.failed) <= _MOST_CUT, str(report)


def _found(stack: Stack) -> set[str]:
    """What is not as the stack file has it, or does not reach its peers."""
    done = stack.command("check", "--output=json")
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    findings = [result["finding"] for result in report["results"] if result["finding"]]
    return {finding["reason"] for finding in findings if finding["severity"] == "error"}


def _cacerts(kube: Kube) -> dict[str, str]:
    return kube.get("secret", "cacerts", f"--namespace={_SYSTEM}")["data"]


def _say(capfd: pytest.CaptureFixture[str], text: str) -> None:
    """Show the counts, which are what these tests are for, beside the test's name."""
    with capfd.disabled():
        sys.stderr.write(f"{text}\n")
