"""Results of benchmarks outlive interruptions, and a run goes on where the last one ended."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.mesh import plan, records
from benchmarks.mesh.records import Record

_SCRIPT = plan.Run(way=plan.SERIAL, size=2, repetition=1)


def _record(step: str = plan.UP, **other: Any) -> Record:
    fields: Mapping[str, Any] = {
        "way": plan.OURS,
        "size": 2,
        "repetition": 1,
        "wall": 10.0,
        "cpu": 4.0,
        "machine_cpu": 15.0,
        "clusters_cpu": 9.0,
        "memory": 300_000_000,
        **other,
    }
    return Record(step=step, **fields)


def test_a_record_that_was_written_is_read_back_as_it_was(tmp_path: Path) -> None:
    """What a file gives is what was put in, with the facts."""
    file = tmp_path / "bench" / "mesh.jsonl"
    record = _record(cpu_by_kind={"engine": 1.5}, resources=30, state_bytes=1234)
    records.begin(file, {"cores": 2})
    records.append(file, record)
    data = records.read(file)
    assert data.records == (record,)
    assert data.facts == {"cores": 2}


def test_a_line_that_was_cut_short_costs_that_line_only(tmp_path: Path) -> None:
    """A killed run leaves half a line; reading passes over it, and writing takes its place."""
    file = tmp_path / "mesh.jsonl"
    records.append(file, _record())
    with file.open("a") as lines:
        lines.write('{"way": "ours", "si')
    assert records.read(file).records == (_record(),)
    records.append(file, _record(plan.AGAIN))
    assert records.read(file).records == (_record(), _record(plan.AGAIN))


def test_a_broken_line_between_others_is_an_error_that_names_it() -> None:
    """Only the last line can be an interruption's."""
    with pytest.raises(ValueError, match="line 1"):
        records.parsed('{"way"\n{"facts": {}}\n')


def test_what_was_measured_again_counts_in_place_of_what_was_interrupted() -> None:
    """A way is measured from its first step on after an interruption; its earlier results are dropped."""
    old, new = _record(wall=99.0), _record(wall=10.0)
    text = records.written(records.Data(facts={}, records=(old, new)))
    assert records.parsed(text).records == (new,)


def test_a_way_is_left_until_its_last_step_is_there() -> None:
    """Our way has seven steps: six of them are no complete run."""
    run = plan.Run(way=plan.OURS, size=2, repetition=1)
    done = [_record(step) for step in plan.OUR_STEPS]
    assert plan.left([run], done[:-1]) == [run]
    assert plan.left([run], done) == []


def test_results_of_another_size_or_repetition_do_not_count() -> None:
    """A run is told apart by way, size and repetition."""
    other = [_record(way=plan.SERIAL, size=4), _record(way=plan.SERIAL, repetition=2), _record()]
    assert plan.left([_SCRIPT], other) == [_SCRIPT]
    assert plan.left([_SCRIPT], [*other, _record(way=plan.SERIAL)]) == []


def test_the_limit_is_measured_with_one_cluster_only() -> None:
    """It is the way of one cluster alone."""
    limits = [run for run in plan.runs([1, 2, 4], repeat=3) if run.way == plan.LIMIT]
    assert {run.size for run in limits} == {1}
    assert len(limits) == 3


def test_ways_take_turns_and_each_is_first_once() -> None:
    """Whatever drifts on a machine meanwhile meets all ways alike."""
    planned = list(plan.runs([2], repeat=3))
    assert [run.way for run in planned[::3]] == [plan.OURS, plan.SERIAL, plan.PARALLEL]
    assert all({run.way for run in planned[n : n + 3]} == {"ours", "serial", "parallel"} for n in (0, 3, 6))
