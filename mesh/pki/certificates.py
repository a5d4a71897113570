"""What X.509 certificates say: the only place where PEM certificates are parsed. Pure."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from mesh.config.types import PUBLIC


def parse(pem: str) -> tuple[x509.Certificate, ...]:
    """The certificates in a PEM text, in its order.

    Raises:
        ValueError: there is no certificate, or one that cannot be read; the message repeats nothing of it.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError as error:
        raise ValueError("expected PEM certificates, each complete") from error


def parse_one(pem: str) -> x509.Certificate:
    """The certificate in a PEM text.

    Raises:
        ValueError: the text has none, more than one, or one that cannot be read.
    """
    certificates = parse(pem)
    if len(certificates) != 1:
        raise ValueError(f"expected one certificate, found {len(certificates)}")
    return certificates[0]


def parse_readable(pem: str) -> tuple[x509.Certificate, ...]:
    """Like `parse`, for a text that somebody else has written: nothing where it cannot be read."""
    try:
        return parse(pem)
    except ValueError:
        return ()


def authority_for_peers(configured: str | None, own: str) -> str | None:
    """The PEM of the CA by which peers know an API server; None where they know it by public roots.

    Args:
        configured: PEM, `public`, or None for the cluster's own.
        own: PEM of the CA that the cluster states. The same certificates in another form count as this one,
            so that remote secrets do not change with the form.
    """
    if configured == PUBLIC:
        return None
    if configured is None:
        return own
    certificates = set(parse_readable(configured))
    return own if certificates and certificates == set(parse_readable(own)) else configured


def to_pem(certificate: x509.Certificate) -> str:
    """The certificate as PEM."""
    return certificate.public_bytes(Encoding.PEM).decode()


def name(certificate: x509.Certificate) -> str:
    """The common name; the whole subject (RFC 4514) where it has none."""
    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(common[0].value) if common else certificate.subject.rfc4514_string()


def alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses that a server's certificate is for."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    names = extension.value.get_values_for_type(x509.DNSName)
    return (*names, *(str(address) for address in extension.value.get_values_for_type(x509.IPAddress)))


def fingerprint(pem: str) -> str:
    """SHA-256 of a PEM certificate's DER form, as `openssl x509 -fingerprint -sha256` prints it.

    Raises:
        ValueError: as for `parse_one`.
    """
    digest = hashlib.sha256(parse_one(pem).public_bytes(Encoding.DER)).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def expiry(pem: str) -> str:
    """When the first certificate in a PEM text expires, in UTC (RFC 3339).

    Raises:
        ValueError: as for `parse`.
    """
    return parse(pem)[0].not_valid_after_utc.isoformat()


def earliest(times: Iterable[str]) -> str:
    """The first of some times in RFC 3339, of any time zone, in UTC."""
    return min(datetime.fromisoformat(time) for time in times).astimezone(UTC).isoformat()


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer` has signed the certificate: names and signature are checked, times are not."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_issued_by_any(certificate: x509.Certificate, issuers: Iterable[x509.Certificate]) -> bool:
    """Whether one of the issuers has signed the certificate."""
    return any(is_issued_by(certificate, issuer) for issuer in issuers)


def path_to_root(certificates: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """The certificates from the first one up to its root, each signed by the next; others are left out.

    Args:
        certificates: at least one, the leaf first, in any order after it.
    """
    path = [certificates[0]]
    while issuer := next((c for c in certificates if c not in path and is_issued_by(path[-1], c)), None):
        path.append(issuer)
    return tuple(path)


def path_expiry(pem: str) -> str:
    """When the first ends of a certificate and those above it, up to its root, in UTC (RFC 3339).

    Args:
        pem: the certificate, and after it, in any order, what leads to its root.

    Raises:
        ValueError: as for `parse`.
    """
    return min(c.not_valid_after_utc for c in path_to_root(parse(pem))).isoformat()


def join(*pems: str) -> str:
    """PEM certificates in one text, each on lines of its own, in the order given."""
    return "".join(f"{pem.strip()}\n" for pem in pems)


def certificate_chain(certificate: str, between: str, root: str) -> str:
    """Istio's `cert-chain.pem` (`security/pkg/pki/ca` in istio/istio).

    Args:
        certificate: PEM of the intermediate CA.
        between: PEM of the certificates between it and the root; may be empty, or have the root too.
        root: PEM of the root CA.

    Returns:
        All of them in this order, each once.
    """
    links = dict.fromkeys(parse(between)) if between.strip() else {}
    return join(certificate, *(to_pem(link) for link in links if link not in parse(root)), root)
