"""The life of a mesh on two clusters of its own: interrupted, taken up again, broken, mended, and removed.

The tests build on each other, in their order; the last one removes the mesh.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mesh.forgetting import state_without
from sandbox import cluster
from tests.e2e.kube import Kube, assert_answered_everywhere, strangers
from tests.e2e.stack import PROJECT, Stack, mesh_config

pytestmark = pytest.mark.mesh

NAMES = ("north", "south")
SYSTEM = "istio-system"
_STOP_SECONDS = 120
_HELM_SECONDS = 5
_KILLS = 10
_INTERRUPTED = 4
"""At least so many kills are to meet Pulumi at work."""
_NOT_INTERRUPTED = "No operation of the stack lifecycle was interrupted."
_MADE = (
    "PrivateKey mesh-root-g1-key",
    "SelfSignedCert mesh-root-g1-certificate",
    "NamespacePatch north-istio-system",
    "LocallySignedCert north-intermediate-g1-certificate",
    "Secret south-cacerts",
    "Release north-istio-base",
    "Release south-istio-base",
    "Secret north-reader-token-g1",
    "Release north-istiod",
    "Release south-istiod",
    "Release north-istio-eastwestgateway",
    "Release south-istio-eastwestgateway",
    "Gateway north-cross-network-gateway",
    "Deployment north-hello-world-server-deployment",
    "Deployment south-hello-world-server-deployment",
    "Secret north-sees-south-remote-secret",
    "Secret south-sees-north-remote-secret",
)
_UPGRADED = ("north-istiod", "south-istiod", "north-istio-eastwestgateway", "south-istio-eastwestgateway")
_REMOVED = (
    "Secret north-sees-south-remote-secret",
    "Secret south-sees-north-remote-secret",
    "Deployment south-hello-world-server-deployment",
    "Release north-istio-eastwestgateway",
    "Gateway south-cross-network-gateway",
    "Namespace south-hello-world-namespace",
    "Release north-istiod",
    "Secret south-reader-token-g1",
    "Release south-istio-base",
    "Secret north-cacerts",
    "LocallySignedCert north-intermediate-g1-certificate",
    "SelfSignedCert mesh-root-g1-certificate",
    "PrivateKey mesh-root-g1-key",
)


@pytest.fixture(scope="module")
def clusters(
    fresh_clusters: Callable[..., Any], kube: Callable[[str], Kube], keep: bool
) -> Iterator[Mapping[str, Kube]]:
    """Return two clusters; the users of the first have namespaces there, with a Secret in one."""
    fresh_clusters(*NAMES)
    there = {name: kube(name) for name in NAMES}
    for namespace in ("shop", SYSTEM, "sample"):
        there["north"].kubectl("create", "namespace", namespace)
    there["north"].kubectl("create", "secret", "generic", "pull", "--from-literal=user=shop", f"-n={SYSTEM}")
    yield there
    if not keep:
        cluster.stop(NAMES)


@pytest.fixture(scope="module")
def untouched(clusters: Mapping[str, Kube]) -> Mapping[str, set[str]]:
    """Return every object of each cluster before there is a mesh."""
    return {name: kube.objects() for name, kube in clusters.items()}


@pytest.fixture(scope="module")
def stack(untouched: Mapping[str, set[str]], new_stack: Callable[[str], Stack]) -> Stack:
    """Return the stack of a mesh over both clusters, with nothing made yet."""
    stack = new_stack("lifecycle")
    stack.init(mesh_config(NAMES, cluster.merged_kubeconfig()))
    return stack


def _others_install(kube: Kube, istio: Mapping[str, Any]) -> None:
    """Put into a cluster what the program would make: by Helm, by hand, by a script that is long gone."""
    chart = ["base", f"--repo={istio['chartRepository']}", f"--version={istio['version']}"]
    kube.run("helm", f"--kube-context={kube.context}", "install", "istio-base", *chart, f"-n={SYSTEM}")
    kube.kubectl(
        "create", "clusterrole", f"istio-reader-clusterrole-{SYSTEM}", "--verb=get", "--resource=pods"
    )
    for name in ("cacerts", "istio-remote-secret-south", "istio-reader-token-g1"):
        kube.kubectl("create", "secret", "generic", name, "--from-literal=a=b", f"-n={SYSTEM}")
    kube.kubectl("create", "service", "clusterip", "helloworld", "--tcp=5000", "-n=sample")


def test_what_is_there_already_is_refused_and_handed_over_as_the_message_says(
    stack: Stack, clusters: Mapping[str, Kube]
):
    """Nothing is registered before; the commands of the message are all that it takes."""
    north = clusters["north"]
    _others_install(north, stack.config()["istio"])
    refused = stack.up(check=False)
    assert refused.returncode != 0, "what others have made was taken over without a word"
    assert {r["type"] for r in stack.state()["deployment"].get("resources", [])} <= {"pulumi:pulumi:Stack"}
    messages = [line for line in refused.stdout.splitlines() if "istio-mesh:clusters.north: has" in line]
    assert len(messages) == 4, refused.stdout
    assert "made by kubectl-create" in refused.stdout
    for command in re.findall(r"`(kubectl [^`]+)`", "\n".join(messages)):
        _run(command, {**stack.environment, "KUBECONFIG": str(north.kubeconfig)})
    assert {c.op for c in stack.preview()} == {"create"}


def _stopped_in_the_middle(
    stack: Stack, moments: Mapping[str, Callable[[int], None]], command: Sequence[str] = ("up",)
) -> tuple[str | None, int, str]:
    """Begin an update and stop it as soon as it says one of `moments`, in the way that stands there.

    Its exit code and all that it said come with the moment, which is None where the update went to its end.
    """
    process = stack.start(*command, "--yes", "--skip-preview")
    assert process.stdout is not None
    said, reached = [], None
    for line in process.stdout:
        said.append(line)
        if reached := next((moment for moment in moments if moment in line), None):
            moments[reached](process.pid)
            break
    output, errors = process.communicate(timeout=_STOP_SECONDS)
    return reached, process.returncode, "".join([*said, output, errors])


def _press_ctrl_c(pid: int) -> None:
    """As a terminal does it: everything that was started in it hears of it."""
    os.killpg(pid, signal.SIGINT)


def _kill(pid: int) -> None:
    """Plugins have process groups of their own, and would finish their work after the CLI's death."""
    subprocess.run(["pkill", "--signal=KILL", f"--session={pid}"], check=True)


def _kill_in_helm(kube: Kube, release: str) -> Callable[[int], None]:
    """Kill once Helm has recorded that it works on the release; it may be done before that is seen."""
    pending = "status in (pending-install,pending-upgrade,uninstalling)"

    def kill(pid: int) -> None:
        deadline = time.monotonic() + _HELM_SECONDS
        while time.monotonic() < deadline:
            selector = f"--selector=owner=helm,name={release},{pending}"
            if kube.kubectl("get", "secrets", "--namespace=istio-system", "--output=name", selector):
                break
        _kill(pid)

    return kill


def _killed_and_recovered(
    stack: Stack,
    clusters: Mapping[str, Kube],
    moments: Sequence[str],
    command: Sequence[str] = ("up",),
    *,
    looked_at: bool,
) -> tuple[str | None, bool]:
    """Kill an update as soon as it says one of `moments`, and do what docs/interrupted.md says.

    The moment is returned, and whether something was interrupted: what takes a moment only may be done
    before the kill, and then only the lock is left. `looked_at` is whether the command shows first what it
    would do.
    """

    def stop(moment: str) -> Callable[[int], None]:
        kind, name, _ = moment.split()
        cluster_name, _, object_name = name.partition("-")
        return _kill_in_helm(clusters[cluster_name], object_name) if kind == "Release" else _kill

    reached, code, said = _stopped_in_the_middle(stack, {moment: stop(moment) for moment in moments}, command)
    if reached is None:
        assert code == 0, said
        return None, False
    shown = stack.command("recover") if looked_at else None
    done = stack.command("recover", "--yes")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    interrupted = _NOT_INTERRUPTED not in done.stdout
    assert shown is None or shown.returncode == interrupted, f"{shown.stdout}{shown.stderr}"
    again = stack.command("recover")
    assert again.returncode == 0, f"something is left to do:\n{again.stdout}{again.stderr}"
    return reached, interrupted


def _kill_at(
    moments: Sequence[str], verb: str, stack: Stack, clusters: Mapping[str, Kube], *command: str
) -> None:
    """Kill an update at each of these resources, in the order in which it comes to them, and recover."""
    left = {f"{moment} {verb}" for moment in moments}
    interrupted: list[bool] = []
    while left:
        reached, met = _killed_and_recovered(
            stack, clusters, sorted(left), command, looked_at=not any(interrupted)
        )
        if reached is None:
            break
        left.remove(reached)
        interrupted.append(met)
    assert len(interrupted) >= _KILLS, f"the update never came to {sorted(left)}"
    assert sum(interrupted) >= _INTERRUPTED, f"the kills came too late: {interrupted}"


def test_a_first_update_that_was_killed_is_recovered(stack: Stack, clusters: Mapping[str, Kube]):
    """Ten times and more; whatever it was creating, one command makes the next update possible."""
    _kill_at(_MADE, "creating", stack, clusters, "up", "--parallel=4")


def test_the_next_update_finishes_what_was_interrupted(stack: Stack, clusters: Mapping[str, Kube]):
    """Every release is deployed, and every cluster answers every cluster."""
    stack.up()
    for kube in clusters.values():
        assert {r["status"] for r in kube.releases().values()} == {"deployed"}, kube.releases()
    assert_answered_everywhere(clusters)


def test_a_label_that_pulumi_does_not_know_of_gets_no_second_owner(
    stack: Stack, clusters: Mapping[str, Kube], tmp_path: Path
):
    """As after a kill right after it was set, in a namespace of the users: else it would outlive the mesh."""
    state = stack.state()
    (urn,) = [urn for urn in stack.resources() if urn.endswith("NamespacePatch::north-istio-system")]
    file = tmp_path / "state.json"
    file.write_text(json.dumps(state_without(state, {urn})))
    stack.pulumi("stack", "import", f"--file={file}")
    stack.up()
    namespace = clusters["north"].get("namespace", SYSTEM, "--show-managed-fields")
    owners = [
        entry["manager"]
        for entry in namespace["metadata"]["managedFields"]
        if "topology.istio.io/network" in json.dumps(entry["fieldsV1"])
    ]
    assert owners == ["istio-mesh"]


def test_an_update_without_a_change_does_nothing(stack: Stack):
    """After all that was interrupted, too; Pulumi fails by itself where there is a change."""
    stack.up("--expect-no-changes")


def test_a_refresh_shows_no_drift(stack: Stack):
    """What istiod patches in its own webhooks is no drift, and after the refresh there is nothing to do."""
    stack.pulumi("preview", "--refresh", "--expect-no-changes")
    # The first refresh adds to what the state has of the Services that are only read.
    stack.pulumi("refresh", "--yes", "--skip-preview")
    stack.pulumi("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert stack.preview() == []


def _upgrade(stack: Stack, number: int) -> None:
    """Change what is in the values of two charts."""
    config = stack.config()
    values = config["istio"]["values"]
    values["istiod"]["env"]["PILOT_DEBOUNCE_AFTER"] = f"{50 + number}ms"
    values.setdefault("gateway", {})["podAnnotations"] = {"example.com/upgrade": str(number)}
    stack.configure(config)


def test_ctrl_c_ends_an_update_in_order(stack: Stack):
    """It ends by itself and says why; the state is not left locked, and the next update begins at once."""
    _upgrade(stack, 0)
    reached, code, said = _stopped_in_the_middle(stack, {"Release north-istiod updating": _press_ctrl_c})
    assert reached, f"the update ended before that:\n{said}"
    assert code != 0, f"an interrupted update reports success:\n{said}"
    assert "cancel" in said
    assert "Traceback" not in said


def test_an_upgrade_that_was_killed_is_recovered(stack: Stack, clusters: Mapping[str, Kube]):
    """Ten times; Helm counts an upgrade that was killed as running, and would refuse the next one."""
    interrupted: list[bool] = []
    for number in range(_KILLS):
        _upgrade(stack, number + 1)
        moment = f"Release {_UPGRADED[number % len(_UPGRADED)]} updating"
        reached, met = _killed_and_recovered(stack, clusters, [moment], looked_at=not any(interrupted))
        assert reached, f"the update ended before {moment}"
        interrupted.append(met)
    assert sum(interrupted) >= _INTERRUPTED, f"the kills came too late: {interrupted}"


def test_the_update_after_that_finishes_the_upgrade(stack: Stack, clusters: Mapping[str, Kube]):
    """Every release is deployed, and nothing is left to do."""
    stack.up()
    for kube in clusters.values():
        assert {r["status"] for r in kube.releases().values()} == {"deployed"}, kube.releases()
    stack.up("--expect-no-changes")


def test_killed_processes_of_a_cluster_are_mended_by_the_next_start(
    stack: Stack, clusters: Mapping[str, Kube]
):
    """Parts of one cluster, and the other one whole, as in a power failure; nothing is left to do."""
    broken = cluster.find()
    for part in ("etcd", "kube-apiserver", "containerd", "kubelet"):
        broken["north"].stop_process(part)
    broken["south"].stop_process("init")
    cluster.start(NAMES)
    assert_answered_everywhere(clusters)
    stack.up("--expect-no-changes")


def _expose(stack: Stack, host: str) -> None:
    config = stack.config()
    config["exposure"] = {"hosts": ["*.local", host]}
    stack.configure(config)


def _exposed(kube: Kube) -> list[str]:
    gateway = kube.get("gateways.networking.istio.io", "cross-network-gateway", "--namespace=istio-system")
    return gateway["spec"]["servers"][0]["hosts"]


@pytest.fixture(scope="module")
def dead_south(stack: Stack) -> Iterator[None]:
    """Keep the API server of one cluster down."""
    cluster.named("south").stop_process("kube-apiserver")
    yield
    cluster.start(NAMES)


@pytest.mark.usefixtures("dead_south")
def test_a_dead_cluster_does_not_keep_the_others_from_an_update(stack: Stack, clusters: Mapping[str, Kube]):
    """With `--continue-on-error` the others get theirs; exit code and message tell of the dead one."""
    _expose(stack, "*.one.example.com")
    done = stack.up("--continue-on-error", check=False)
    assert done.returncode != 0, "an update of a dead cluster reports success"
    assert _exposed(clusters["north"]) == ["*.local", "*.one.example.com"]
    said = done.stdout + done.stderr
    assert cluster.named("south").node_address in said
    assert "Traceback" not in said
    assert re.search(r"south gives no answer: .* clusters\.south\.offline .* mesh forget south", said), said


@pytest.mark.usefixtures("dead_south")
def test_a_dead_cluster_that_may_be_skipped_is_skipped_with_a_warning(
    stack: Stack, clusters: Mapping[str, Kube]
):
    """The update succeeds for all others."""
    config = stack.config()
    config["clusters"]["south"]["skipUnreachable"] = True
    stack.configure(config)
    _expose(stack, "*.two.example.com")
    done = stack.up()
    assert _exposed(clusters["north"]) == ["*.local", "*.two.example.com"]
    assert re.search(r"warning: .*unreachable", done.stdout), f"no warning:\n{done.stdout}{done.stderr}"


def test_a_cluster_that_is_back_gets_what_it_missed(stack: Stack, clusters: Mapping[str, Kube]):
    """The preview shows it, and the next update does it."""
    cluster.start(NAMES)
    assert [(c.op, c.name) for c in stack.preview()] == [("update", "south-cross-network-gateway")]
    stack.up()
    assert _exposed(clusters["south"]) == ["*.local", "*.two.example.com"]
    assert_answered_everywhere(clusters)


def test_a_removal_that_was_killed_is_recovered(stack: Stack, clusters: Mapping[str, Kube]):
    """Ten times and more; the next removal goes on where the killed one was.

    One resource after the other: else a machine with more to do has deleted most of them before the kill.
    """
    _kill_at(_REMOVED, "deleting", stack, clusters, "destroy", "--ignore-protect", "--parallel=1")


def _documented(heading: str) -> str:
    """Return the shell commands below a heading of docs/removing.md."""
    text = (PROJECT / "docs" / "removing.md").read_text(encoding="utf-8")
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL))


def test_after_removing_the_mesh_as_documented_clusters_are_as_before(
    stack: Stack, clusters: Mapping[str, Kube], untouched: Mapping[str, set[str]]
):
    """Every object of every kind in every namespace, before the mesh and after it, is the same."""
    _run(_documented("Remove the mesh"), stack.environment)
    left = [resource["urn"] for resource in stack.state()["deployment"].get("resources", [])]
    assert left == [], "the stack still has resources"
    for name, kube in clusters.items():
        left = strangers(kube.objects() ^ untouched[name])
        assert left == set(), f"{name} differs by more than the documentation says"
        _run(_documented("What Istio leaves behind"), {**stack.environment, "CONTEXT": name})
        if name == "north":
            _run(_documented("Namespaces that were there before"), {**stack.environment, "CONTEXT": name})
        assert kube.objects() == untouched[name], f"{name} is not as it was before the mesh"
    labels = clusters["north"].get("namespace", SYSTEM)["metadata"]["labels"]
    assert labels == {"kubernetes.io/metadata.name": SYSTEM}, "a label of the mesh is left"


def _run(script: str, environment: Mapping[str, str]) -> None:
    assert script, "docs/removing.md has no commands below the heading"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=PROJECT,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
