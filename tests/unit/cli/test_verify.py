"""`python -m mesh verify`: who is asked, how calls are counted, and the report."""

import json
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from mesh import __main__ as command_line
from mesh.cli import stack, verify
from mesh.cli.verify import table
from mesh.config.resolved import StackConfig
from mesh.health.finding import Finding, Reason, Severity
from mesh.health.verification import (
    PairResult,
    VerificationReport,
    add,
    expected_pairs,
    unwanted_pairs,
)
from mesh.live.facts import Answers, Pair
from mesh.live.pairs import Connections
from tests.builders.stacks import stack_config

_FINDING = Finding(
    reason=Reason.REMOTE_SECRET_MISSING, cluster="east", message="east has none for west", hint="pulumi up"
)
_WARNING = _FINDING.model_copy(update={"severity": Severity.WARNING})
_PASSED = PairResult(caller="east", target="east", answers=7, calls=30)
_FAILED = PairResult(caller="east", target="west", answers=0, calls=30, findings=(_FINDING, _FINDING))


def _report(*pairs: PairResult, without: tuple[str, ...] = ()) -> VerificationReport:
    return VerificationReport(stack="dev", seconds=1.26, pairs=pairs, not_verified=without)


def test_every_cluster_is_to_be_answered_by_itself_and_by_all_others() -> None:
    """Nine pairs for three clusters, in the order of the stack file."""
    config = stack_config({"east": {}, "west": {}, "north": {}}, helloWorld=True)
    pairs = expected_pairs(config)
    assert len(pairs) == 9
    assert pairs[:3] == tuple(Pair(caller="east", target=name) for name in ("east", "west", "north"))


def test_a_cluster_without_the_sample_is_left_out() -> None:
    """It can neither call nor answer."""
    config = stack_config({"east": {}, "west": {"helloWorld": False}}, helloWorld=True)
    assert expected_pairs(config) == (Pair(caller="east", target="east"),)


def test_a_cluster_that_is_away_is_left_out_and_told() -> None:
    """Nobody calls from it, and its silence is no failure."""
    config = stack_config({"east": {}, "west": {"offline": True}}, helloWorld=True)
    assert expected_pairs(config) == (Pair(caller="east", target="east"),)
    report = VerificationReport(stack="dev", seconds=1, pairs=(_PASSED,), offline=config.offline)
    assert table(report).splitlines()[-1] == "not verified, because they are offline in the stack file: west"


def test_answers_of_several_attempts_are_added_up() -> None:
    """The problem is that of the last attempt."""
    first = Answers(calls=2, by={"east": 1}, failures={"x": 1}, problem="no client pod runs")
    both = add(first, Answers(calls=3, by={"east": 1, "west": 2}))
    assert both == Answers(calls=5, by={"east": 2, "west": 2}, failures={"x": 1})


def test_a_pair_without_an_answer_never_passes() -> None:
    """Nor does one that is answered, but has an error; a warning is no error."""
    assert _PASSED.passed
    assert not _PASSED.model_copy(update={"answers": 0}).passed
    assert not _PASSED.model_copy(update={"findings": (_FINDING,)}).passed
    assert _PASSED.model_copy(update={"findings": (_WARNING,)}).passed


def test_the_table_has_each_pair_and_each_finding_once() -> None:
    """With the pairs that suffer from it, and its hint."""
    lines = table(_report(_PASSED, _FAILED)).splitlines()
    assert lines[1].split() == ["east", "east", "7/30", "ok"]
    assert lines[2].split() == ["east", "west", "0/30", "remote-secret-missing"]
    assert "error: remote-secret-missing in east (east → west)" in lines
    assert lines.count("  hint: pulumi up") == 1
    assert lines[-1] == "1 of 2 pairs failed (1.3 s)"


def test_clusters_that_nobody_could_call_are_told() -> None:
    """A mesh that was verified in part must not look as if all of it was."""
    shown = table(_report(_PASSED, without=("north",)))
    assert "not verified, because HelloWorld is off: north" in shown
    assert "pulumi config set --path 'clusters.north.helloWorld' true" in shown


def test_the_document_is_the_report() -> None:
    """Programs read the reason by its stable word."""
    document = json.loads(_report(_PASSED, _FAILED).model_dump_json(by_alias=True))
    assert document["passed"] is False
    assert (document["seconds"], document["notVerified"]) == (1.3, [])
    assert [(pair["from"], pair["to"]) for pair in document["pairs"]] == [("east", "east"), ("east", "west")]
    assert [pair["passed"] for pair in document["pairs"]] == [True, False]
    assert document["pairs"][1]["findings"][0]["reason"] == "remote-secret-missing"


def test_without_the_sample_the_command_says_how_to_turn_it_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And ends with a code of its own: nothing was found out about the mesh."""
    monkeypatch.setattr(stack, "workspace", SimpleNamespace)
    monkeypatch.setattr(stack, "configuration", lambda *_: stack_config({"east": {}, "west": {}}))
    assert command_line.main(["verify", "--stack", "dev"]) == 2
    said = capsys.readouterr()
    assert "pulumi config set --path 'helloWorld.enabled' true" in said.err
    assert said.out == ""


@pytest.mark.parametrize("arguments", [["--timeout", "0"], ["--calls", "-1"], ["--calls", "many"]])
def test_a_number_that_cannot_be_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """With the option's name, and nothing is called."""
    assert command_line.main(["verify", *arguments]) == 2
    assert arguments[0] in capsys.readouterr().err


_HUB = {"hub": {"sees": ["one", "two"]}, "one": {}, "two": {}}


def _pairs(found: tuple[Pair, ...]) -> list[str]:
    return [f"{pair.caller}-{pair.target}" for pair in found]


def test_spokes_are_answered_by_the_hub_and_should_not_be_by_each_other() -> None:
    """Also not by one that is away, or in another stack; a cluster without the sample calls nobody."""
    clusters = {**_HUB, "away": {"offline": True}, "plain": {"helloWorld": False}}
    config = stack_config(
        clusters, sees=["hub"], helloWorld=True, peers={"far": {"stack": "organization/istio-mesh/far"}}
    )
    assert _pairs(expected_pairs(config)) == [
        *("hub-hub", "hub-one", "hub-two"),
        *("one-hub", "one-one"),
        *("two-hub", "two-two"),
    ]
    assert _pairs(unwanted_pairs(config)) == [
        *("hub-away", "hub-plain", "hub-far"),
        *("one-two", "one-away", "one-plain", "one-far"),
        *("two-one", "two-away", "two-plain", "two-far"),
    ]


def test_where_calls_stay_inside_no_other_cluster_should_answer() -> None:
    """By a wildcard, too; whatever stays inside beside it changes nothing."""
    for host in ("helloworld.sample.svc.cluster.local", "*.sample.svc.cluster.local"):
        east = {"exposure": {"clusterLocal": [host, "a.b"]}}
        config = stack_config({"east": east, "west": {}}, helloWorld=True)
        assert _pairs(expected_pairs(config)) == ["east-east", "west-east", "west-west"]
        assert _pairs(unwanted_pairs(config)) == ["east-west"]
    config = stack_config({"east": {}, "west": {}}, helloWorld=True, exposure={"clusterLocal": ["a.b"]})
    assert unwanted_pairs(config) == ()


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> Callable[..., VerificationReport]:
    """Give the report on a hub with two spokes, whose clients get some answers at each attempt."""

    def report(*attempts: dict[str, dict[str, int]]) -> VerificationReport:
        config = stack_config(_HUB, sees=["hub"], helloWorld=True)
        left = list(attempts)
        here: dict[str, dict[str, int]] = {}

        def connect(_config: StackConfig, names: Iterable[str]) -> Connections:
            here.clear()
            here.update(left.pop(0) if len(left) > 1 else left[0])
            apis: dict[str, Any] = {name: name for name in names}
            return Connections(apis=apis, unreachable={}, refused={})

        monkeypatch.setattr(verify, "connect", connect)
        monkeypatch.setattr(verify, "call", lambda name, calls: Answers(calls=calls, by=here[name]))
        monkeypatch.setattr(verify, "read_pairs", lambda _, pairs, *_others: dict.fromkeys(pairs, None))
        monkeypatch.setattr(verify, "_PAUSE_SECONDS", 0.01)
        monkeypatch.setattr(
            verify,
            "result",
            lambda pair, *_: PairResult(caller=pair.caller, target=pair.target, answers=1, calls=1),
        )
        return verify.verification("dev", config, timeout=0.2)

    return report


_RIGHT = {"hub": {"hub": 5, "one": 5, "two": 5}, "one": {"one": 5, "hub": 5}, "two": {"two": 5, "hub": 5}}
_WRONG = {**_RIGHT, "one": {"one": 5, "hub": 5, "two": 5}}


def test_silence_where_it_should_be_is_told(verified: Callable[..., VerificationReport]) -> None:
    """It is what the stack file says."""
    report = verified(_RIGHT)
    assert report.passed
    assert "no answers where no calls should go: one → two, two → one" in table(report).splitlines()
    assert json.loads(report.model_dump_json(by_alias=True))["silent"] == [
        {"from": "one", "to": "two"},
        {"from": "two", "to": "one"},
    ]


def test_answers_of_a_cluster_that_is_not_seen_fail_a_verification(
    verified: Callable[..., VerificationReport],
) -> None:
    """The calls have gone where the stack lets none go."""
    report = verified(_WRONG)
    assert not report.passed
    (pair,) = [pair for pair in report.pairs if not pair.passed]
    assert (pair.caller, pair.target, pair.findings[0].reason) == (
        "one",
        "two",
        Reason.UNSEEN_CLUSTER_ANSWERS,
    )
    assert "two answers one, though one does not see two by the stack" in table(report)
    assert [(silent.caller, silent.target) for silent in report.silent] == [("two", "one")]


def test_answers_that_came_before_a_link_was_gone_are_forgotten(
    verified: Callable[..., VerificationReport],
) -> None:
    """A proxy goes on for a moment with what it knows."""
    assert verified(_WRONG, _RIGHT).passed
