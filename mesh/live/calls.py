"""The calls: made by each cluster's own client, from inside of its pod."""

import re
from collections import Counter

from mesh.cli.verify.model import Answers
from mesh.live.kubernetes_api import Api, ApiError, ExecError, UnreachableError
from mesh.live.pods import runs
from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE

URL = f"http://{SERVICE}.{NAMESPACE}:{PORT}/hello"
_CALL_SECONDS = 4
_AT_ONCE = 8
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


def ask(api: Api, calls: int) -> Answers:
    """Make that many calls from a cluster's client, and count what comes back."""
    try:
        lines = _called(api, calls)
    except (ApiError, UnreachableError, ExecError, LookupError) as error:
        return Answers(problem=str(error))
    outcomes = [parsed(line) for line in lines]
    return Answers(
        calls=len(outcomes),
        by=Counter(by for by, _ in outcomes if by),
        failures=Counter(reason for by, reason in outcomes if not by),
    )


def _called(api: Api, calls: int) -> list[str]:
    pods = api.list(f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=f"app={CLIENT}")
    running = [pod["metadata"]["name"] for pod in pods if runs(pod)]
    if not running:
        raise LookupError("no client pod runs")
    script = _SCRIPT.format(seconds=_CALL_SECONDS, url=URL, calls=calls, at_once=_AT_ONCE)
    longest = _CALL_SECONDS * (calls / _AT_ONCE + 2)
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
