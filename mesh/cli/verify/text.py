"""A report for people and for programs. Pure."""

import json
from collections.abc import Iterator

from mesh.cli.verify.model import PairResult, Report


def table(report: Report) -> str:
    """A line for each pair, then what was found, each with its hint, then the verdict."""
    rows = [("FROM", "TO", "ANSWERS", "RESULT")]
    for result in report.results:
        verdict = "ok" if result.passed else result.findings[0].reason
        rows.append((result.pair.caller, result.pair.target, f"{result.answers}/{result.calls}", verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]
    return "\n".join([*lines, *_found(report), "", *_verdict(report)])


def _found(report: Report) -> Iterator[str]:
    """Each finding once, with all the pairs that suffer from it."""
    pairs: dict[tuple[str, str, str, str], list[PairResult]] = {}
    for result in report.results:
        for finding in result.findings:
            key = (finding.reason, finding.cluster, finding.message, finding.hint)
            pairs.setdefault(key, []).append(result)
    for (reason, cluster, message, hint), results in pairs.items():
        names = ", ".join(f"{result.pair.caller} → {result.pair.target}" for result in results)
        yield from ("", f"{reason} in {cluster} ({names})", f"  {message}", f"  hint: {hint}")


def _verdict(report: Report) -> Iterator[str]:
    failed = sum(not result.passed for result in report.results)
    if failed:
        yield f"{failed} of {len(report.results)} pairs failed ({report.seconds:.1f} s)"
    else:
        yield f"all {len(report.results)} pairs passed ({report.seconds:.1f} s)"
    if report.without_sample:
        names = ", ".join(report.without_sample)
        yield f"not verified, because HelloWorld is off there: {names}; {turn_on(report.without_sample[0])}"


def turn_on(cluster: str | None = None) -> str:
    """How HelloWorld is turned on, in all clusters or in one."""
    path = f"clusters.{cluster}.helloWorld" if cluster else "helloWorld.enabled"
    return f"turn it on: pulumi config set --path '{path}' true && pulumi up"


def document(report: Report) -> str:
    """The report as JSON; `findings` has the most likely reason first."""
    return json.dumps(
        {
            "stack": report.stack,
            "passed": report.passed,
            "seconds": round(report.seconds, 1),
            "pairs": [_pair(result) for result in report.results],
            "notVerified": list(report.without_sample),
        },
        indent=2,
    )


def _pair(result: PairResult) -> dict[str, object]:
    return {
        "from": result.pair.caller,
        "to": result.pair.target,
        "passed": result.passed,
        "answers": result.answers,
        "calls": result.calls,
        "findings": [
            {"reason": f.reason, "cluster": f.cluster, "message": f.message, "hint": f.hint}
            for f in result.findings
        ],
    }
