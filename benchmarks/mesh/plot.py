"""`python -m benchmarks plot`: the kept results as a picture and a page in docs/benchmarks."""

import argparse
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.mesh import facts, plan, records, table
from benchmarks.mesh.records import Data, Record

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
_COLOURS = {plan.OURS: "C0", plan.SERIAL: "C3", plan.PARALLEL: "C1", plan.LIMIT: "C7"}
_PAGE = """\
# Benchmarks on clusters

How long this program takes to build a mesh, compared with Istio's documented way.

<!-- Written by `python -m benchmarks plot`. Do not edit; see benchmarks/README.md. -->

![First up against the documented way, our steps, CPU time and memory](mesh.svg)

{caption}

{repetitions}. Data: [mesh.jsonl](mesh.jsonl).

- [benchmarks/README.md](../../benchmarks/README.md) explains how this is measured and how to read it.
- [Where the time goes](../performance.md#where-the-time-goes) explains the goals that are not met.

{tables}
"""


def main(arguments: Sequence[str]) -> int:
    """Draw; 1 with a message where there is nothing to draw from."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks plot", description=__doc__)
    parser.add_argument("--data", type=Path, help="results to keep from now on, instead of those there are")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write (docs/benchmarks)")
    options = parser.parse_args(arguments)
    data = records.read(options.data or options.folder / "mesh.jsonl")
    if not data.records:
        print("error: no results; measure first: python -m benchmarks mesh", file=sys.stderr)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "mesh.jsonl").write_text(records.written(data), encoding="utf-8")
    (options.folder / "README.md").write_text(page(data), encoding="utf-8")
    draw(data, options.folder / "mesh.svg")
    return 0


def page(data: Data) -> str:
    """The page beside the picture. Pure."""
    fewest = min(Counter((r.way, r.size, r.step) for r in data.records).values())
    repetitions = "Each was measured once" if fewest == 1 else f"Medians of at least {fewest} measurements"
    return _PAGE.format(
        caption=facts.caption(dict(data.facts)), repetitions=repetitions, tables=table.text(data)
    )


def draw(data: Data, file: Path) -> None:
    """Draw the picture; the same data give the same bytes."""
    rcParams.update({"svg.hashsalt": "istio-mesh", "svg.fonttype": "none", "font.size": 9})
    figure = Figure(figsize=(11, 8), layout="constrained")
    (ways, steps), (processes, memory) = figure.subplots(2, 2)
    medians = table.Medians(data.records)
    _draw_ways(ways, data.records, medians)
    _draw_steps(steps, medians)
    _draw_stack(processes, medians, "first up, CPU seconds", _cpu)
    _draw_stack(memory, medians, "first up, peak memory in MB", _memory)
    for axes in (ways, steps, processes, memory):
        axes.set_xlabel("clusters")
        axes.set_xticks(medians.sizes)
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, loc="upper left", fontsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(_wrapped(facts.caption(dict(data.facts))), fontsize=7)
    figure.savefig(file, metadata={"Date": None, "Creator": None})


def _draw_ways(axes: Axes, measured: Sequence[Record], medians: table.Medians) -> None:
    axes.set_title("first up, seconds: each measurement, and medians")
    for way, colour in _COLOURS.items():
        points = [(r.size, r.wall) for r in measured if (r.way, r.step) == (way, plan.UP)]
        line = [(n, wall) for n in medians.sizes if (wall := medians.of(way, n)) is not None]
        if points:
            axes.scatter(*zip(*points, strict=True), color=colour, s=9)
            axes.plot(*zip(*line, strict=True), color=colour, label=way)
        if points and len(line) == 1:
            axes.axhline(line[0][1], color=colour, linestyle=":", linewidth=1)


def _draw_steps(axes: Axes, medians: table.Medians) -> None:
    axes.set_title("ours, seconds")
    for number, step in enumerate(plan.OUR_STEPS):
        line = [(n, medians.of(plan.OURS, n, step)) for n in medians.sizes]
        known = [(size, wall) for size, wall in line if wall is not None]
        if known:
            axes.plot(*zip(*known, strict=True), color=f"C{number}", marker=".", label=step)


def _draw_stack(
    axes: Axes, medians: table.Medians, title: str, accounts: Callable[[Record], Mapping[str, float]]
) -> None:
    """Areas on top of each other: the largest kinds of processes, and all others as one."""
    axes.set_title(title)
    sizes = [size for size in medians.sizes if medians.of(plan.OURS, size) is not None]
    if not sizes:
        return
    layers = {
        kind: [medians.of(plan.OURS, n, plan.UP, lambda r, k=kind: accounts(r).get(k, 0)) or 0 for n in sizes]
        for kind in medians.kinds(accounts)
    }
    axes.stackplot(sizes, *layers.values(), labels=list(layers), alpha=0.8)


def _cpu(record: Record) -> dict[str, float]:
    return {"the clusters": record.clusters_cpu, **record.cpu_by_kind}


def _memory(record: Record) -> dict[str, float]:
    return {kind: size / table.MEGABYTE for kind, size in record.memory_by_kind.items()}


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 170))
