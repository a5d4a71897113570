"""What a test looks at in a cluster, through the command-line tools that a user would take."""

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesh.samples.hello_world import CLIENT, NAMESPACE, PORT, SERVICE

_TIMEOUT_SECONDS = 120
_ANSWER = re.compile(r"Hello version: ([^,]+),")
_PASSING = ("events", "events.events.k8s.io")
"""Kinds that come and go by themselves."""


@dataclass(frozen=True, kw_only=True)
class Kube:
    """One context of a kubeconfig; `environment` has the tools on its path."""

    context: str
    kubeconfig: Path
    environment: Mapping[str, str] = field(repr=False)

    def run(self, tool: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `kubectl`, `istioctl` or the like; a failure is an assertion error with what it said."""
        done = subprocess.run(
            [tool, *arguments],
            env={**self.environment, "KUBECONFIG": str(self.kubeconfig)},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        assert not check or done.returncode == 0, f"{tool} {' '.join(arguments)}: {done.stderr}{done.stdout}"
        return done

    def kubectl(self, *arguments: str) -> str:
        """What `kubectl` prints."""
        return self.run("kubectl", f"--context={self.context}", *arguments).stdout

    def istioctl(self, *arguments: str) -> str:
        """What `istioctl` prints."""
        return self.run("istioctl", f"--context={self.context}", *arguments).stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """What `kubectl get` gives as JSON."""
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def releases(self) -> dict[str, dict[str, str]]:
        """Helm's releases of all namespaces by name: `chart`, `status`, `namespace` and more."""
        output = self.run("helm", f"--kube-context={self.context}", "list", "--all", "-A", "--output=json")
        return {release["name"]: release for release in json.loads(output.stdout)}

    def objects(self) -> set[str]:
        """Every object of every kind in every namespace, such as `Secret istio-system/cacerts`."""
        listed = self.kubectl("api-resources", "--verbs=list", "--output=name").split()
        kinds = ",".join(kind for kind in listed if kind not in _PASSING)
        columns = "custom-columns=:apiVersion,:kind,:metadata.namespace,:metadata.name"
        rows = self.kubectl("get", kinds, "-A", "--ignore-not-found", "--no-headers", f"--output={columns}")
        return {
            f"{api.partition('/')[0]} {kind} {namespace}/{name}"
            for api, kind, namespace, name in (line.split() for line in rows.splitlines())
        }

    def answers(self, calls: int = 10) -> Counter[str]:
        """Call HelloWorld from this cluster's client: how often which cluster answered, or which error."""
        url = f"http://{SERVICE}.{NAMESPACE}:{PORT}/hello"
        loop = f"for i in $(seq {calls}); do curl -sS -m 5 {url} 2>&1; echo; done"
        where = [f"--namespace={NAMESPACE}", f"deployment/{CLIENT}", f"--container={CLIENT}"]
        command = ("kubectl", f"--context={self.context}", "exec", *where, "--", "sh", "-c", loop)
        # A client that is just coming back gives no answer, as one whose calls fail.
        done = self.run(*command, check=False)
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        assert lines, f"nothing was said by {' '.join(command)}"
        return Counter(match.group(1) if (match := _ANSWER.search(line)) else line for line in lines)


def eventually(condition: Callable[[], bool], what: Callable[[], object], *, seconds: float = 60) -> None:
    """Wait until the condition holds; if it never does, fail and say what there is instead."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not so within {seconds} s: {what()}"
        time.sleep(1)


def assert_answered_everywhere(clusters: Mapping[str, Kube]) -> None:
    """From each cluster, all clusters answer within a minute, and then no call fails."""
    for kube in clusters.values():
        eventually(lambda kube=kube: set(kube.answers()) == set(clusters), kube.answers)
    for kube in clusters.values():
        assert set(kube.answers(20)) <= set(clusters), f"a call from {kube.context} failed"


def strangers(objects: set[str]) -> set[str]:
    """Those of some objects that docs/removing.md does not name as left behind by Istio."""
    named = (
        r"apiextensions\.k8s\.io CustomResourceDefinition <none>/\w+\.\w+\.istio\.io",
        r"apiregistration\.k8s\.io APIService <none>/\w+\.\w+\.istio\.io",
        r"v1 ConfigMap [-\w]+/istio-ca-(root-cert|crl)",
        r"(v1 ConfigMap|coordination\.k8s\.io Lease) istio-system/istio-"
        r"(leader|namespace-controller-election|gateway-(status|deployment)|ip-autoallocate)[-\w]*",
    )
    return {item for item in objects if not any(re.fullmatch(pattern, item) for pattern in named)}
