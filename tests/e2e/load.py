"""A steady load of calls beside a test: every call is recorded, and each failed one has its time and reason.

    with Load(kubeconfig, ["east", "west"]) as load:
        ...                                         # whatever must not disturb the calls
        load.wait_until(lambda report: "north" in report.answered("east"))
    assert not load.report.failed, load.report

The calls are made by a loop in each cluster's client pod, a new one every `1 / rate` seconds, whether or not
those before it have been answered. Each has a connection of its own; with `kept=True`, all of a client have
one for as long as it lasts, and wait for each other.
"""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from kubernetes import client, config
from kubernetes.stream import stream
from kubernetes.stream.ws_client import WSClient
from websocket import WebSocketException

from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE

URL = f"http://{SERVICE}.{NAMESPACE}:{PORT}/hello"
_CALL_SECONDS = 10
_LONGEST_SECONDS = 3600
"""A loop whose test was killed ends by itself after this."""

# `echo` writes a line at once, so those of calls that end together do not mix. The loop goes on while calls
# are under way, and waits for the last of them when it is told to stop.
_LOOP = """
set -f
call() {{
  answer=$(curl -sS -m {seconds} -w '|%{{http_code}}|%{{time_total}}|' "{url}" 2>&1)
  echo "$1|"$answer
}}
trap 'stopped=1' TERM
echo "pid $$"
i=0
while [ -z "$stopped" ] && [ $i -lt {most} ]; do
  i=$((i + 1)); call $i & sleep {pause}
done
wait
echo end
"""
# curl keeps its connection, and says how many it has made for each call.
_KEPT_LOOP = """
set -f
curl -sS --rate {rate}/s -w '|%{{http_code}}|%{{time_total}}|%{{num_connects}}\\n' "{url}?[1-{most}]" 2>&1 &
trap "kill $!" TERM
echo "pid $$"
wait
echo end
"""
_VERSION = re.compile(r"Hello version: ([^,]+),")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call: who made it, when its result was seen, which cluster answered, or why none did."""

    caller: str
    number: int
    ended: datetime
    seconds: float
    answered_by: str | None
    reason: str
    connected: bool = True
    """Whether a connection was made for it."""

    def __str__(self) -> str:
        result = self.reason or f"answered by {self.answered_by}"
        return f"{self.ended:%H:%M:%S.%f} {self.caller} #{self.number} after {self.seconds:.2f} s: {result}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """All calls up to now, in the order of their ends."""

    calls: tuple[Call, ...]

    @property
    def failed(self) -> tuple[Call, ...]:
        """The calls that nobody answered as expected."""
        return tuple(call for call in self.calls if call.answered_by is None)

    @property
    def reconnected(self) -> tuple[Call, ...]:
        """The calls but each caller's first for which a connection was made."""
        callers = {call.caller: call for call in reversed(self.calls)}
        return tuple(call for call in self.calls if call.connected and call is not callers[call.caller])

    def answered(self, caller: str, *, after: datetime | None = None) -> Counter[str]:
        """How many of a cluster's calls were answered by which cluster; on request only the latest."""
        calls = (call for call in self.calls if call.caller == caller and call.answered_by)
        return Counter(str(call.answered_by) for call in calls if after is None or call.ended > after)

    def __str__(self) -> str:
        callers = sorted({call.caller for call in self.calls})
        answers = (f"{caller}: {dict(self.answered(caller))}" for caller in callers)
        heading = f"{len(self.calls)} calls, {len(self.failed)} failed; answered " + ", ".join(answers)
        return "\n".join([heading, *(f"  {call}" for call in self.failed)])


class Load:
    """Calls from the client of each context's cluster, while the `with` block runs."""

    def __init__(
        self,
        kubeconfig: Path,
        contexts: Iterable[str],
        *,
        rate: float = 4,
        url: str = URL,
        kept: bool = False,
        namespace: str = NAMESPACE,
    ) -> None:
        """`rate` is in calls per second from each cluster, `kept` whether all have one connection.

        `namespace` is that of the clients.
        """
        self._callers = [
            _Caller(str(kubeconfig), context, rate, url, kept, namespace) for context in contexts
        ]

    @property
    def report(self) -> Report:
        """What has become of the calls up to now; after the block, of all calls."""
        calls = (call for caller in self._callers for call in list(caller.calls))
        return Report(calls=tuple(sorted(calls, key=lambda call: call.ended)))

    def wait_until(self, condition: Callable[[Report], bool], *, timeout: float = 120) -> float:
        """Wait until the report is as expected; give the seconds that it took, or fail with the report."""
        begin = time.monotonic()
        while not condition(self.report):
            waited = time.monotonic() - begin
            assert waited < timeout, f"not so within {timeout} s:\n{self.report}"
            self._check()
            time.sleep(0.2)
        return time.monotonic() - begin

    def __enter__(self) -> Self:
        for caller in self._callers:
            caller.start()
        self.wait_until(lambda report: {c.caller for c in report.calls} == {c.name for c in self._callers})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for caller in self._callers:
            caller.stop()
        if error is None:
            self._check()

    def _check(self) -> None:
        """A load that broke off has proved nothing."""
        broken = [f"{caller.name}: {caller.broken}" for caller in self._callers if caller.broken]
        assert not broken, f"the load itself broke off: {'; '.join(broken)}\n{self.report}"


class _Caller(threading.Thread):
    """The loop in one cluster, and the thread that takes down what it says."""

    def __init__(
        self, kubeconfig: str, context: str, rate: float, url: str, kept: bool, namespace: str
    ) -> None:
        super().__init__(name=f"load-{context}", daemon=True)
        self.name = context
        self.calls: list[Call] = []
        self.broken: str | None = None
        self._kubeconfig = kubeconfig
        self._pid: str | None = None
        self._pod: str | None = None
        self._kept = kept
        self._namespace = namespace
        self._script = (_KEPT_LOOP if kept else _LOOP).format(
            seconds=_CALL_SECONDS,
            url=url,
            rate=round(rate),
            pause=1 / rate,
            most=int(_LONGEST_SECONDS * rate),
        )

    def run(self) -> None:
        try:
            self._pod = self._find_pod()
            self._listen(self._exec(self._script))
        except (client.ApiException, WebSocketException, OSError, LookupError) as error:
            self.broken = f"{type(error).__name__}: {error}"

    def stop(self) -> None:
        """End the loop; its last calls are waited for."""
        if self.is_alive() and self._pid:
            self._exec(f"kill {self._pid}").run_forever(timeout=_CALL_SECONDS)
        self.join(timeout=2 * _CALL_SECONDS)
        if self.is_alive():
            self.broken = "the loop did not end"

    def _api(self) -> client.CoreV1Api:
        # A client for each stream: the stream's code changes the client that it is given.
        return client.CoreV1Api(config.new_client_from_config(self._kubeconfig, self.name))

    def _find_pod(self) -> str:
        for pod in self._api().list_namespaced_pod(self._namespace, label_selector=f"app={CLIENT}").items:
            metadata, status = pod.metadata, pod.status
            runs = status and status.phase == "Running"
            if runs and metadata and metadata.name and not metadata.deletion_timestamp:
                return metadata.name
        raise LookupError("no client pod runs")

    def _exec(self, script: str) -> WSClient:
        return stream(
            self._api().connect_get_namespaced_pod_exec,
            self._pod,
            self._namespace,
            container=CLIENT,
            command=["sh", "-c", script],
            stdin=False,
            stdout=True,
            stderr=True,
            tty=False,
            _preload_content=False,
        )

    def _listen(self, output: WSClient) -> None:
        unfinished, answer = "", ""
        while output.is_open():
            output.update(timeout=1)
            *lines, unfinished = (unfinished + _text(output.read_stdout(timeout=0))).split("\n")
            for line in lines:
                if line.startswith("pid "):
                    self._pid = line.removeprefix("pid ")
                elif line == "end":
                    output.close()
                    return
                elif self._kept and "|" not in line:
                    answer += line
                else:
                    result = f"{len(self.calls) + 1}|{answer}{line}" if self._kept else line
                    self.calls.append(parsed(self.name, result, datetime.now(UTC)))
                    answer = ""
        self.broken = _text(output.read_stderr(timeout=0)).strip() or "the stream ended"


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode()


def parsed(caller: str, line: str, ended: datetime) -> Call:
    """One line of the loop: number, what curl printed, HTTP status, seconds, and what came after. Pure."""
    number, _, rest = line.partition("|")
    said, status, seconds, after = ([*rest.split("|"), "", "", ""])[:4]
    version = _VERSION.search(said)
    answered_by = version.group(1) if version and status == "200" else None
    reason = "" if answered_by else f"HTTP {status}: {' '.join(f'{said} {after}'.split())}"
    return Call(
        caller=caller,
        number=int(number),
        ended=ended,
        seconds=float(seconds or 0),
        answered_by=answered_by,
        reason=reason,
        connected=after.strip() != "0",
    )
