"""Proof that a mesh works, for a broken one must not count as fast: each cluster is answered by all."""

import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE
from sandbox.errors import SandboxError

_ANSWER = re.compile(r"Hello version: ([^,]+),")
_CALLS = 20
_SECONDS = 180


def require_answers(names: Iterable[str], environment: Mapping[str, str]) -> None:
    """Call from each cluster until each has been answered by all.

    Raises:
        SandboxError: that was not so in time; with who has not answered whom.
    """
    clusters = list(names)
    with ThreadPoolExecutor(max_workers=len(clusters)) as threads:
        lacking = list(threads.map(lambda name: _unanswered(name, clusters, environment), clusters))
    found = zip(clusters, lacking, strict=True)
    broken = [f"{name} got no answer from {', '.join(sorted(of))}" for name, of in found if of]
    if broken:
        raise SandboxError(f"the mesh does not work: {'; '.join(broken)}")


def _unanswered(name: str, clusters: list[str], environment: Mapping[str, str]) -> set[str]:
    left, end = set(clusters), time.monotonic() + _SECONDS
    while left and time.monotonic() < end:
        left -= answered(_called(name, environment))
    return left


def answered(output: str) -> set[str]:
    """The clusters whose answers are in what the calls printed. Pure."""
    return set(_ANSWER.findall(output))


def _called(name: str, environment: Mapping[str, str]) -> str:
    url = f"http://{SERVICE}.{NAMESPACE}:{PORT}/hello"
    loop = f"for i in $(seq {_CALLS}); do curl -sS -m 5 {url} 2>&1; echo; done"
    where = [f"--context={name}", f"--namespace={NAMESPACE}", f"deployment/{CLIENT}", f"--container={CLIENT}"]
    done = subprocess.run(
        ["kubectl", "exec", *where, "--", "sh", "-c", loop],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout
