"""`python -m mesh validate`: all that can be known of a stack without its clusters."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import BaseModel, ConfigDict, computed_field
from pydantic.alias_generators import to_camel

from mesh.cli import stack as stacks
from mesh.cli.output import OutputFormat, print_report
from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig
from mesh.config.secrets import Secrets
from mesh.health.finding import Severity
from mesh.load import Loaded
from mesh.preflight import charts, encryption
from mesh.rules import data_plane, expiry, revocation, versions
from mesh.stack_file import settings, stack_file
from mesh.stacks import split

_BETWEEN_STACKS = frozenset({"mesh", "trust", "clusters", "peers"})


class ValidationFinding(BaseModel):
    """One thing that is wrong or doubtful; `path` is in the stack file of `stack`."""

    model_config = ConfigDict(frozen=True)

    severity: Severity
    stack: str
    path: str
    message: str

    @classmethod
    def of(cls, severity: Severity, stack: str, problem: Problem) -> "ValidationFinding":
        """A problem of a stack as a finding."""
        return cls(severity=severity, stack=stack, path=problem.path, message=problem.message)


class ValidationReport(BaseModel):
    """All findings, those of each stack together and its errors first."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)

    stacks: tuple[str, ...]
    findings: tuple[ValidationFinding, ...]

    @computed_field
    @property
    def passed(self) -> bool:
        """Whether there is no error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)


def validate(
    *,
    stack: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Stack to validate; by default the selected one. Repeat it for each stack of a split mesh.",
        ),
    ] = None,
    output: Annotated[OutputFormat, typer.Option(help="Form of the report.")] = OutputFormat.TABLE,
) -> None:
    """Say all that is wrong with a stack, without its clusters.

    Checks the configuration, the certificates and keys in it, what the charts come to, the secrets provider,
    and the versions of Istio. Asks no cluster.

    Exit code: 0 if there is no error, 1 if there is one, 2 if the command could not run.
    """
    work = stacks.workspace()
    names = tuple(dict.fromkeys(stack or [stacks.selected(work, None)]))
    loaded = {name: stacks.loaded(work, name) for name in names}
    findings = _findings(f"{work.project_settings().name}:", loaded)
    report = ValidationReport(stacks=names, findings=tuple(findings))
    print_report(report, table(report), output, _secrets(loaded))
    raise typer.Exit(0 if report.passed else 1)


def _findings(prefix: str, loaded: Mapping[str, Loaded]) -> Iterator[ValidationFinding]:
    comparable = {name: one.config for name, one in loaded.items() if not one.invalid & _BETWEEN_STACKS}
    for name, one in loaded.items():
        errors, warnings = _charts(prefix, one)
        errors = [
            *encryption.problems(settings(stack_file(name))),
            *one.problems,
            *errors,
            *(_prefixed(prefix, split.problems(name, comparable)) if name in comparable else ()),
        ]
        warnings = [
            *warnings,
            *_prefixed(prefix, _versions(name, loaded)),
            *_prefixed(prefix, data_plane.warnings(one.config)),
            *_prefixed(prefix, expiry.warnings(one.config, datetime.now(UTC))),
            *_prefixed(prefix, revocation.warnings(one.config, datetime.now(UTC))),
            *(_prefixed(prefix, split.warnings(name, comparable)) if name in comparable else ()),
        ]
        for severity, problems in ((Severity.ERROR, errors), (Severity.WARNING, warnings)):
            for problem in dict.fromkeys(problems):
                yield ValidationFinding.of(severity, name, problem)


def _charts(prefix: str, loaded: Loaded) -> tuple[list[Problem], list[Problem]]:
    """What is wrong with what the charts come to, and that it is not known."""
    if "istio" in loaded.invalid:
        unknown = "is invalid, so versions, and what the charts come to, are not checked"
        return [], [Problem(path=f"{prefix}istio", message=unknown)]
    found, unavailable = charts.checked(loaded.config)
    refused = [problem.path for problem in loaded.problems]  # of which the charts have nothing to add
    new = [p for p in _prefixed(prefix, found) if not any(_is_at(path, p.path) for path in refused)]
    return new, [Problem(path=f"{prefix}istio", message=unavailable)] if unavailable else []


def _is_at(path: str, place: str) -> bool:
    """Whether a path is a place in the stack file, or below it."""
    return path == place or path.startswith((f"{place}.", f"{place}["))


def _versions(name: str, loaded: Mapping[str, Loaded]) -> Iterator[Problem]:
    if "istio" in loaded[name].invalid:
        return
    others: dict[str, ClusterConfig] = {}
    for other, theirs in loaded.items():
        if other != name and "istio" not in theirs.invalid:
            others |= theirs.config.online
    yield from versions.warnings(loaded[name].config, others)


def _prefixed(prefix: str, problems: Iterator[Problem] | Sequence[Problem]) -> list[Problem]:
    return [Problem(path=prefix + problem.path, message=problem.message) for problem in problems]


def _secrets(loaded: Mapping[str, Loaded]) -> Secrets:
    """Those of all stacks."""
    return Secrets(texts=frozenset(text for one in loaded.values() for text in one.config.secrets.texts))


def table(report: ValidationReport) -> str:
    """Each finding with its path and its message, then their number."""
    lines: list[str] = []
    for finding in report.findings:
        of_stack = f" ({finding.stack})" if len(report.stacks) > 1 else ""
        lines += [f"{finding.severity}: {finding.path}{of_stack}", f"  {finding.message}", ""]
    return "\n".join([*lines, _summary(report)])


def _summary(report: ValidationReport) -> str:
    names = ", ".join(report.stacks)
    stacks_word = "stacks" if len(report.stacks) > 1 else "stack"
    errors = sum(finding.severity is Severity.ERROR for finding in report.findings)
    warnings = len(report.findings) - errors
    return f"{stacks_word} {names}: {_number(errors, 'error')}, {_number(warnings, 'warning')}"


def _number(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"
