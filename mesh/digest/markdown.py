"""The digest as Markdown, for a comment on a pull request. Pure."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mesh.digest.digest import ORDER
from mesh.digest.layout import SIGNS, Section, diff, line, rest, sections, summary
from mesh.digest.report import PreviewReport, ResourceDigest

COMMENT = 60_000
"""Characters: GitHub refuses a comment with more than 65536, and a workflow has a few of its own to add."""

_RESOURCES_SHOWN = 8
"""More than that of one kind of change, without anything to say of them, are folded."""
_OPEN_LINES = 12
"""So short a difference is not folded."""
_SPECIAL = re.compile(r"([\\*_\[\]<>#|~])")


@dataclass(frozen=True, kw_only=True)
class _Block:
    """A part of the text, and what stands in its place where all of it is too long."""

    full: str
    short: str


def markdown(report: PreviewReport, *, limit: int | None = None, artifact: str | None = None) -> str:
    """The digest; what is dangerous stands on top, and differences are folded.

    Args:
        report: the digest.
        limit: the most characters that it may have: long differences are left out until it has.
        artifact: where the whole of it can be read, if anywhere.
    """
    blocks = list(_blocks(report))
    text = _joined(block.full for block in blocks)
    if limit is None or len(text) <= limit:
        return text
    whole = f"all of it is in {artifact}" if artifact else "`--artifact FILE` writes all of it"
    note = f"\n\nThis digest is cut to fit a comment: {whole}."
    shown, size = [block.full for block in blocks], len(text) + len(note)
    for number in sorted(range(len(blocks)), key=lambda n: -len(blocks[n].full)):
        if size <= limit:
            break
        shown[number] = blocks[number].short
        size -= len(blocks[number].full) - len(blocks[number].short)
    text = _joined(shown)
    if size <= limit:
        return text + note
    cut = text[: limit - len(note)]
    return cut[: cut.rfind("\n")] + note  # a whole line is the last


def _joined(blocks: Iterator[str] | Sequence[str]) -> str:
    return "\n\n".join(block for block in blocks if block)


def _blocks(report: PreviewReport) -> Iterator[_Block]:
    yield _as_it_is(f"### Preview of {_escaped(summary(report))}")
    if report.dangers:
        dangers = (f"> - **{danger.kind}**: {_escaped(danger.message)}" for danger in report.dangers)
        yield _as_it_is("\n".join(("> [!WARNING]", *dangers)))
    for section in sections(report):
        yield from _section(section)
    yield from (_as_it_is(_escaped(text)) for text in rest(report))


def _section(section: Section) -> Iterator[_Block]:
    yield _as_it_is(f"#### {_escaped(section.heading)}")
    bare = [resource for resource in section.shown.resources if not diff(resource)]
    by_change = {change: [one for one in bare if one.change is change] for change in ORDER}
    few = [one for ones in by_change.values() if len(ones) <= _RESOURCES_SHOWN for one in ones]
    yield _as_it_is(_list(few))
    for change, ones in by_change.items():
        if len(ones) > _RESOURCES_SHOWN:
            heading = f"{len(ones)} {change}"
            yield _Block(full=_details(heading, _list(ones)), short=f"- `{SIGNS[change]}` {heading}")
    for resource in section.shown.resources:
        if lines := diff(resource):
            yield _folded(resource, lines)


def _list(resources: Sequence[ResourceDigest]) -> str:
    return "\n".join(f"- `{SIGNS[one.change]}` {_escaped(line(one))}" for one in resources)


def _folded(resource: ResourceDigest, lines: Sequence[str]) -> _Block:
    longest = max((len(run) for one in lines for run in re.findall("`+", one)), default=0)
    fence = "`" * max(3, longest + 1)
    title = f"<code>{SIGNS[resource.change]}</code> {html.escape(line(resource), quote=False)}"
    return _Block(
        full=_details(title, "\n".join((f"{fence}diff", *lines, fence)), is_open=len(lines) <= _OPEN_LINES),
        short=_details(title, f"{len(lines)} lines are left out here."),
    )


def _details(summary: str, inside: str, *, is_open: bool = False) -> str:
    return f"<details{' open' if is_open else ''}><summary>{summary}</summary>\n\n{inside}\n\n</details>"


def _as_it_is(text: str) -> _Block:
    return _Block(full=text, short=text)


def _escaped(text: str) -> str:
    """The text with nothing in it that Markdown would take for its own, but for what is between backticks."""
    parts = text.split("`")
    return "`".join(part if n % 2 else _SPECIAL.sub(r"\\\1", part) for n, part in enumerate(parts))
