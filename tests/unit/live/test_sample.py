"""HelloWorld, read from the recorded mesh, and its calls: what counts as an answer."""

from typing import Any

import pytest

from mesh.live.facts import Answers, PathFacts, Sample, Workload
from mesh.live.proxies import connection_failure
from mesh.live.sample import call, parse_call, read_sample, read_sample_path
from tests.recordings.recorded import CALLS, SAMPLE, Recording

_ONE = Workload(pods=1, ready=1, injected=1)
_SERVICE = f"{SAMPLE}/services/helloworld"


def _pod(recording: Recording, app: str) -> dict[str, Any]:
    [pod] = recording.items("east", f"{SAMPLE}/pods", labelSelector=f"app={app}")
    return pod


def test_the_sample_has_a_service_a_server_and_a_client(recording: Recording) -> None:
    """The client's proxy answers DNS queries."""
    name = _pod(recording, "client")["metadata"]["name"]
    assert read_sample(recording.api("east")) == Sample(
        service=True,
        labels={"app": "helloworld"},
        server=_ONE,
        client=_ONE,
        client_pod=name,
        dns_capture=True,
    )


def test_a_cluster_without_the_sample_has_nothing(recording: Recording) -> None:
    """Its namespace may be there."""
    recording.remove("east", _SERVICE)
    for app in ("client", "helloworld"):
        recording.items("east", f"{SAMPLE}/pods", labelSelector=f"app={app}").clear()
    assert read_sample(recording.api("east")) == Sample()


def test_pods_without_a_proxy_are_counted(recording: Recording) -> None:
    """They are ready all the same."""
    for app in ("client", "helloworld"):
        pod = _pod(recording, app)
        for containers in ("containers", "initContainers"):
            pod["spec"][containers] = [
                c for c in pod["spec"].get(containers, []) if c["name"] != "istio-proxy"
            ]
    found = read_sample(recording.api("east"))
    bare = Workload(pods=1, ready=1, injected=0)
    assert (found.server, found.client, found.dns_capture) == (bare, bare, False)


def test_every_call_is_counted_for_the_cluster_that_answered(recording: Recording) -> None:
    """Both did, in the recording."""
    answers = call(recording.api("east"), CALLS)
    assert (answers.calls, set(answers.by), answers.failures, answers.problem) == (
        CALLS,
        {"east", "west"},
        {},
        None,
    )
    assert sum(answers.by.values()) == CALLS


def test_a_call_that_failed_is_counted_by_its_reason(recording: Recording) -> None:
    """As curl or the proxy gives it."""
    recording.answer_calls("east", "upstream connect error |503|")
    assert call(recording.api("east"), CALLS) == Answers(
        calls=CALLS, failures={"HTTP 503: upstream connect error": CALLS}
    )


def test_a_client_that_cannot_be_used_is_a_problem(recording: Recording) -> None:
    """With the reason, and not a failed call."""
    api = recording.api("east")
    recording.fail_commands("east", "client sh -c")
    assert "no command can be run" in str(call(api, CALLS).problem)
    _pod(recording, "client")["status"]["conditions"] = []
    assert call(api, CALLS) == Answers(problem="no client pod is ready")
    assert read_sample(api).client_pod is None
    recording.refuse("east", 403, "pods is forbidden")
    assert call(api, CALLS) == Answers(problem="pods is forbidden")
    recording.disconnect("east")
    assert "timed out" in str(call(api, CALLS).problem)


def test_without_a_client_there_is_no_path(recording: Recording) -> None:
    """Nothing is run anywhere."""
    assert read_sample_path(recording.api("east"), None, ()) == PathFacts(problem="no client pod is ready")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Hello version: west, instance: helloworld-west-1 |200|", ("west", "")),
        ("Hello version: v1, instance: x |503|", (None, "HTTP 503: Hello version: v1, instance: x")),
        ("upstream connect error |503|", (None, "HTTP 503: upstream connect error")),
        (
            "curl: (6) Could not resolve host: helloworld.sample |000|",
            (None, "curl: (6) Could not resolve host: helloworld.sample"),
        ),
        ("|000| curl: (28) timed out", (None, "curl: (28) timed out")),
    ],
)
def test_a_call_is_an_answer_only_from_the_sample_itself(line: str, expected: tuple[object, str]) -> None:
    """Everything else is a failure with its reason."""
    assert parse_call(line) == expected


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "x\nError: Last error: dial tcp 203.0.113.7:15443: connect: connection refused",
            "connection refused",
        ),
        ("Error: Last error: Get: context deadline exceeded (Client.Timeout exceeded)", "timed out"),
        ("Error: Last error: read tcp: read: connection reset by peer", None),
        ("Error: Last error: Get: EOF", None),
    ],
)
def test_a_connection_that_the_gateway_ends_is_one_that_stood(said: str, reason: str | None) -> None:
    """To what is not mutual TLS the gateway does not answer otherwise."""
    assert connection_failure(said) == reason
