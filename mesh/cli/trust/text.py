"""The report for people and for programs. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from pydantic.alias_generators import to_camel

from mesh.cli.trust.model import CertificateRow, Report


def table(report: Report) -> str:
    """The certificates, the tokens, the proxies where they were asked, and what differs."""
    return "\n".join(
        [
            f"stack {report.stack}, " + (f"root rotation at {report.phase}" if report.phase else "one root"),
            "",
            *(line for row in report.certificates for line in _certificate(row)),
            *_columns(
                ("TOKEN OF", "GENERATION", "DAYS OLD", "READ WITH BY"),
                [
                    (t.cluster, str(t.generation), str(t.age_days), ", ".join(t.used_by) or "nobody")
                    for t in report.tokens
                ],
            ),
            *_columns(
                ("CLUSTER", "PROXIES", "INTERMEDIATE", "ROOT"),
                [(w.cluster, str(w.proxies), w.intermediate, w.root) for w in report.workloads],
            ),
            *(f"differs: {finding}" for finding in report.findings),
            "" if report.findings else "what runs is what the stack says",
        ]
    ).rstrip()


def _certificate(row: CertificateRow) -> Iterator[str]:
    yield f"{row.what}: {row.days_left} days left, until {row.ends:%Y-%m-%d %H:%M} UTC"
    yield f"  subject      {row.subject}"
    yield f"  issuer       {row.issuer}"
    yield f"  fingerprint  {row.fingerprint}"
    yield f"  serial       {row.serial}"
    yield f"  used         {'; '.join(row.used) or 'nowhere'}"
    yield ""


def _columns(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    widths = [max(len(row[i]) for row in (heading, *rows)) for i in range(len(heading))]
    for row in (heading, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""


def document(report: Report) -> str:
    """The report as JSON: keys in camelCase, times in RFC 3339."""

    def pairs(items: Sequence[tuple[str, object]]) -> dict[str, object]:
        return {to_camel(key): value for key, value in items}

    return json.dumps(asdict(report, dict_factory=pairs), default=lambda time: time.isoformat(), indent=2)
