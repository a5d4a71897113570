"""How long a generated intermediate is valid: as configured, and never longer than its root. Pure.

The answer is the same at each run as long as nothing is wrong, because another number of hours replaces the
certificate. So it looks at the certificate that the cluster has.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mesh.pki.certificates import is_issued_by, parse_readable

_HOUR = timedelta(hours=1)
_SAME_END = 2 * _HOUR
"""Whole hours, and the time between the decision and the signature, are lost at the end."""


@dataclass(frozen=True, kw_only=True)
class Lifetime:
    """Hours of validity, and how many of them before the end the certificate is renewed."""

    hours: int
    renew_before_hours: int


def lifetime(wanted: Lifetime, *, root: str, public_key: str | None, current: str, now: datetime) -> Lifetime:
    """The lifetime of an intermediate that the root signs.

    One that ends with its root is not renewed: what comes next is another root.

    Args:
        wanted: as configured.
        root: PEM of the root's certificate.
        public_key: PEM of the intermediate's public key, if it is known.
        current: PEM of the certificate that the cluster signs with now; empty where there is none.
        now: the time of the decision.
    """
    issuer = parse_readable(root)[0]
    left = int((issuer.not_valid_after_utc - now) / _HOUR)
    if left >= wanted.hours:
        return wanted
    for own in parse_readable(current)[:1]:
        spare = issuer.not_valid_after_utc - own.not_valid_after_utc
        if spare < timedelta() or _key(own) != (public_key or "").strip() or not is_issued_by(own, issuer):
            break
        hours = round((own.not_valid_after_utc - own.not_valid_before_utc) / _HOUR)
        if spare < _SAME_END:
            return Lifetime(hours=hours, renew_before_hours=0)
        if hours == wanted.hours and now < own.not_valid_after_utc - wanted.renew_before_hours * _HOUR:
            return wanted
    return Lifetime(hours=max(1, left), renew_before_hours=0)


def _key(certificate: x509.Certificate) -> str:
    public = certificate.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().strip()
