"""Medians, ratios and goals as Markdown tables, which read well in a terminal, too. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import linear_regression, median

from benchmarks.mesh import plan
from benchmarks.mesh.records import Data, Record

MEGABYTE = 1e6
_LARGEST = 8
"""The size that the goals speak of."""

Value = Callable[[Record], float]
MEASURES: Mapping[str, Value] = {
    "wall": lambda record: record.wall,
    "cpu": lambda record: record.cpu,
    "clusters": lambda record: record.clusters_cpu,
    "work": lambda record: record.cpu + record.clusters_cpu,
    "others": lambda record: record.machine_cpu - record.cpu - record.clusters_cpu,
    "machine": lambda record: record.machine_cpu,
    "memory": lambda record: record.memory / MEGABYTE,
    "resources": lambda record: record.resources or 0,
    "state": lambda record: (record.state_bytes or 0) / 1e3,
}


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What shall be, what is (None where it was not measured), and the most that is allowed."""

    text: str
    value: float | None
    most: float
    unit: str = ""

    @property
    def verdict(self) -> str:
        """Whether it is met."""
        if self.value is None:
            return "not measured"
        return "met" if self.value <= self.most else "not met"


class Medians:
    """Medians over the repetitions, by way, size and step; None where nothing was measured."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = tuple(records)

    @property
    def sizes(self) -> list[int]:
        """The numbers of clusters that were measured, in order."""
        return sorted({record.size for record in self._records})

    def of(self, way: str, size: int, step: str = plan.UP, value: Value = MEASURES["wall"]) -> float | None:
        """The median of a measure."""
        found = [value(r) for r in self._records if (r.way, r.size, r.step) == (way, size, step)]
        return median(found) if found else None

    def kinds(self, accounts: Callable[[Record], Mapping[str, float]]) -> list[str]:
        """The kinds of processes in an account of our first `up`, the largest first."""
        most: dict[str, float] = {}
        for record in self._records:
            if (record.way, record.step) == (plan.OURS, plan.UP):
                for kind, amount in accounts(record).items():
                    most[kind] = max(amount, most.get(kind, 0))
        return sorted(most, key=lambda kind: -most[kind])

    def per_cluster(self, value: Value) -> float | None:
        """By how much a measure of our first `up` grows with each cluster: the slope of a straight line."""
        points = [(size, self.of(plan.OURS, size, plan.UP, value)) for size in self.sizes]
        known = [(size, amount) for size, amount in points if amount is not None]
        if len(known) < 2:
            return None
        return linear_regression([size for size, _ in known], [amount for _, amount in known]).slope


def ratio(above: float | None, below: float | None) -> float | None:
    """A quotient, where both are known."""
    return above / below if above is not None and below else None


def net_of_cores(medians: Medians, size: int, cores: int) -> float | None:
    """Our first `up` at `size` against that at 1, without what the cores could not run at once.

    The CPU time of the further clusters, and of Pulumi for them, divided by the cores, is time in which they
    stood in line for a core, however parallel the program is; it is taken off the wall time.
    """
    wall, one = medians.of(plan.OURS, size), medians.of(plan.OURS, 1)
    work = medians.of(plan.OURS, size, value=MEASURES["work"])
    work_of_one = medians.of(plan.OURS, 1, value=MEASURES["work"])
    if wall is None or one is None or work is None or work_of_one is None:
        return None
    return (wall - (work - work_of_one) / cores) / one


def goals(data: Data) -> list[Goal]:
    """The goals, with what was measured."""
    medians = Medians(data.records)
    largest = {way: medians.of(way, _LARGEST) for way in plan.WAYS}
    previews = [medians.of(plan.OURS, size, plan.PREVIEW) for size in (_LARGEST, 1)]
    return [
        Goal(
            text=f"first up, N={_LARGEST}: ours / serial",
            value=ratio(largest[plan.OURS], largest[plan.SERIAL]),
            most=0.35,
        ),
        *(
            Goal(
                text=f"first up, N={size}: ours / parallel",
                value=ratio(medians.of(plan.OURS, size), medians.of(plan.PARALLEL, size)),
                most=1,
            )
            for size in medians.sizes
        ),
        Goal(
            text=f"first up: N={_LARGEST} / N=1, net of what the cores cannot run at once",
            value=net_of_cores(medians, _LARGEST, int(data.facts.get("cores", 1))),
            most=2,
        ),
        Goal(
            text="first up, N=1: ours / limit",
            value=ratio(medians.of(plan.OURS, 1), medians.of(plan.LIMIT, 1)),
            most=1.1,
        ),
        Goal(text=f"preview with no change: N={_LARGEST} / N=1", value=ratio(*previews), most=2),
        Goal(
            text=f"up with no change / preview, N={_LARGEST}",
            value=ratio(medians.of(plan.OURS, _LARGEST, plan.AGAIN), previews[0]),
            most=1.2,
        ),
        Goal(
            text="memory for each further cluster",
            value=medians.per_cluster(MEASURES["memory"]),
            most=130,
            unit=" MB",
        ),
    ]


def text(data: Data) -> str:
    """All tables."""
    medians = Medians(data.records)
    parts = [
        ("Goals", _goals(data)),
        ("First up, seconds", _ways(medians)),
        ("Ratios of the first up", _ratios(medians, int(data.facts.get("cores", 1)))),
        ("Ours, seconds", _steps(medians, MEASURES["wall"])),
        ("Ours, CPU seconds of Pulumi and all that it starts", _steps(medians, MEASURES["cpu"])),
        ("Ours, CPU seconds of the clusters meanwhile", _steps(medians, MEASURES["clusters"])),
        ("Ours, peak memory in MB", _steps(medians, MEASURES["memory"])),
        ("First up, CPU seconds by process", _by_kind(medians, lambda record: record.cpu_by_kind)),
        ("First up, peak memory in MB by process", _by_kind(medians, _megabytes)),
        ("After the first up", _size_of_it(medians)),
    ]
    return "\n\n".join(f"### {title}\n\n{content}" for title, content in parts)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with columns of one width, numbers to the right."""
    cells = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = (
        "| "
        + " | ".join(
            [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
        )
        for row in (cells[0], rule, *cells[1:])
    )
    return "\n".join(f"{line} |" for line in lines)


def number(value: float | None) -> str:
    """Three digits that count, or a dash where there is no value."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _goals(data: Data) -> str:
    rows = [
        (goal.text, number(goal.value) + goal.unit, f"≤ {goal.most:g}{goal.unit}", goal.verdict)
        for goal in goals(data)
    ]
    return markdown(["goal", "measured", "allowed", ""], rows)


def _by_size(medians: Medians) -> list[str]:
    return [f"N={size}" for size in medians.sizes]


def _ways(medians: Medians) -> str:
    rows = [(way, *(number(medians.of(way, size)) for size in medians.sizes)) for way in plan.WAYS]
    return markdown(["way", *_by_size(medians)], rows)


def _ratios(medians: Medians, cores: int) -> str:
    def row(name: str, value: Callable[[int], float | None]) -> Sequence[str]:
        return (name, *(number(value(size)) for size in medians.sizes))

    def ours(size: int) -> float | None:
        return medians.of(plan.OURS, size)

    def busy(size: int) -> float | None:
        seconds = medians.of(plan.OURS, size, value=MEASURES["machine"])
        return None if seconds is None else ratio(seconds / cores, ours(size))

    def others(size: int) -> float | None:
        return medians.of(plan.OURS, size, value=MEASURES["others"])

    rows = [
        row("ours / serial", lambda size: ratio(ours(size), medians.of(plan.SERIAL, size))),
        row("ours / parallel", lambda size: ratio(ours(size), medians.of(plan.PARALLEL, size))),
        row("ours / limit at N=1", lambda size: ratio(ours(size), medians.of(plan.LIMIT, 1))),
        row("ours / ours at N=1", lambda size: ratio(ours(size), ours(1))),
        row("the same, net of what the cores cannot run at once", lambda n: net_of_cores(medians, n, cores)),
        row("share of the cores that was busy", busy),
        row("CPU seconds of anything else on the machine", others),
    ]
    return markdown(["", *_by_size(medians)], rows)


def _steps(medians: Medians, value: Value) -> str:
    rows = [
        (step, *(number(medians.of(plan.OURS, size, step, value)) for size in medians.sizes))
        for step in plan.OUR_STEPS
    ]
    return markdown(["step", *_by_size(medians)], rows)


def _megabytes(record: Record) -> Mapping[str, float]:
    return {kind: size / MEGABYTE for kind, size in record.memory_by_kind.items()}


def _by_kind(medians: Medians, accounts: Callable[[Record], Mapping[str, float]]) -> str:
    rows = []
    for kind in medians.kinds(accounts):

        def value(record: Record, kind: str = kind) -> float:
            return accounts(record).get(kind, 0)

        amounts = (number(medians.of(plan.OURS, size, plan.UP, value)) for size in medians.sizes)
        rows.append((kind, *amounts, number(medians.per_cluster(value))))
    return markdown(["process", *_by_size(medians), "each further cluster"], rows)


def _size_of_it(medians: Medians) -> str:
    rows = [
        (name, *(number(medians.of(plan.OURS, n, plan.UP, MEASURES[measure])) for n in medians.sizes))
        for name, measure in (("resources", "resources"), ("state in kB", "state"))
    ]
    return markdown(["", *_by_size(medians)], rows)
