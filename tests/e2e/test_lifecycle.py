"""The life of a mesh on two clusters of its own: interrupted, taken up again, broken, mended, and removed.

The tests build on each other, in their order; the last one removes the mesh.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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
_UPGRADED = ("north-istiod", "south-istiod", "north-istio-eastwestgateway", "south-istio-eastwestgateway")


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


class Moment(NamedTuple):
    """When an update comes to a resource, as it says it: `Release north-istiod updating (0s)`."""

    kind: str
    name: str
    verb: str


_OF_PLUGINS = r"(?:kubernetes|tls|random):\S+"
"""Types of resources that take time: components and providers do not."""
_SAYS_MOMENT = re.compile(rf" {_OF_PLUGINS}:(\w+) (\S+) (creating|updating|deleting) \(")


def _count(urns: Iterable[str]) -> int:
    types = (urn.split("::")[2].rpartition("$")[2] for urn in urns)
    return sum(bool(re.fullmatch(_OF_PLUGINS, type_)) for type_ in types)


class Ended(NamedTuple):
    """How an update ended: `reached` is the moment at which it was stopped, if it was."""

    reached: Moment | None
    moments: Sequence[Moment]
    exit_code: int
    said: str


def _stopped_in_the_middle(
    stack: Stack,
    due: Callable[[Sequence[Moment]], bool],
    stop: Callable[[Moment, int], None],
    command: Sequence[str] = ("up",),
) -> Ended:
    """Begin an update and stop it at the first moment that is `due` after those before it."""
    process = stack.start(*command, "--yes", "--skip-preview")
    assert process.stdout is not None
    said: list[str] = []
    moments: list[Moment] = []
    reached = None
    for line in process.stdout:
        said.append(line)
        if not (found := _SAYS_MOMENT.search(line)):
            continue
        moments.append(Moment(*found.groups()))
        if due(moments):
            reached = moments[-1]
            stop(reached, process.pid)
            break
    output, errors = process.communicate(timeout=_STOP_SECONDS)
    return Ended(reached, moments, process.returncode, "".join([*said, output, errors]))


def _at(moment: Moment) -> Callable[[Sequence[Moment]], bool]:
    return lambda moments: moments[-1] == moment


def _press_ctrl_c(_: Moment, pid: int) -> None:
    """As a terminal does it: everything that was started in it hears of it."""
    os.killpg(pid, signal.SIGINT)


def _kill(pid: int) -> None:
    """The CLI, which begins nothing more then, and its plugins, which else would finish their work."""
    os.kill(pid, signal.SIGKILL)
    subprocess.run(["pkill", "--signal=KILL", f"--session={pid}"], check=True)


def _wait_for_helm(kube: Kube, release: str) -> None:
    """Wait until Helm has recorded that it works on the release; it may be done before that is seen."""
    pending = "status in (pending-install,pending-upgrade,uninstalling)"
    selector = f"--selector=owner=helm,name={release},{pending}"
    deadline = time.monotonic() + _HELM_SECONDS
    while time.monotonic() < deadline:
        if kube.kubectl("get", "secrets", "--namespace=istio-system", "--output=name", selector):
            break


def _killed_and_recovered(
    stack: Stack,
    clusters: Mapping[str, Kube],
    due: Callable[[Sequence[Moment]], bool],
    command: Sequence[str] = ("up",),
    *,
    looked_at: bool,
) -> tuple[Sequence[Moment], bool]:
    """Kill an update as soon as that is `due`, and do what docs/interrupted.md says.

    The moments until then are returned, and whether something was interrupted: what takes a moment only may
    be done before the kill, and then only the lock is left. `looked_at` is whether the command shows first
    what it would do, and afterwards that nothing is left; the next update would fail, too.
    """

    def kill(moment: Moment, pid: int) -> None:
        if moment.kind == "Release":
            cluster_name, _, release = moment.name.partition("-")
            _wait_for_helm(clusters[cluster_name], release)
        _kill(pid)

    ended = _stopped_in_the_middle(stack, due, kill, command)
    assert ended.reached, f"the update ended before it was killed:\n{ended.said}"
    shown = stack.command("recover") if looked_at else None
    done = stack.command("recover", "--yes")
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    interrupted = _NOT_INTERRUPTED not in done.stdout
    if shown is not None:
        assert shown.returncode == interrupted, f"{shown.stdout}{shown.stderr}"
        again = stack.command("recover")
        assert again.returncode == 0, f"something is left to do:\n{again.stdout}{again.stderr}"
    return ended.moments, interrupted


def _after(step: int, releases: Collection[str]) -> Callable[[Sequence[Moment]], bool]:
    """Due at the resource of that number, or before it at a release that is none of these."""
    return lambda moments: (
        len(moments) >= step or (moments[-1].kind == "Release" and moments[-1].name not in releases)
    )


def _kill_ten_times(stack: Stack, clusters: Mapping[str, Kube], resources: int, *command: str) -> None:
    """Kill updates and recover, at moments that are spread over all resources, of which there are so many.

    The command works on one resource after the other: else a busy machine is done with most of them before it
    comes to the kill.
    """
    killed: list[Moment] = []
    interrupted: list[bool] = []
    met: set[str] = set()
    while len(killed) < _KILLS:
        step = max(1, (resources - len(met)) // (_KILLS + 1 - len(killed)))
        due = _after(step, {moment.name for moment in killed})
        moments, in_work = _killed_and_recovered(
            stack, clusters, due, command, looked_at=not any(interrupted)
        )
        met |= {moment.name for moment in moments}
        killed.append(moments[-1])
        interrupted.append(in_work)
    assert sum(interrupted) >= _INTERRUPTED, f"the kills came too late: {interrupted} at {killed}"
    assert any(moment.kind == "Release" for moment in killed), f"none in Helm: {killed}"


def test_a_first_update_that_was_killed_is_recovered(stack: Stack, clusters: Mapping[str, Kube]):
    """Ten times; whatever it was creating, one command makes the next update possible."""
    _kill_ten_times(stack, clusters, _count(change.urn for change in stack.preview()), "up", "--parallel=1")


def test_the_next_update_finishes_what_was_interrupted(stack: Stack, clusters: Mapping[str, Kube]):
    """Every release is deployed, and every cluster answers every cluster."""
    stack.up()
    for kube in clusters.values():
        assert {r["status"] for r in kube.releases().values()} == {"deployed"}, kube.releases()
    assert_answered_everywhere(clusters)


def test_a_label_that_pulumi_does_not_know_of_gets_no_second_owner(
    stack: Stack, clusters: Mapping[str, Kube]
):
    """As after a kill right after it was set, in a namespace of the users: else it would outlive the mesh."""
    state = stack.state()
    (urn,) = [urn for urn in stack.resources() if urn.endswith("NamespacePatch::north-istio-system")]
    stack.put(state_without(state, {urn}))
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
    ended = _stopped_in_the_middle(stack, _at(Moment("Release", "north-istiod", "updating")), _press_ctrl_c)
    assert ended.reached, f"the update ended before that:\n{ended.said}"
    assert ended.exit_code != 0, f"an interrupted update reports success:\n{ended.said}"
    assert "cancel" in ended.said
    assert "Traceback" not in ended.said


def test_an_upgrade_that_was_killed_is_recovered(stack: Stack, clusters: Mapping[str, Kube]):
    """Ten times; Helm counts an upgrade that was killed as running, and would refuse the next one."""
    interrupted: list[bool] = []
    for number in range(_KILLS):
        _upgrade(stack, number + 1)
        moment = Moment("Release", _UPGRADED[number % len(_UPGRADED)], "updating")
        _, met = _killed_and_recovered(stack, clusters, _at(moment), looked_at=not any(interrupted))
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
    """Ten times; the next removal goes on where the killed one was."""
    _kill_ten_times(stack, clusters, _count(stack.resources()), "destroy", "--ignore-protect", "--parallel=1")


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
