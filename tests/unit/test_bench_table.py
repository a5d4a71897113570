"""Medians, ratios and goals of the benchmarks."""

from typing import Any

import pytest

from benchmarks.mesh import plan, table
from benchmarks.mesh.facts import cpu_model, plugins
from benchmarks.mesh.proof import answered
from benchmarks.mesh.records import Data, Record


def _record(way: str, size: int, wall: float, *, step: str = plan.UP, **other: Any) -> Record:
    repetition = other.pop("repetition", 1)
    costs = {"cpu": 1.0, "machine_cpu": 0.0, "clusters_cpu": 0.0, "memory": 0, **other}
    return Record(way=way, size=size, repetition=repetition, step=step, wall=wall, **costs)


def _goal(records: list[Record], words: str) -> table.Goal:
    found = table.goals(Data(facts={"cores": 2}, records=tuple(records)))
    return next(goal for goal in found if words in goal.text)


def test_the_median_is_not_moved_by_one_slow_repetition() -> None:
    """Three measurements, one of them disturbed."""
    walls = enumerate((10.0, 11.0, 90.0), start=1)
    medians = table.Medians([_record(plan.OURS, 2, wall, repetition=n) for n, wall in walls])
    assert medians.of(plan.OURS, 2) == 11
    assert medians.of(plan.OURS, 4) is None


@pytest.mark.parametrize(("ours", "verdict"), [(35.0, "met"), (35.1, "not met")])
def test_a_goal_is_met_up_to_what_is_allowed(ours: float, verdict: str) -> None:
    """Ours against the serial way with eight clusters: 0.35 at most."""
    records = [_record(plan.OURS, 8, ours), _record(plan.SERIAL, 8, 100.0)]
    assert _goal(records, "serial").verdict == verdict


def test_a_goal_whose_measurements_are_missing_is_not_met_by_accident() -> None:
    """Nothing measured is said so, for every goal."""
    goals = table.goals(Data(facts={"cores": 2}, records=()))
    assert {goal.verdict for goal in goals} == {"not measured"}


def test_time_that_the_cores_could_not_give_is_taken_off() -> None:
    """Eight clusters need 140 s more of CPU than one: on two cores 70 s that no program can save."""
    records = [
        _record(plan.OURS, 1, 20.0, cpu=8.0, clusters_cpu=12.0),
        _record(plan.OURS, 8, 100.0, cpu=50.0, clusters_cpu=110.0),
    ]
    assert _goal(records, "net").value == pytest.approx((100 - 70) / 20)


def test_idle_waiting_counts_in_full() -> None:
    """Where there was no more to compute, all of the longer time counts; what others did is no excuse."""
    records = [_record(plan.OURS, 1, 20.0), _record(plan.OURS, 8, 100.0, machine_cpu=190.0)]
    assert _goal(records, "net").value == pytest.approx(5)


def test_memory_for_each_further_cluster_is_the_slope() -> None:
    """What one cluster needs to begin with is no part of it."""
    records = [_record(plan.OURS, n, 1, memory=(400 + 120 * n) * 1_000_000) for n in (1, 2, 4, 8)]
    goal = _goal(records, "memory")
    assert goal.value == pytest.approx(120)
    assert goal.verdict == "met"


def test_previews_are_compared_with_previews() -> None:
    """And not with the first up, which is measured, too."""
    records = [
        _record(plan.OURS, 1, 50.0),
        _record(plan.OURS, 1, 3.0, step=plan.PREVIEW),
        _record(plan.OURS, 8, 9.0, step=plan.PREVIEW),
    ]
    goal = _goal(records, "preview")
    assert goal.value == pytest.approx(3)
    assert goal.verdict == "not met"


def test_the_text_shows_what_was_measured_and_gaps_as_gaps() -> None:
    """A way that was not measured at a size has a dash there."""
    records = (_record(plan.OURS, 1, 12.5), _record(plan.SERIAL, 2, 40.0))
    text = table.text(Data(facts={"cores": 2}, records=records))
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    assert [cell.strip() for cell in rows["serial"].split("|")[2:4]] == ["-", "40.0"]
    assert "12.5" in text


@pytest.mark.parametrize(
    ("value", "text"), [(0.3456, "0.35"), (12.34, "12.3"), (345.6, "346"), (None, "-"), (0.0, "0.00")]
)
def test_numbers_have_the_digits_that_count(value: float | None, text: str) -> None:
    """More would pretend to be known."""
    assert table.number(value) == text


def test_facts_say_where_a_plugin_comes_from_and_no_path() -> None:
    """A release's line has the path where it was found."""
    lines = [
        "pulumi-resource-tls 5.6.2 (stand-in of this repository)",
        "pulumi-resource-kubernetes 4.25.0 (built from Pulumi's Go module)",
        "pulumi-resource-random 4.21.4 (/a/b/c)",
    ]
    assert plugins(lines) == {
        "resource-tls": "5.6.2 stand-in",
        "resource-kubernetes": "4.25.0 built",
        "resource-random": "4.21.4 official",
    }


def test_the_processor_is_named_as_the_kernel_does() -> None:
    """Once, however many cores there are."""
    assert (
        cpu_model("processor: 0\nmodel name\t: Some  CPU @ 2 GHz\nmodel name\t: other\n")
        == "Some CPU @ 2 GHz"
    )
    assert cpu_model("") == "unknown"


def test_answers_are_found_between_errors() -> None:
    """The proof of a mesh reads what curl printed."""
    output = "Hello version: b1, instance: x\ncurl: (56) reset\nHello version: b2, instance: y\n"
    assert answered(output) == {"b1", "b2"}
