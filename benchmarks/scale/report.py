"""Measurements as text: a line while they are made, a page with tables once they are there. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

KINDS = ("engine", "program", "language host", "provider")
Row = Mapping[str, Any]
Key = tuple[int, str, bool, str]

_MIB = 2**20
_PAGE = """\
# Benchmarks of program and engine alone

How time, memory and state grow with the number of clusters, for full meshes.

<!-- Written by `python -m benchmarks scale --plot`. Do not edit; see benchmarks/README.md. -->

![Time, memory and state over the number of clusters, for two layouts of links](scale.svg)

There are no clusters: providers answer from memory, so the numbers are those of the program and the engine.
{caption} Data: [scale.jsonl](scale.jsonl).

| links as | layout |
| --- | --- |
| `pair` | what the program does: a Secret for each ordered pair |
| `keys` | one Secret in each cluster, with a key for each other cluster |

- Compare CPU seconds. Wall times also show how busy the machine was.
- The state is written once, at the end, unless the table says otherwise.
- `preview` is a preview without changes.
- A change may touch only resources with the changed cluster's name. The column `elsewhere` counts all others.

{tables}
"""


def line(row: Row) -> str:
    """One measurement in a line."""
    cpu = " ".join(f"{kind} {row['cpu'].get(kind, 0):.1f}" for kind in KINDS)
    size = f" {row['resources']} resources, {row['state'] / _MIB:.1f} MiB;" if row["resources"] else ""
    written = ", every step written" if row["checkpoints"] else ""
    elsewhere = f" ELSEWHERE {row['elsewhere']}" if row["elsewhere"] else ""
    return (
        f"{row['size']:>4} {row['layout']}{written}: {row['step']}: {row['seconds']:.1f} s; CPU {cpu}; "
        f"{row['peak']:.0f} MiB;{size} changes {row['changes']} touched {row['touched']}{elsewhere}"
    )


def latest(rows: Iterable[Row]) -> dict[Key, Row]:
    """The last measurement of each kind, by size, layout, whether every step was written, and step."""
    return {(row["size"], row["layout"], row["checkpoints"], row["step"]): row for row in rows}


def page(rows: Sequence[Row]) -> str:
    """The page beside the picture."""
    return _PAGE.format(caption=caption(rows), tables=tables(rows))


def caption(rows: Sequence[Row]) -> str:
    """The machine, versions and plugins of the last measurement."""
    last = rows[-1]
    versions = ", ".join(f"{name} {number}" for name, number in last["versions"].items())
    return f"{last['machine']}; {versions}; {last['plugins']}; {last['run'][:10]}."


def tables(rows: Sequence[Row]) -> str:
    """All tables in Markdown."""
    found = latest(rows)
    return "\n\n".join([_growth(found), _changes(found), _written(found)])


def _growth(found: Mapping[Key, Row]) -> str:
    header = (
        "clusters", "links as", "resources", "state MiB", "first preview s", "first up s", "preview s",
        "its CPU s: engine", "program", "memory MiB: all", "engine", "program", "note",
    )  # fmt: skip
    body: list[list[str]] = []
    for size, layout in sorted({(k[0], k[1]) for k in found}, key=lambda k: (k[0], -ord(k[1][0]))):
        up = found.get((size, layout, False, "first up"))
        preview = found.get((size, layout, False, "preview"))
        if up and preview:
            first = found.get((size, layout, False, "first preview"))
            cpu, memory = preview["cpu"], preview["memory"]
            body.append(
                [
                    str(size),
                    layout,
                    str(up["resources"]),
                    f"{up['state'] / _MIB:.1f}",
                    _seconds(first),
                    _seconds(up),
                    _seconds(preview),
                    f"{cpu['engine']:.1f}",
                    f"{cpu['program']:.1f}",
                    f"{max(up['peak'], preview['peak']):.0f}",
                    f"{max(up['memory']['engine'], memory['engine']):.0f}",
                    f"{max(up['memory']['program'], memory['program']):.0f}",
                    preview["note"],
                ]
            )
    return "## How it grows\n\n" + _table(header, body)


def _changes(found: Mapping[Key, Row]) -> str:
    header = (
        "clusters", "links as", "state written", "change of one cluster", "preview s", "up s", "it touches",
        "elsewhere",
    )  # fmt: skip
    body = [
        [
            str(size),
            layout,
            "each step" if checkpoints else "once",
            step.removeprefix("up: "),
            _seconds(found.get((size, layout, checkpoints, step.replace("up:", "preview:")))),
            _seconds(row),
            _touched(row["touched"]),
            str(len(row["elsewhere"])),
        ]
        for (size, layout, checkpoints, step), row in found.items()
        if step.startswith("up: ")
    ]
    return "## What a change touches\n\n" + _table(header, sorted(body, key=lambda cells: int(cells[0])))


def _written(found: Mapping[Key, Row]) -> str:
    header = (
        "clusters",
        "links as",
        "first up s, every step written",
        "engine CPU s",
        "once",
        "engine CPU s",
    )
    body: list[list[str]] = []
    for (size, layout, checkpoints, step), row in sorted(found.items()):
        once = found.get((size, layout, False, "first up"))
        if step == "first up" and checkpoints and once:
            engine, engine_once = row["cpu"]["engine"], once["cpu"]["engine"]
            cells = [_seconds(row), f"{engine:.0f}", _seconds(once), f"{engine_once:.0f}"]
            body.append([str(size), layout, *cells])
    return "## What writing the state at every step costs\n\n" + _table(header, body)


def _touched(counts: Mapping[str, int]) -> str:
    named = {
        kind.rpartition(":")[2]: count for kind, count in counts.items() if kind.startswith("kubernetes:")
    }
    if sum(counts.values()) > sum(named.values()):
        return f"{sum(counts.values())} resources; {named.get('Secret', 0)} Secrets"
    return ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in sorted(named.items()))


def _seconds(row: Row | None) -> str:
    return f"{row['seconds']:.1f}" if row else ""


def _table(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
