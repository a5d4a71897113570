"""What certificates say, without trusting them. Pure."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature


@dataclass(frozen=True, kw_only=True)
class Validity:
    """From when to when a certificate holds, in UTC."""

    not_before: datetime
    not_after: datetime


def validity(pem: str) -> Validity:
    """The validity of the first certificate in a PEM text.

    Raises:
        ValueError: there is none.
    """
    certificate = x509.load_pem_x509_certificates(pem.encode())[0]
    return Validity(not_before=certificate.not_valid_before_utc, not_after=certificate.not_valid_after_utc)


def issued_by_one_of(pem: str, roots: str) -> bool:
    """Whether the first certificate of a PEM text is signed by one of the roots in another.

    Raises:
        ValueError: one of the texts has no certificate.
    """
    certificate = x509.load_pem_x509_certificates(pem.encode())[0]
    for root in x509.load_pem_x509_certificates(roots.encode()):
        try:
            certificate.verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False
