"""Certificates by which clients show who they are: what they say, and what is wrong with them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mesh.pki.certificates import name, parse, parse_readable


@dataclass(frozen=True, kw_only=True)
class ClientCertificate:
    """The subject of a client certificate, and from when to when it is valid.

    `alone` is whether there is no token beside it, so that it is all that an API server knows its owner by.
    """

    subject: str
    begins: datetime
    expires: datetime
    alone: bool = False

    def invalid(self, now: datetime) -> str | None:
        """Why nothing takes it now, in words that follow it; None where it is valid."""
        if self.expires <= now:
            return f"has expired at {self.expires:%Y-%m-%d %H:%M} UTC"
        return f"is not valid before {self.begins:%Y-%m-%d %H:%M} UTC" if self.begins > now else None


def client_certificate(pem: str, *, alone: bool = False) -> ClientCertificate | None:
    """What the first certificate in a PEM text says; None where none can be read."""
    found = next(iter(parse_readable(pem)), None)
    if found is None:
        return None
    return ClientCertificate(
        subject=name(found), begins=found.not_valid_before_utc, expires=found.not_valid_after_utc, alone=alone
    )


def problems(certificate: str, key: str, now: datetime) -> Iterator[tuple[str, str]]:
    """What is wrong with a client certificate: pairs of `certificate` or `key`, and the sentence."""
    try:
        own = parse(certificate)[0]
    except ValueError as broken:
        yield "certificate", str(broken)
        return
    found = client_certificate(certificate)
    if found is not None and (why := found.invalid(now)):
        yield "certificate", f"{found.subject!r} {why}; expected one that is valid"
    if problem := _key_problem(own, key):
        yield "key", problem


def _key_problem(certificate: x509.Certificate, pem: str) -> str | None:
    expected = "expected the PEM private key of the certificate, for example the text of tls.key"
    if "ENCRYPTED" in pem:
        return f"this key is encrypted with a passphrase, which istiod does not know; {expected}, decrypted"
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        return f"this is not a private key that can be read; {expected}"
    if key.public_key() != certificate.public_key():
        return f"this key belongs to another certificate than {name(certificate)!r}; {expected}"
    return None
