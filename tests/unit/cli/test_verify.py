"""`python -m mesh verify`: who is asked, how calls are counted, and the report."""

import json
from types import SimpleNamespace

import pytest

from mesh import __main__ as command_line
from mesh.cli import stack
from mesh.cli.verify import table
from mesh.health.finding import Finding, Reason, Severity
from mesh.health.verification import PairResult, VerificationReport, add, expected_pairs
from mesh.live.facts import Answers, Pair
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
