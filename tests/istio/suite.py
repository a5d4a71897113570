"""One of Istio's own test suites: its binary is run against a mesh, and its result is read test by test."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from sandbox.images.istio_tests import HUB, TAG
from sandbox.tools import go, istio_tests

DELETES_EXPOSURE = "TestWorkloadEntryGateway"
MULTICLUSTER = (
    "TestMultiClusterWithSecrets",
    "TestMultiClusterWithContexts",
    "TestRemoteClusters",
    "TestClusterLocal",
    "TestBadRemoteSecret",
    "TestTraffic/virtualservice",
    "TestTraffic/sniffing",
    "TestTraffic/loop",
    "TestTraffic/instanceip",
    "TestTraffic/services",
    "TestTraffic/host",
    "TestTraffic/destinationrule",
    "TestTraffic/dns",
    DELETES_EXPOSURE,
)
"""The tests of several clusters in the suite pilot, in the order in which Go runs them.

TestMultiClusterWithSecrets does not end once the Gateway API's kinds are installed, because the reader's role
does not cover them; TestWorkloadEntryGateway installs them, and deletes the Gateway that exposes services.
"""

LACKS_ALPN_FILTER = "the sandbox's Envoy has no filter istio.alpn, so it takes the port's TCP chain"
KNOWN_FAILURES = {
    "TestTraffic/host/.*/auto-http": LACKS_ALPN_FILTER,
    "TestTraffic/externalname/with.*_port/auto-http": LACKS_ALPN_FILTER,
}
"""Go tests that Istio's flag `--istio.test.skip` leaves out, by pattern, and why they cannot pass here."""

_NOT_DEPLOYED = "vm,tproxy,sotw"
"""Kinds of workload that the sandbox has no image for: virtual machines, TPROXY, xDS state of the world."""

_EXT_AUTHZ = Path("samples") / "extauthz" / "ext-authz.yaml"
_OUTPUT_LINES = 25


@dataclass(frozen=True, kw_only=True)
class GoTest:
    """One Go test; `outcome` is `pass`, `fail`, `skip`, or `unfinished` where the run ended in it."""

    name: str
    outcome: str
    output: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a run: its Go tests by name in the order of their start, and the log of all of it."""

    suite: str
    exit_code: int
    seconds: float
    tests: Mapping[str, GoTest]
    log: Path

    def leaves(self, below: str = "") -> list[GoTest]:
        """The tests without tests of their own, at or below a name; all of them without a name."""
        parents = {name.rpartition("/")[0] for name in self.tests}
        return [t for t in self.tests.values() if t.name not in parents and _is_below(t.name, below)]

    def failed(self, below: str) -> list[GoTest]:
        """The tests at or below a name that failed or did not end, each without those around it."""
        bad = [t for t in self.tests.values() if t.outcome in ("fail", "unfinished")]
        around = {t.name.rpartition("/")[0] for t in bad}
        return [t for t in bad if t.name not in around and _is_below(t.name, below)]

    def counts(self, below: str = "") -> Counter[str]:
        """How many tests without tests of their own ended how."""
        return Counter(test.outcome for test in self.leaves(below))

    def then(self, again: "Result") -> "Result":
        """Both this run and a later one of some of its tests, whose outcomes count for these."""
        return replace(again, tests={**self.tests, **again.tests}, seconds=self.seconds + again.seconds)

    def assert_passed(self, name: str) -> None:
        """At or below the name something passed and nothing failed.

        Raises:
            AssertionError: with the name and the last output of each Go test that failed.
        """
        assert name in self.tests, f"{name} did not run (exit code {self.exit_code}); {self._end()}"
        if failed := self.failed(name):
            texts = (f"{test.name} ({test.outcome})\n{_end(test.output)}" for test in failed)
            raise AssertionError(f"{len(failed)} Go tests failed; log: {self.log}\n" + "\n".join(texts))
        assert self.counts(name)["pass"] > 0, f"{name}: nothing passed, all was skipped; log: {self.log}"

    def _end(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return f"log: {self.log}\n{_end(lines)}"

    def __str__(self) -> str:
        counts = self.counts()
        return (
            f"{self.suite}: {counts['pass']} passed, {counts['fail'] + counts['unfinished']} failed, "
            f"{counts['skip']} skipped in {self.seconds:.0f} s"
        )


def _is_below(name: str, above: str) -> bool:
    return not above or name == above or name.startswith(f"{above}/")


def _end(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line.rstrip()}" for line in lines[-_OUTPUT_LINES:])


def pattern(names: Iterable[str]) -> str:
    """What Go's flag `-test.run` wants for exactly these tests, such as `TestTraffic/sniffing`. Pure."""
    return "|".join("/".join(f"^{part}$" for part in name.split("/")) for name in names)


def read(events: Iterable[str]) -> tuple[dict[str, GoTest], list[str]]:
    """Return the tests and the whole output in what `test2json` writes, a JSON object a line. Pure."""
    outcomes: dict[str, str] = {}
    outputs: dict[str, list[str]] = {}
    log: list[str] = []
    for event in map(json.loads, events):
        name = event.get("Test")
        if "Output" in event:
            log.append(event["Output"])
        if name is None:
            continue
        outcomes.setdefault(name, "unfinished")
        if event["Action"] in ("pass", "fail", "skip"):
            outcomes[name] = event["Action"]
        elif "Output" in event:
            outputs.setdefault(name, []).append(event["Output"])
    tests = {n: GoTest(name=n, outcome=o, output=outputs.get(n, [])) for n, o in outcomes.items()}
    return tests, log


@dataclass(frozen=True, kw_only=True)
class Place:
    """A cluster under test; `primary` is the one whose control plane serves it, perhaps itself."""

    kubeconfig: Path
    network: str
    primary: str


def topology(clusters: Mapping[str, Place]) -> str:
    """The file for `--istio.test.kube.topology`, in which clusters have their names in the mesh. Pure.

    Istio's configuration goes to the primaries. With a file of kubeconfigs alone the clusters would be called
    `cluster-0` and `cluster-1`, and tests compare these names with labels and identities.
    """

    def entry(name: str, place: Place) -> dict[str, Any]:
        primary = {"primaryClusterName": place.primary, "configClusterName": place.primary}
        meta = {"kubeconfig": str(place.kubeconfig), "fakeVM": False}
        return {"clusterName": name, "network": place.network, **primary, "meta": meta}

    return yaml.safe_dump([entry(name, place) for name, place in clusters.items()])


def run(
    suite: str,
    tests: Iterable[str],
    clusters: Mapping[str, Place],
    *,
    folder: Path,
    environment: Mapping[str, str],
    minutes: int,
) -> Result:
    """Run tests of a suite, given by their full names, against the mesh over these clusters.

    `clusters` are by their names in the mesh; `folder` gets the log and what the suite writes. After
    `minutes` the run is ended, and the tests that had not ended count as failures.

    Raises:
        SandboxError: the suite cannot be built.
    """
    binary = istio_tests.suite(suite)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    root = _source(folder / "istio")
    (folder / "topology.yaml").write_text(topology(clusters), encoding="utf-8")
    command: list[str | Path] = [
        *(go.tool(istio_tests.GROUP, "test2json"), "-t", binary, "-test.v=test2json"),
        *(f"-test.timeout={minutes}m", f"-test.run={pattern(tests)}"),
        f"--istio.test.kube.topology={folder / 'topology.yaml'}",
        *("--istio.test.kube.deploy=false", "--istio.test.kube.deployEastWestGW=false"),
        *(f"--istio.test.hub={HUB}", f"--istio.test.tag={TAG}", "--istio.test.pullpolicy=Never"),
        *(f"--istio.test.skipWorkloads={_NOT_DEPLOYED}", "--istio.test.maxDumps=0"),
        *(f"--istio.test.skip={skipped}" for skipped in KNOWN_FAILURES),
        f"--istio.test.work_dir={folder}",
    ]
    started = time.monotonic()
    with (folder / "events.json").open("w", encoding="utf-8") as events:
        process = subprocess.Popen(
            command,
            cwd=root / istio_tests.SUITES[suite],  # the tests read their testdata from there
            env={**environment, "REPO_ROOT": str(root)},
            stdout=events,
            start_new_session=True,
        )
        try:
            exit_code = process.wait(timeout=(minutes + 1) * 60)
        except subprocess.TimeoutExpired:
            exit_code = -signal.SIGKILL
        finally:
            _end_group(process)
    seconds = time.monotonic() - started
    with (folder / "events.json").open(encoding="utf-8") as events:
        found, log = read(line for line in events if line.endswith("\n"))  # a killed run ends within one
    (folder / "log").write_text("".join(log), encoding="utf-8")
    return Result(suite=suite, exit_code=exit_code, seconds=seconds, tests=found, log=folder / "log")


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the test binary too, which test2json would leave behind."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _source(target: Path) -> Path:
    """Make a folder of links to Istio's source, which the tests read samples and templates from.

    One sample differs. Istio's tests replace the pull policy `IfNotPresent` by that of their flag, but this
    sample has `Always` (`pkg/test/framework/components/authz/kube.go`), and there is no registry here.
    """
    source = istio_tests.source()
    _link(source, target, leave_out=_EXT_AUTHZ.parts[0])
    _link(source / _EXT_AUTHZ.parents[1], target / _EXT_AUTHZ.parents[1], leave_out=_EXT_AUTHZ.parts[1])
    _link(source / _EXT_AUTHZ.parent, target / _EXT_AUTHZ.parent, leave_out=_EXT_AUTHZ.name)
    text = (source / _EXT_AUTHZ).read_text(encoding="utf-8")
    (target / _EXT_AUTHZ).write_text(text.replace("Always", "IfNotPresent"), encoding="utf-8")
    return target


def _link(source: Path, target: Path, *, leave_out: str) -> None:
    target.mkdir()
    for path in source.iterdir():
        if path.name != leave_out:
            (target / path.name).symlink_to(path)
