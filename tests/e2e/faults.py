"""Breaking one thing in a cluster and putting it back, and what `mesh verify` says meanwhile."""

import json
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import yaml

from sandbox.cluster import Cluster
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack

SYSTEM = "istio-system"
_NOTHING_IN = ["PREROUTING", "!", "-i", "lo", "-j", "DROP"]
_OF_THE_SAMPLE = ("sidecar-missing", "sample-not-running", "service-missing", "dns-not-captured")
_SEEN_FROM_INSIDE = {"remote-cluster-not-synced": "peer-api-server-unreachable"}
"""Where a connection from inside the cluster shows the cause."""
_OF_THE_SERVER = (
    "resourceVersion",
    "uid",
    "creationTimestamp",
    "generation",
    "managedFields",
    "ownerReferences",
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What `mesh verify` said: its exit code and its report."""

    code: int
    report: Mapping[str, Any]

    def reasons(self, caller: str, target: str) -> list[str]:
        """The reasons found for a pair, the most likely first; none where it passed."""
        pair = next(p for p in self.report["pairs"] if (p["from"], p["to"]) == (caller, target))
        assert pair["passed"] == (not pair["findings"]), pair
        return [finding["reason"] for finding in pair["findings"]]

    def finding(self, caller: str, target: str) -> Mapping[str, Any]:
        """The most likely reason why a pair failed, with all that is said of it."""
        pair = next(p for p in self.report["pairs"] if (p["from"], p["to"]) == (caller, target))
        return pair["findings"][0]

    def failed(self) -> dict[tuple[str, str], str]:
        """The pairs that failed, each with its most likely reason."""
        pairs = (pair for pair in self.report["pairs"] if not pair["passed"])
        return {(pair["from"], pair["to"]): pair["findings"][0]["reason"] for pair in pairs}

    def __str__(self) -> str:
        return f"exit code {self.code}\n{json.dumps(self.report, indent=1)}"


def verify(stack: Stack, *, timeout: float = 60) -> Verdict:
    """Run `python -m mesh verify` as a user would."""
    done = stack.command("verify", "--output=json", f"--timeout={timeout}", timeout=timeout + 120)
    assert done.returncode in (0, 1), done.stderr
    verdict = Verdict(code=done.returncode, report=json.loads(done.stdout))
    assert verdict.report["passed"] == (verdict.code == 0), verdict
    return verdict


def sees(
    stack: Stack, caller: str, target: str, reason: str, *, seconds: float = 60, checked: int | None = 1
) -> Verdict:
    """Verify until the pair fails with that reason first: some faults come through only after a while.

    `mesh check` finds the same then, unless it takes HelloWorld to see it; it looks at the same time. Its
    exit code is `checked`, None where it sees nothing of the fault. Each verification has the time for one
    look only, so that a fault is not waited out.
    """
    end = time.monotonic() + seconds
    with ThreadPoolExecutor() as beside:
        while True:
            looks = None if reason in _OF_THE_SAMPLE or checked is None else beside.submit(check, stack)
            verdict = verify(stack, timeout=1)
            look = looks and looks.result()
            if verdict.code == 1 and verdict.reasons(caller, target)[:1] == [reason]:
                seen = (_SEEN_FROM_INSIDE.get(reason, reason), verdict.finding(caller, target)["cluster"])
                if look and checked is not None and not _found(*look, *seen, expected=checked):
                    checks(stack, *seen, code=checked)
                return verdict
            assert time.monotonic() < end, f"expected {caller} to {target} to fail with {reason}:\n{verdict}"


def check(stack: Stack, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Run `python -m mesh check` as a user would: its exit code and its report."""
    done = stack.command("check", "--output=json", *arguments)
    assert done.returncode in (0, 1), done.stderr
    report = json.loads(done.stdout)
    assert report["passed"] == (done.returncode == 0), report
    return done.returncode, report


def findings(report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a check has found, by its reason; of several of one reason the first."""
    found = [result["finding"] for result in report["results"] if result["finding"]]
    return {finding["reason"]: finding for finding in reversed(found)}


def checks(stack: Stack, reason: str, cluster: str, *, code: int = 1, seconds: float = 60) -> dict[str, Any]:
    """Check until that reason is found in the cluster: some faults come through only after a while."""
    end = time.monotonic() + seconds
    while True:
        returned, report = check(stack)
        if finding := _found(returned, report, reason, cluster, expected=code):
            return finding
        assert time.monotonic() < end, f"expected {reason} in {cluster}:\n{findings(report)}"


def _found(
    code: int, report: Mapping[str, Any], reason: str, cluster: str, *, expected: int = 1
) -> dict[str, Any] | None:
    """What a check has found in the cluster for that reason; None where that or the exit code is missing."""
    found = (result["finding"] for result in report["results"] if result["finding"])
    named = (finding for finding in found if (finding["reason"], finding["cluster"]) == (reason, cluster))
    return next(named, None) if code == expected else None


def mended(stack: Stack) -> None:
    """Check that everything is right again, but for what logs still say of the fault."""
    code, report = check(stack, "--wait=90")
    assert (code, set(findings(report)) - {"errors-logged"}) == (0, set()), findings(report)


def passes(stack: Stack) -> None:
    """Verify that everything is right again."""
    verdict = verify(stack, timeout=120)
    assert verdict.code == 0, verdict


def follow(
    stack: Stack,
    kube: Callable[[str], Kube],
    verdict: Verdict,
    caller: str,
    target: str,
    *,
    also: Callable[[], None] = lambda: None,
) -> None:
    """Run what the first hint for a pair says, one command after the other, and see the mesh whole again.

    Those of kubectl and helm are run in the cluster of the finding, as a user would after `kubectl config
    use-context`; `also` is what the hint says without a command.
    """
    run_hint(stack, kube, verdict.finding(caller, target))
    also()
    passes(stack)


def run_hint(stack: Stack, kube: Callable[[str], Kube], finding: Mapping[str, Any]) -> None:
    """Run the commands of a finding's hint, one after the other; those of kubectl and helm in its cluster."""
    cluster = kube(finding["cluster"])
    commands = re.findall(r"`([^`]+)`", finding["hint"])
    assert commands, f"nothing to run in the hint: {finding}"
    for command in commands:
        if command.startswith("pulumi up"):
            stack.pulumi(*shlex.split(command)[1:], "--yes", "--skip-preview")
        else:
            _in_cluster(cluster, command)


def _in_cluster(kube: Kube, script: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        document = yaml.safe_load(kube.kubeconfig.read_text(encoding="utf-8"))
        yaml.safe_dump({**document, "current-context": kube.context}, file)
        file.flush()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env={**kube.environment, "KUBECONFIG": file.name},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, f"{script}: {done.stderr}"


@contextmanager
def dead(victim: Cluster) -> Iterator[None]:
    """A cluster whose processes stand still and whose network lets nothing in; it comes back as it was.

    To others, it is a machine without power.
    """
    victim.run(["iptables", "-t", "raw", "-I", *_NOTHING_IN]).check_returncode()
    victim.pause()
    try:
        yield
    finally:
        victim.resume()
        victim.run(["iptables", "-t", "raw", "-D", *_NOTHING_IN]).check_returncode()


def patch(kube: Kube, kind: str, name: str, change: Mapping[str, Any], namespace: str = SYSTEM) -> None:
    """Apply a JSON merge patch; a change to a Secret does not come by here, where it would be an argument."""
    kube.kubectl(
        "patch", kind, name, f"--namespace={namespace}", "--type=merge", "--patch", json.dumps(change)
    )


def replace(kube: Kube, document: Mapping[str, Any]) -> None:
    """Replace an object, whatever has become of it meanwhile."""
    metadata = {k: v for k, v in document["metadata"].items() if k not in _OF_THE_SERVER}
    feed(kube, "replace", {**document, "metadata": metadata})


def restart(kube: Kube, *deployments: str, namespace: str = SYSTEM) -> None:
    """Make a Deployment's pods anew, and wait until they are ready."""
    names = [f"deployment/{name}" for name in deployments]
    kube.kubectl("rollout", "restart", f"--namespace={namespace}", *names)
    for name in names:
        kube.kubectl("rollout", "status", f"--namespace={namespace}", name, "--timeout=110s")


def feed(kube: Kube, verb: str, document: Mapping[str, Any]) -> None:
    """Through a pipe: an object may be a Secret."""
    done = subprocess.run(
        ["kubectl", f"--context={kube.context}", verb, "--filename=-"],
        input=json.dumps(document),
        env={**kube.environment, "KUBECONFIG": str(kube.kubeconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"kubectl {verb}: {done.stderr}"
