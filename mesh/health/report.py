"""The result of `python -m mesh check`: what passed, what failed, and what could not be checked. Pure."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, computed_field
from pydantic.alias_generators import to_camel

from mesh.health.finding import Finding, Severity


class Outcome(StrEnum):
    """What came of one check: `skipped` is not known, because something before it failed."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    SKIPPED = "skipped"


class _Row(BaseModel):
    """A part of the report; nothing in it is secret."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class CheckResult(_Row):
    """One check of one cluster, or of what `cluster` has of its `peer`."""

    subject: str
    check: str
    cluster: str
    peer: str | None = None
    outcome: Outcome
    finding: Finding | None = None


class PeerGateway(_Row):
    """How many milliseconds a cluster needs to connect to an address of a peer's gateway, where known."""

    cluster: str
    peer: str
    address: str
    connect_ms: float | None = None


class NextPhase(_Row):
    """The next step of a cluster in an upgrade by revision, and why it must wait, if so."""

    cluster: str
    step: str
    why: str | None = None

    @computed_field
    @property
    def may(self) -> bool:
        """Whether it may go on."""
        return self.why is None


class CheckReport(_Row):
    """A whole check; `offline` are the clusters that are away, and `seconds` how long it took.

    `next_phases` has the clusters that are in an upgrade by revision.
    """

    stack: str
    seconds: float
    results: tuple[CheckResult, ...]
    gateways: tuple[PeerGateway, ...] = ()
    next_phases: tuple[NextPhase, ...] = ()
    offline: tuple[str, ...] = ()

    @computed_field
    @property
    def passed(self) -> bool:
        """Whether no check failed; a warning does not count."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, each once."""
        found = (result.finding for result in self.results)
        return tuple(dict.fromkeys(finding for finding in found if finding))
