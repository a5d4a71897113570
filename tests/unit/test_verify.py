"""`mesh verify`: who is asked, how calls are counted, and the report."""

import json
from types import SimpleNamespace

import pytest

from mesh import __main__ as command_line
from mesh.cli import stack
from mesh.cli.verify import text
from mesh.cli.verify.model import Answers, Finding, Pair, PairResult, Report
from mesh.health import verdict as judge
from mesh.live.calls import parsed
from mesh.live.kubernetes_api import at
from mesh.live.look import unconnected
from mesh.live.pods import runs, workload
from tests.unit.builders import stack_config

_FINDING = Finding(
    reason="remote-secret-missing", cluster="east", message="east has none for west", hint="pulumi up"
)
_PASSED = PairResult(pair=Pair(caller="east", target="east"), answers=7, calls=30)
_FAILED = PairResult(
    pair=Pair(caller="east", target="west"), answers=0, calls=30, findings=(_FINDING, _FINDING)
)


def _report(*results: PairResult, without: tuple[str, ...] = ()) -> Report:
    return Report(stack="dev", seconds=1.26, results=results, without_sample=without)


def test_every_cluster_is_to_be_answered_by_itself_and_by_all_others() -> None:
    """Nine pairs for three clusters, in the order of the stack file."""
    config = stack_config({"east": {}, "west": {}, "north": {}}, helloWorld=True)
    pairs = judge.expected_pairs(config)
    assert len(pairs) == 9
    assert pairs[:3] == tuple(Pair(caller="east", target=name) for name in ("east", "west", "north"))
    assert judge.callers(pairs) == ("east", "west", "north")


def test_a_cluster_without_the_sample_is_left_out() -> None:
    """It can neither call nor answer."""
    config = stack_config({"east": {}, "west": {"helloWorld": False}}, helloWorld=True)
    assert judge.expected_pairs(config) == (Pair(caller="east", target="east"),)


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
    assert parsed(line) == expected


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
    assert unconnected(said) == reason


def test_answers_of_several_attempts_are_added_up() -> None:
    """The problem is that of the last attempt."""
    first = Answers(calls=2, by={"east": 1}, failures={"x": 1}, problem="no client pod runs")
    both = judge.together(first, Answers(calls=3, by={"east": 1, "west": 2}))
    assert both == Answers(calls=5, by={"east": 2, "west": 2}, failures={"x": 1})


def test_a_pair_without_an_answer_never_passes() -> None:
    """Nor does one that is answered, but has a finding."""
    assert _PASSED.passed
    assert not PairResult(pair=_PASSED.pair, answers=0, calls=30).passed
    assert not PairResult(pair=_PASSED.pair, answers=5, calls=30, findings=(_FINDING,)).passed


def test_the_table_has_each_pair_and_each_finding_once() -> None:
    """With the pairs that suffer from it, and its hint."""
    lines = text.table(_report(_PASSED, _FAILED)).splitlines()
    assert lines[1].split() == ["east", "east", "7/30", "ok"]
    assert lines[2].split() == ["east", "west", "0/30", "remote-secret-missing"]
    assert lines.count("  hint: pulumi up") == 1
    assert lines[-1] == "1 of 2 pairs failed (1.3 s)"


def test_clusters_that_nobody_could_call_are_told() -> None:
    """A mesh that was verified in part must not look as if all of it was."""
    shown = text.table(_report(_PASSED, without=("north",)))
    assert "not verified, because HelloWorld is off there: north" in shown
    assert "pulumi config set --path 'clusters.north.helloWorld' true" in shown


def test_the_document_is_the_report() -> None:
    """Programs read the reason by its stable word."""
    document = json.loads(text.document(_report(_PASSED, _FAILED)))
    assert document["passed"] is False
    assert [pair["passed"] for pair in document["pairs"]] == [True, False]
    assert document["pairs"][1]["findings"][0]["reason"] == "remote-secret-missing"


def test_a_pod_counts_once_all_of_it_is_ready() -> None:
    """One that is on its way out does not count at all."""
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}, "spec": {}, "metadata": {}}
    proxied = {**ready, "spec": {"initContainers": [{"name": "istio-proxy"}]}}
    leaving = {**ready, "metadata": {"deletionTimestamp": "now"}}
    starting = {**ready, "status": {}}
    assert [runs(pod) for pod in (ready, leaving, starting)] == [True, False, False]
    counted = workload([ready, proxied, leaving, starting])
    assert (counted.pods, counted.ready, counted.injected) == (3, 2, 1)


def test_a_path_into_nothing_is_none() -> None:
    """Whatever is missing on the way."""
    document = {"a": {"b": {"c": 1}}, "x": [1]}
    assert at(document, "a", "b", "c") == 1
    assert at(document, "a", "x", "c") is None
    assert at(document, "x", "y") is None
    assert at(None, "a") is None


def test_without_the_sample_the_command_says_how_to_turn_it_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And ends with a code of its own: nothing was found out about the mesh."""
    monkeypatch.setattr(stack, "workspace", SimpleNamespace)
    monkeypatch.setattr(stack, "configuration", lambda *_: stack_config({"east": {}, "west": {}}))
    with pytest.raises(SystemExit) as end:
        command_line.main(["verify", "--stack", "dev"])
    assert end.value.code == 2
    said = capsys.readouterr()
    assert "pulumi config set --path 'helloWorld.enabled' true" in said.err
    assert said.out == ""


@pytest.mark.parametrize("arguments", [["--timeout", "0"], ["--calls", "-1"], ["--calls", "many"]])
def test_a_number_that_cannot_be_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the option's name, and nothing is called."""
    with pytest.raises(SystemExit) as end:
        command_line.main(["verify", *arguments])
    assert end.value.code == 2
    assert arguments[0] in capsys.readouterr().err
