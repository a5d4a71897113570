"""The dashboard's panels as a picture, without Grafana: `python -m docs.panels --prometheus URL --file FILE`.

It asks a Prometheus the dashboard's own queries. It needs the packages of requirements-bench.txt.
"""

import argparse
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import requests
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from docs.dashboard import Panel, rows

_STEP_SECONDS = 2
_UNITS = {"d": "days", "cps": "per second", "ops": "per second", "reqps": "per second"}


def main(arguments: Sequence[str]) -> int:
    """Draw; 1 with a message where Prometheus cannot be asked."""
    parser = argparse.ArgumentParser(prog="python -m docs.panels", description=__doc__)
    parser.add_argument("--prometheus", required=True, metavar="URL", help="of a Prometheus of all clusters")
    parser.add_argument("--minutes", type=float, default=60, help="how far back (60)")
    parser.add_argument("--rate", default="1m", help="the dashboard's $__rate_interval (1m)")
    parser.add_argument("--file", type=Path, required=True, help="where to write the SVG")
    options = parser.parse_args(arguments)
    now = time.time()
    try:
        answers = {
            panel.title: _asked(options.prometheus, panel, now - 60 * options.minutes, now, options.rate)
            for row in rows().values()
            for panel in row
        }
    except requests.RequestException as error:
        sys.stderr.write(f"error: {options.prometheus} does not answer: {error}\n")
        return 1
    draw(answers, now, options.file)
    return 0


def _asked(url: str, panel: Panel, start: float, end: float, rate: str) -> list[Any]:
    query = panel.query.replace("$cluster", ".+").replace("$__rate_interval", rate)
    parameters = {"query": query, "start": start, "end": end, "step": _STEP_SECONDS}
    answer = requests.get(f"{url}/api/v1/query_range", params=parameters, timeout=60)
    answer.raise_for_status()
    return answer.json()["data"]["result"]


def draw(answers: Mapping[str, list[Any]], now: float, file: Path) -> None:
    """Draw the series of each panel, by its title, as Prometheus gives them."""
    rcParams.update({"svg.hashsalt": "istio-mesh", "svg.fonttype": "none", "font.size": 8})
    panels = [panel for row in rows().values() for panel in row]
    columns = len(next(iter(rows().values())))
    figure = Figure(figsize=(13, 2.8 * len(rows())), layout="constrained")
    grid: Any = figure.subplots(len(rows()), columns)
    for axes, panel in zip(grid.flat, panels, strict=True):
        _draw(axes, panel, answers[panel.title], now)
    figure.savefig(file, metadata={"Date": None, "Creator": None})


def _draw(axes: Axes, panel: Panel, series: Sequence[Any], now: float) -> None:
    axes.set_title(panel.title, loc="left", fontsize=9)
    axes.set_ylabel(_UNITS.get(panel.unit, ""))
    axes.set_xlabel("minutes")
    for number, one in enumerate(sorted(series, key=lambda one: sorted(one["metric"].items()))):
        legend = re.sub(r"{{(\w+)}}", lambda match, one=one: one["metric"].get(match[1], ""), panel.legend)
        times, values = _line(one["values"], now)
        axes.plot(times, values, label=legend, color=f"C{number}", linewidth=1.4)
        axes.fill_between(times, values, color=f"C{number}", alpha=0.1)
    axes.set_ylim(bottom=0)
    axes.margins(x=0)
    axes.legend(frameon=False, fontsize=7, loc="lower left")
    axes.spines[["top", "right"]].set_visible(False)


def _line(found: Sequence[Any], now: float) -> tuple[list[float], list[float]]:
    """Minutes and values, with a gap where Prometheus has none."""
    times: list[float] = []
    values: list[float] = []
    for at, value in found:
        minute = (float(at) - now) / 60
        if times and minute - times[-1] > 2 * _STEP_SECONDS / 60:
            times.append(times[-1])
            values.append(float("nan"))
        times.append(minute)
        values.append(float(value))
    return times, values


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
