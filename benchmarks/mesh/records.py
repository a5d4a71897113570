"""Results as lines of JSON, each written as soon as it is there: a run that is cut short loses nothing."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Record:
    """What one step of one way took and cost.

    Times are in seconds, memory is in bytes as the kernel divides shared pages (PSS), at its peak. `cpu` is
    the command's with all that it started, `cpu_by_kind` what can be told apart of it; `clusters_cpu` is that
    of the clusters, `machine_cpu` all that the machine's cores did meanwhile. `answered` is how long it took
    from then on until every cluster had been answered by all, and `node_memory` what a cluster's processes
    have then, on average.
    """

    way: str
    size: int
    repetition: int
    step: str
    wall: float
    cpu: float
    machine_cpu: float
    clusters_cpu: float
    memory: int
    cpu_by_kind: Mapping[str, float] = field(default_factory=dict)
    memory_by_kind: Mapping[str, int] = field(default_factory=dict)
    resources: int | None = None
    state_bytes: int | None = None
    answered: float | None = None
    node_memory: int | None = None

    @property
    def key(self) -> tuple[str, int, int, str]:
        """What tells it apart from all others."""
        return (self.way, self.size, self.repetition, self.step)


@dataclass(frozen=True, kw_only=True)
class Data:
    """A file of results: what they were measured on, and the records."""

    facts: Mapping[str, Any]
    records: tuple[Record, ...]


def parsed(text: str) -> Data:
    """What a file's text says. Pure.

    Of two records of the same step the later one counts: a way that was interrupted is measured again from
    its first step on. A last line that was cut short is passed over.

    Raises:
        ValueError: a line before the last is no record.
    """
    facts: dict[str, Any] = {}
    records: dict[tuple[str, int, int, str], Record] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            if "facts" in entry:
                facts = entry["facts"]
            else:
                record = Record(**entry)
                records[record.key] = record
        except (ValueError, TypeError) as error:
            if number < len(lines):
                raise ValueError(f"line {number} is no record: {error}") from error
    return Data(facts=facts, records=tuple(records.values()))


def read(file: Path) -> Data:
    """The results in a file; none where there is no file."""
    return parsed(file.read_text(encoding="utf-8")) if file.exists() else parsed("")


def begin(file: Path, facts: Mapping[str, Any]) -> None:
    """Say in the file, on a line of its own, what the records after it are measured on."""
    _append(file, {"facts": dict(facts)})


def append(file: Path, record: Record) -> None:
    """Write one record to the file, now."""
    _append(file, {key: value for key, value in asdict(record).items() if value is not None})


def written(data: Data) -> str:
    """The text of a file with these results and nothing twice. Pure."""
    entries: Iterable[Mapping[str, Any]] = (
        {"facts": dict(data.facts)},
        *({k: v for k, v in asdict(record).items() if v is not None} for record in data.records),
    )
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def _append(file: Path, entry: Mapping[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_bytes() if file.exists() else b""
    cut_short = bool(before) and not before.endswith(b"\n")
    if cut_short:  # what a killed run was writing
        file.write_bytes(before[: before.rfind(b"\n") + 1])
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(entry) + "\n")
