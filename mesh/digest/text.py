"""The digest for a terminal. Pure."""

from collections.abc import Iterator

from mesh.digest.layout import SIGNS, Section, diff, line, rest, sections, summary
from mesh.digest.report import PreviewReport

_LINES_SHOWN = 30
"""Of one resource; the rest is in the other forms."""


def text(report: PreviewReport) -> str:
    """What changes, the dangerous first, and a few lines of each difference."""
    return "\n".join(_lines(report))


def _lines(report: PreviewReport) -> Iterator[str]:
    yield summary(report)
    if report.dangers:
        yield ""
        width = max(len(danger.kind) for danger in report.dangers)
        yield from (f"  ! {danger.kind.ljust(width)}  {danger.message}" for danger in report.dangers)
    for section in sections(report):
        yield from _section(section)
    yield ""
    yield from rest(report)


def _section(section: Section) -> Iterator[str]:
    yield ""
    yield section.heading
    for resource in section.shown.resources:
        yield f"  {SIGNS[resource.change]} {line(resource)}"
        lines = diff(resource)
        yield from (f"      {one}" for one in lines[:_LINES_SHOWN])
        if (more := len(lines) - _LINES_SHOWN) > 0:
            yield f"      … {more} more lines: --artifact FILE writes all"
