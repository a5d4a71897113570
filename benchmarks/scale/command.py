"""`python -m benchmarks scale`: measure, or show what has been measured."""

import argparse
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from benchmarks.scale import inputs, plot, records, report
from benchmarks.scale.layouts import LAYOUTS
from benchmarks.scale.stack import Run, Stack, provider
from benchmarks.scale.state import State, others, touched
from sandbox.paths import CHECKOUT
from sandbox.plugins import launchers, official

Row = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Run the command; 1 where a change has touched what is none of its business."""
    options = _parser().parse_args(arguments)
    if options.report:
        print(report.tables(records.read()))
        return 0
    if options.plot:
        rows = records.read()
        records.FILE.with_suffix(".md").write_text(report.page(rows), encoding="utf-8")
        plot.draw(rows, records.FILE.with_suffix(".svg"))
        return 0
    common = {
        "run": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": {name: version(name) for name in ("pulumi", "pulumi-kubernetes")},
        "plugins": "providers from memory, language host: " + _language_host(),
        "note": options.note,
    }
    stray = False
    for layout in options.layouts:
        for size in options.sizes:
            for row in _measure(size, layout, checkpoints=options.checkpoints, steps=options.steps):
                records.append({**common, **row})
                print(report.line(row), flush=True)
                stray = stray or bool(row["elsewhere"])
    if stray:
        print("a change has touched more than its cluster and its links", file=sys.stderr)
    return int(stray)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=[10, 50, 100], help="clusters, such as 10,50,100")
    parser.add_argument("--layouts", type=lambda text: text.split(","), default=["pair"], help=str(LAYOUTS))
    parser.add_argument(
        "--steps", choices=("all", "first", "changes"), default="all", help="what is measured"
    )
    parser.add_argument("--checkpoints", action="store_true", help="write the state at every step")
    parser.add_argument("--note", default="", help="kept beside the numbers")
    parser.add_argument("--report", action="store_true", help="print a table of all that has been measured")
    parser.add_argument("--plot", action="store_true", help="write page and picture in docs/benchmarks")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"{psutil.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"


def _language_host() -> str:
    launcher = official.path(CHECKOUT / ".sandbox" / "bin", "language-python")
    return "a stand-in" if launchers.is_launcher(launcher) else "official"


def _measure(size: int, layout: str, *, checkpoints: bool, steps: str) -> Iterator[Row]:
    """One stack from its first preview on; each run of the CLI gives a row."""
    with tempfile.TemporaryDirectory() as folder, provider() as (port, pid):
        stack = Stack(Path(folder), layout=layout, checkpoints=checkpoints, port=port, provider=pid)
        names = inputs.names(size)
        config = inputs.config(names, str(stack.kubeconfig))
        stack.configure(config)
        base = {"size": size, "layout": layout, "checkpoints": checkpoints}
        if steps != "changes":
            yield _row(base, "first preview", stack.preview())
        up = stack.up()
        before = stack.state()
        yield _row(base, "first up", up, after=before)
        yield _row(base, "preview", stack.preview())
        if steps == "first":
            return
        new, some = f"c{size + 1:03}", names[len(names) // 2]
        for change, cluster in (
            (inputs.GATEWAY, some),
            (inputs.API_SERVER, some),
            (inputs.TOKEN, some),
            (inputs.ADD, new),
            (inputs.REMOVE, new),
        ):
            config = inputs.changed(config, change, cluster)
            stack.configure(config)
            yield _row(base, f"preview: {change.name}", stack.preview())
            up = stack.up()
            after = stack.state()
            yield _row(base, f"up: {change.name}", up, before=before, after=after, cluster=cluster)
            before = after


def _row(
    base: Row,
    step: str,
    run: Run,
    *,
    before: State | None = None,
    after: State | None = None,
    cluster: str = "",
) -> Row:
    urns = touched(before, after) if before and after else []
    return {
        **base,
        "step": step,
        **asdict(run.usage),
        "changes": dict(run.changes),
        "resources": len(after.resources) if after else None,
        "state": after.size if after else None,
        "touched": _by_type(urns),
        "elsewhere": others(urns, cluster)[:20],
    }


def _by_type(urns: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for urn in urns:
        kind = urn.split("::")[2].rpartition("$")[2]
        found[kind] = found.get(kind, 0) + 1
    return found
