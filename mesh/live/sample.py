"""Reads HelloWorld in a cluster, and calls it from the cluster's own client."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from mesh.istio.names import PROXY_CONTAINER
from mesh.live.ambient import GATEWAY_NAME_LABEL
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.enrolment import used_waypoint
from mesh.live.facts import Answers, PathFacts, Sample, Workload
from mesh.live.kubernetes_api import ExecError, KubernetesApi
from mesh.live.pods import address, environment, runs, with_port, workload
from mesh.live.proxies import read_path
from mesh.mappings import Json, as_map, at
from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE

URL = f"http://{SERVICE}.{NAMESPACE}:{PORT}/hello"
_SAMPLE = f"/api/v1/namespaces/{NAMESPACE}"
_CALL_SECONDS = 4
_CALLS_AT_ONCE = 8
# The proxy must not retry: a retry would hide a cluster that cannot be reached behind the others.
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


def read_sample(api: KubernetesApi, *, ambient: bool = False) -> Sample:
    """The sample's Service and pods, and where it is `ambient` what ambient clients need."""
    namespace = _labels(api.find(_SAMPLE)) if ambient else {}
    service = api.find(f"{_SAMPLE}/services/{SERVICE}")
    clients = api.list(f"{_SAMPLE}/pods", labelSelector=f"app={CLIENT}")
    running = [pod for pod in clients if runs(pod)]
    servers = api.list(f"{_SAMPLE}/pods", labelSelector=f"app={SERVICE}")
    waypoint = used_waypoint(service, namespace) if service and ambient else None
    captured = [environment(pod, PROXY_CONTAINER).get("ISTIO_META_DNS_CAPTURE") == "true" for pod in running]
    return Sample(
        service=service is not None,
        labels=_labels(service),
        namespace_labels=namespace,
        waypoint=waypoint,
        waypoint_pods=workload(_waypoint_pods(api, waypoint)) if waypoint else Workload(),
        server=workload(servers, namespace),
        addresses=tuple(with_port(ip, PORT) for pod in servers if runs(pod) and (ip := address(pod))),
        client=workload(clients, namespace),
        client_pod=str(running[0]["metadata"]["name"]) if running else None,
        client_node=at(running[0], "spec", "nodeName") if running else None,
        dns_capture=bool(captured and captured[0]),
    )


def _waypoint_pods(api: KubernetesApi, waypoint: str) -> Sequence[Json]:
    namespace, _, name = waypoint.partition("/")
    return api.list(f"/api/v1/namespaces/{namespace}/pods", labelSelector=f"{GATEWAY_NAME_LABEL}={name}")


def _labels(document: Json | None) -> dict[str, str]:
    return dict(as_map(at(document, "metadata", "labels")) or {})


def call(api: KubernetesApi, calls: int) -> Answers:
    """Make that many calls from a cluster's client, and count the answers."""
    try:
        lines = _output(api, calls)
    except (RefusedError, UnreachableError, ExecError, LookupError) as error:
        return Answers(problem=str(error))
    outcomes = [parse_call(line) for line in lines]
    return Answers(
        calls=len(outcomes),
        by=Counter(by for by, _ in outcomes if by),
        failures=Counter(reason for by, reason in outcomes if not by),
    )


def parse_call(line: str) -> tuple[str | None, str]:
    """The cluster that answered, or None and the reason, from one line of the calls' output. Pure."""
    answer, _, rest = line.partition("|")
    status, _, after = rest.partition("|")
    version = _VERSION.search(answer)
    if version and status == "200":
        return version.group(1), ""
    reason = " ".join(f"{answer} {after}".split())
    return None, reason if status in ("", "000") else f"HTTP {status}: {reason}"


def read_sample_path(api: KubernetesApi, client_pod: str | None, ways: Iterable[str]) -> PathFacts:
    """How the client's proxy reaches the sample, and whether it can connect to the first of the addresses."""
    if client_pod is None:
        return PathFacts(problem="no client pod is ready")
    return read_path(api, NAMESPACE, client_pod, service=f"{SERVICE}.{NAMESPACE}", port=PORT, ways=ways)


def _output(api: KubernetesApi, calls: int) -> list[str]:
    pods = api.list(f"{_SAMPLE}/pods", labelSelector=f"app={CLIENT}")
    running = [pod["metadata"]["name"] for pod in pods if runs(pod)]
    if not running:
        raise LookupError("no client pod is ready")
    script = _SCRIPT.format(seconds=_CALL_SECONDS, url=URL, calls=calls, at_once=_CALLS_AT_ONCE)
    longest = _CALL_SECONDS * (calls / _CALLS_AT_ONCE + 2)
    output = api.execute(NAMESPACE, running[0], CLIENT, ["sh", "-c", script], timeout=longest)
    return output.stdout.splitlines()
