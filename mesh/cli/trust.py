"""`python -m mesh trust`: report every CA certificate and reader token, and what differs from the stack."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from mesh.cli import stack as stacks
from mesh.cli.output import OutputFormat, columns, print_report
from mesh.health.certificates import AccessRow, CertificateRow, TrustReport, trust_report
from mesh.health.declared import declared_certificates
from mesh.live.trust import read_cluster_trust


def trust(
    *,
    stack: Annotated[
        str | None, typer.Option(metavar="NAME", help="Stack to report on; by default the selected one.")
    ] = None,
    output: Annotated[OutputFormat, typer.Option(help="Form of the report.")] = OutputFormat.TABLE,
    fail_within: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", help="Exit with 1 if a certificate or token has fewer days left than this."
        ),
    ] = None,
    workloads: Annotated[
        bool,
        typer.Option(
            "--workloads", help="Ask every proxy and ztunnel for the issuer of its certificates, too."
        ),
    ] = False,
) -> None:
    """Report CA certificates and reader tokens.

    Says when they expire, where they are used, and where the clusters differ from the stack.

    Exit code: 0 if the clusters match the stack, 1 if something differs, expires within --fail-within, or,
    with --workloads, keeps a root rotation from its next phase, 2 if the command could not run.
    """
    work = stacks.workspace()
    name = stacks.selected(work, stack)
    config = stacks.configuration(work, name)
    declared = declared_certificates(config, stacks.state(name))
    clusters = read_cluster_trust(config, workloads=workloads)
    report = trust_report(name, config, declared, clusters, datetime.now(UTC))
    print_report(report, table(report), output, config.secrets)
    expiring = report.expiring_within(fail_within) if fail_within is not None else ()
    for row in expiring:
        print(f"{_what(row)} has {row.days_left} days left", file=sys.stderr)
    if config.offline:
        names = ", ".join(config.offline)
        print(f"not read, because they are offline in the stack file: {names}", file=sys.stderr)
    raise typer.Exit(1 if expiring or report.findings or report.waiting else 0)


def table(report: TrustReport) -> str:
    """The certificates, the tokens, the proxies where they were asked, what is late, and what differs."""
    sections = [
        [
            f"stack {report.stack}, "
            + (f"root rotation in phase {report.phase}" if report.phase else "one root")
        ],
        *([*_certificate(row)] for row in report.certificates),
        [
            f"revoked: {row.serial}, known to workloads of {', '.join(row.clusters) or 'no cluster'}"
            for row in report.revoked
        ],
        list(
            columns(
                ("TOKEN OF", "GENERATION", "DAYS OLD", "USED BY"),
                [
                    (t.cluster, str(t.generation), str(t.age_days), ", ".join(t.used_by) or "none")
                    for t in report.tokens
                ],
            )
        ),
        [
            f"{_what(row)}: {row.days_left} days left, expires {row.expires:%Y-%m-%d %H:%M} UTC"
            for row in report.access
        ],
        list(
            columns(
                ("CLUSTER", "PROXIES", "INTERMEDIATE", "ROOT"),
                [(w.cluster, str(w.proxies), w.intermediate, w.root) for w in report.workloads],
            )
        ),
        list(
            columns(
                ("CLUSTER", "ZTUNNELS", "CERTIFICATES", "INTERMEDIATE", "ROOT"),
                [
                    (h.cluster, str(h.ztunnels), str(h.certificates), h.intermediate, h.root)
                    for h in report.ztunnels
                ],
            )
        ),
        [f"not yet: {waiting}" for waiting in report.waiting],
        [f"differs: {finding}" for finding in report.findings] or ["the clusters match the stack"],
    ]
    return "\n\n".join("\n".join(section) for section in sections if section)


def _what(row: CertificateRow | AccessRow) -> str:
    subject = f" ({row.subject})" if row.subject else ""
    of = f" by which {row.reader} reads {row.cluster}" if isinstance(row, AccessRow) else ""
    return f"{row.what}{of}{subject}"


def _certificate(row: CertificateRow) -> Iterator[str]:
    yield f"{row.what}: {row.days_left} days left, expires {row.expires:%Y-%m-%d %H:%M} UTC"
    yield f"  subject      {row.subject}"
    yield f"  issuer       {row.issuer}"
    yield f"  fingerprint  {row.fingerprint}"
    yield f"  serial       {row.serial}"
    yield f"  used         {'; '.join(row.used) or 'nowhere'}"
