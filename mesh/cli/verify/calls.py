"""The calls: made by each cluster's own client, from inside of its pod."""

import re
import time
from collections import Counter
from collections.abc import Set

from mesh.cli.api import Api, ApiError, ExecError, UnreachableError
from mesh.cli.verify.model import Answers
from mesh.cli.verify.pods import runs
from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE

URL = f"http://{SERVICE}.{NAMESPACE}:{PORT}/hello"
_CALL_SECONDS = 4
_AT_ONCE = 8
_PAUSE_SECONDS = 1.0
# Without retries of the proxy's, which would hide a cluster that cannot be reached behind the others.
_SCRIPT = """
set -f
call() {{
  answer=$(curl -sS -m {seconds} -H 'x-envoy-max-retries: 0' -w '|%{{http_code}}|' {url} 2>&1)
  echo $answer
}}
i=0
while [ $i -lt {calls} ]; do
  i=$((i + 1)); call &
  [ $((i % {at_once})) -eq 0 ] && wait
done
wait
"""
_VERSION = re.compile(r"Hello version: ([^,]+),")


def ask(api: Api, expected: Set[str], *, calls: int, timeout: float) -> Answers:
    """Call from a cluster's client until every expected cluster has answered, or the time is over.

    Args:
        api: of the cluster with the client.
        expected: names of the clusters that should answer.
        calls: how many at a time.
        timeout: seconds; calls that are under way then are waited for.
    """
    end = time.monotonic() + timeout
    answered: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    while True:
        problem = None
        try:
            for answer in _round(api, calls, timeout):
                by, reason = parsed(answer)
                if by:
                    answered[by] += 1
                else:
                    failed[reason] += 1
        except (ApiError, UnreachableError, ExecError, LookupError) as error:
            problem = str(error)
        if expected <= answered.keys() or time.monotonic() + _PAUSE_SECONDS > end:
            total = answered.total() + failed.total()
            return Answers(calls=total, by=answered, failures=failed, problem=problem)
        time.sleep(_PAUSE_SECONDS)


def _round(api: Api, calls: int, timeout: float) -> list[str]:
    pods = api.list(f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=f"app={CLIENT}")
    running = [pod["metadata"]["name"] for pod in pods if runs(pod)]
    if not running:
        raise LookupError("no client pod runs")
    script = _SCRIPT.format(seconds=_CALL_SECONDS, url=URL, calls=calls, at_once=_AT_ONCE)
    longest = timeout + _CALL_SECONDS * (calls / _AT_ONCE + 1)
    output = api.execute(NAMESPACE, running[0], CLIENT, ["sh", "-c", script], timeout=longest)
    return output.stdout.splitlines()


def parsed(line: str) -> tuple[str | None, str]:
    """The cluster that answered, or None and the reason: what a line of the calls' output says. Pure."""
    said, _, rest = line.partition("|")
    status, _, after = rest.partition("|")
    version = _VERSION.search(said)
    if version and status == "200":
        return version.group(1), ""
    reason = " ".join(f"{said} {after}".split())
    return None, reason if status in ("", "000") else f"HTTP {status}: {reason}"
