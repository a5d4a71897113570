"""`python -m benchmarks mesh`: go through the plan, write each result down, show the table."""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.mesh import facts, plan, records, settings, table
from benchmarks.mesh.documented import Documented
from benchmarks.mesh.measure import measure, memory_of, wait_for_calm
from benchmarks.mesh.ours import Ours
from benchmarks.mesh.proof import require_answers
from sandbox import cluster
from sandbox.cluster import environment
from sandbox.errors import SandboxError
from sandbox.paths import CHECKOUT, state_dir

_SANDBOX = CHECKOUT / ".sandbox" / "bench"
_WAYS = (*plan.WAYS, plan.AMBIENT)
_AFTER_CLUSTERS_JOINED = (plan.FIRST, plan.REMOVE)
_JOINED_SECONDS = 60
"""Control planes that see each other for the first time keep two cores busy for most of a minute."""
_CHANGED = (plan.CHANGE, plan.ADD, plan.REMOVE, plan.DESTROY)
"""The steps from the changed value on."""


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; 1 with a message where that is not possible."""
    options = _parser().parse_args(arguments)
    # A sandbox of its own: the clusters of `make up` and of the tests are left alone.
    os.environ.setdefault("ISTIO_MESH_SANDBOX", str(_SANDBOX))
    data: Path = options.data or state_dir() / "mesh.jsonl"
    try:
        if not options.table:
            _measure(data, options)
        print(table.text(records.read(data)))
    except (SandboxError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"interrupted; go on with --resume: what was measured is in {data}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks mesh", description=__doc__)
    parser.add_argument(
        "--sizes", type=_sizes, default=[1, 2, 4, 8], help="numbers of clusters, such as 1,2,4,8"
    )
    parser.add_argument(
        "--repeat", type=int, default=3, help="how often everything is measured (%(default)s)"
    )
    parser.add_argument(
        "--ways",
        type=_ways,
        default=plan.WAYS,
        help=f"of {','.join(_WAYS)}; without {plan.AMBIENT} by default",
    )
    parser.add_argument(
        "--data", type=Path, help="file of the results (mesh.jsonl in the benchmarks' sandbox)"
    )
    parser.add_argument("--table", action="store_true", help="measure nothing, show what there is")
    there = parser.add_mutually_exclusive_group()
    there.add_argument("--resume", action="store_true", help="continue an interrupted run")
    there.add_argument("--discard", action="store_true", help="delete earlier results and start again")
    return parser


def _sizes(text: str) -> list[int]:
    sizes = [int(word) for word in text.split(",")]
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError("a mesh has at least one cluster")
    return sizes


def _ways(text: str) -> list[str]:
    ways = text.split(",")
    if unknown := set(ways) - set(_WAYS):
        raise argparse.ArgumentTypeError(f"no way {', '.join(unknown)}; there are {', '.join(_WAYS)}")
    return ways


def _measure(data: Path, options: argparse.Namespace) -> None:
    if plan.AMBIENT in options.ways and not cluster.has_ztunnel():
        raise SandboxError(f"{plan.AMBIENT} needs a ztunnel: set ISTIO_MESH_ZTUNNEL_IMAGE (README.md)")
    planned = list(plan.runs(options.sizes, options.repeat, options.ways))
    there = records.read(data)
    if there.records and options.discard:
        data.unlink()
        there = records.read(data)
    if there.records and not options.resume:
        raise SandboxError(f"{data} has results: --resume continues, --discard deletes them")
    here = facts.gathered()
    if there.facts and there.facts != here:
        raise SandboxError(
            f"{data} was measured on another machine or with other versions; --discard deletes it"
        )
    if not there.facts:
        records.begin(data, here)
    remaining = plan.left(planned, there.records)
    begin = time.monotonic()
    try:
        for number, run in enumerate(remaining, start=1):
            minutes = (time.monotonic() - begin) / 60
            print(f"{number}/{len(remaining)} after {minutes:.1f} min: {run}", flush=True)
            _Bench(run, data).go()
    finally:
        cluster.stop()
        shutil.rmtree(_folder(), ignore_errors=True)


def _folder() -> Path:
    """Where the ways keep their files; CA keys of the scripts are among them, so it goes at the end."""
    return state_dir() / "ways"


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a way works: fresh clusters, and the environment to use them."""

    names: list[str]
    environment: Mapping[str, str]


class _Bench:
    """One run of the plan."""

    def __init__(self, run: plan.Run, data: Path) -> None:
        self._run = run
        self._data = data
        self._folder = _folder()

    def go(self) -> None:
        """Start fresh clusters, then measure step by step."""
        names = [f"b{number}" for number in range(1, self._run.size + 1)]
        cluster.stop()
        cluster.start(names)
        variables = {**os.environ, **environment.variables()}
        place = _Place(names=names, environment=variables)
        wait_for_calm()
        if self._run.way in (plan.OURS, plan.AMBIENT):
            self._ours(place)
        else:
            self._documented(place)

    def _documented(self, place: _Place) -> None:
        script = Documented(
            self._run.way, self._folder / self._run.way, _config(place.names), place.environment
        )
        answering = place.names if self._run.way != plan.LIMIT else []
        self._step(plan.UP, script.command, script.environment, answering)

    def _ours(self, place: _Place) -> None:
        ours = Ours(self._folder / plan.OURS, self._config(place.names), place.environment)
        joining = f"b{self._run.size + 1}"
        for step in self._run.steps:
            names = [*place.names, joining] if step == plan.ADD else place.names
            if step == plan.ADD:
                cluster.start([joining])
                wait_for_calm()
            if step in _AFTER_CLUSTERS_JOINED:
                wait_for_calm(_JOINED_SECONDS)
            config = self._config(names)
            if step in _CHANGED:
                config = settings.with_changed_value(config, place.names[-1])
            ours.configure(config)
            answering = names if step in (plan.UP, plan.ADD) else []
            self._step(step, ours.command(step), ours.environment, answering, ours)

    def _config(self, names: Sequence[str]) -> dict[str, Any]:
        config = _config(names)
        if self._run.way == plan.AMBIENT:
            return settings.ambient(config, cluster.gateway_api_manifest())
        return config

    def _step(
        self,
        step: str,
        command: Sequence[str],
        variables: Mapping[str, str],
        answering: Sequence[str],
        ours: Ours | None = None,
    ) -> None:
        """Measure a step, and how long it takes from then on until all of `answering` have answered all."""
        clusters = [there.layout.cgroup for there in cluster.find().values()]
        measured = measure(
            command,
            environment=variables,
            folder=CHECKOUT,
            log=state_dir() / "logs" / "bench.log",
            clusters=clusters,
        )
        end = time.monotonic()
        if answering:
            require_answers(answering, variables)
        resources, state_bytes = ours.state() if ours else (None, None)
        record = records.Record(
            way=self._run.way,
            size=self._run.size,
            repetition=self._run.repetition,
            step=step,
            resources=resources,
            state_bytes=state_bytes,
            answered=round(time.monotonic() - end, 3) if answering else None,
            node_memory=sum(map(memory_of, clusters)) // len(clusters) if answering else None,
            **asdict(measured),
        )
        records.append(self._data, record)
        print(f"    {step}: {record.wall:.1f} s{_proof(record)}", flush=True)


def _proof(record: records.Record) -> str:
    if record.answered is None or record.node_memory is None:
        return ""
    return f", all answered {record.answered:.1f} s later, {record.node_memory / 1e6:.0f} MB a cluster"


def _config(names: Sequence[str]) -> dict[str, Any]:
    return settings.stack_config(
        CHECKOUT / "Pulumi.dev.yaml",
        names,
        kubeconfig=cluster.merged_kubeconfig(),
        repository=cluster.chart_repository(),
    )
