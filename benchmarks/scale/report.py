"""Measurements as text. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

KINDS = ("engine", "program", "language host", "provider")
Row = Mapping[str, Any]


def line(row: Row) -> str:
    """One measurement in a line."""
    cpu = " ".join(f"{kind} {row['cpu'].get(kind, 0):.1f}" for kind in KINDS)
    size = f" {row['resources']} resources, {row['state'] / 2**20:.1f} MiB" if row["resources"] else ""
    kept = "" if row["checkpoints"] else ", no checkpoints"
    elsewhere = f" ELSEWHERE {row['elsewhere']}" if row["elsewhere"] else ""
    return (
        f"{row['size']:>4} {row['layout']}{kept}: {row['step']}: {row['seconds']:.1f} s; CPU {cpu}; "
        f"{row['peak']:.0f} MiB;{size} changes {row['changes']} touched {row['touched']}{elsewhere}"
    )


def table(rows: Iterable[Row]) -> str:
    """All measurements, a line each."""
    return "\n".join(line(row) for row in rows)
