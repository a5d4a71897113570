"""The picture in docs/benchmarks: what grows with the number of clusters, for each layout of links."""

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib import rcParams
from matplotlib.figure import Figure

from benchmarks.scale.report import Row, latest

_LAYOUTS = {
    "pair": ("Secret for each pair", "C0"),
    "keys": ("one Secret in each cluster", "C2"),
}
_PANELS: Sequence[tuple[str, str, Callable[[Row], float]]] = (
    ("preview without change, CPU s", "preview", lambda row: row["cpu"]["engine"] + row["cpu"]["program"]),
    ("first up, CPU s", "first up", lambda row: row["cpu"]["engine"] + row["cpu"]["program"]),
    ("memory of a preview, MiB", "preview", lambda row: row["peak"]),
    ("state, MiB", "first up", lambda row: row["state"] / 2**20),
)


def draw(rows: Sequence[Row], file: Path) -> None:
    """Draw the picture; the same data give the same bytes."""
    found = latest(rows)
    rcParams.update({"svg.hashsalt": "istio-mesh", "svg.fonttype": "none", "font.size": 9})
    figure = Figure(figsize=(12, 3), layout="constrained")
    axes = figure.subplots(1, len(_PANELS))
    for axis, (title, step, value) in zip(axes, _PANELS, strict=True):
        for layout, (label, colour) in _LAYOUTS.items():
            points = sorted(
                (size, value(row))
                for (size, of, checkpoints, what), row in found.items()
                if (of, checkpoints, what) == (layout, False, step)
            )
            axis.plot(*zip(*points, strict=True), color=colour, marker="o", label=label)
        axis.set_title(title)
        axis.set_xlabel("clusters")
        axis.set_ylim(bottom=0)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(file, format="svg", metadata={"Date": None})
