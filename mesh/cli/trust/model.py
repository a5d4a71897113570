"""What `python -m mesh trust` reports, as plain data. Nothing here is secret."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class CertificateRow:
    """A CA certificate: of the stack, or only met in a cluster; `used` says where and for what."""

    what: str
    subject: str
    issuer: str
    fingerprint: str
    serial: str
    ends: datetime
    days_left: int
    in_stack: bool
    used: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TokenRow:
    """A token of a cluster's reader: its age in days, and the clusters that read with it."""

    cluster: str
    generation: int
    age_days: int
    used_by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class WorkloadRow:
    """How many proxies of a cluster show certificates of an intermediate, under a root."""

    cluster: str
    intermediate: str
    root: str
    proxies: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """All of it; `findings` are the differences between what runs and what the stack says."""

    stack: str
    phase: str | None
    certificates: tuple[CertificateRow, ...]
    tokens: tuple[TokenRow, ...]
    workloads: tuple[WorkloadRow, ...]
    findings: tuple[str, ...]

    def ending_within(self, days: int) -> tuple[CertificateRow, ...]:
        """The certificates that end in fewer days than that."""
        return tuple(row for row in self.certificates if row.days_left < days)
