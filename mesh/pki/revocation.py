"""Certificate revocation lists (CRLs, RFC 5280) of the mesh's CAs. Pure.

If Envoy has CRLs, it needs one of every CA in a chain, and refuses all certificates of a chain that lacks one
(field `crl` of `CertificateValidationContext`, and `X509_V_FLAG_CRL_CHECK_ALL`). So does istiod for the CAs
in its own `cert-chain.pem` (`Verify` in `security/pkg/pki/util/keycertbundle.go` in istio/istio): it then
loads nothing of a new `cacerts`. That is why every cluster has the CRLs of all roots and intermediates of the
mesh.

The CRLs made here are always the same, and valid as long as the certificate of their CA: nobody fetches a
newer one, so an earlier expiry could only stop calls.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from mesh.pki.certificates import join, parse_one

_BLOCK = re.compile(r"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_WIDE_CURVE = 384


def parse_lists(pem: str) -> tuple[x509.CertificateRevocationList, ...]:
    """The CRLs in a PEM text, in order.

    Raises:
        ValueError: there is none, or one that cannot be read.
    """
    blocks = _BLOCK.findall(pem)
    if not blocks:
        raise ValueError("expected PEM CRLs, for example -----BEGIN X509 CRL-----…")
    try:
        return tuple(x509.load_pem_x509_crl(block.encode()) for block in blocks)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("expected PEM CRLs, each complete") from error


def parse_readable_lists(pem: str) -> tuple[x509.CertificateRevocationList, ...]:
    """Like `parse_lists`, for a text from somebody else: empty if it cannot be read."""
    try:
        return parse_lists(pem)
    except ValueError:
        return ()


def revocation_list(certificate: str, private_key: str, revoked: Iterable[str]) -> str:
    """The CRL of a CA as PEM.

    Args:
        certificate: PEM of the CA's certificate.
        private_key: PEM of its key.
        revoked: the serial numbers of revoked certificates, hexadecimal.
    """
    authority = parse_one(certificate)
    key = load_pem_private_key(private_key.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError(f"Istio signs with RSA and ECDSA alone, and {authority.subject} has another key")
    begin = authority.not_valid_before_utc
    serials = sorted({int(serial, 16) for serial in revoked})
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(begin)
        .next_update(authority.not_valid_after_utc)
        # Shows which of two intermediates with one name has signed it.
        .add_extension(_key_identifier(authority), critical=False)
        .add_extension(x509.CRLNumber(len(serials) + 1), critical=False)
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(begin).build()
        builder = builder.add_revoked_certificate(entry)
    elliptic = isinstance(key, ec.EllipticCurvePrivateKey)
    wide = elliptic and key.curve.key_size >= _WIDE_CURVE
    signed = builder.sign(
        key,
        hashes.SHA384() if wide else hashes.SHA256(),
        ecdsa_deterministic=True if elliptic else None,
    )
    return signed.public_bytes(Encoding.PEM).decode()


def complete(declared: Sequence[str], current: str, now: datetime) -> str:
    """The CRLs that every cluster gets, as PEM.

    Args:
        declared: PEM of those of all CAs that sign now.
        current: PEM of those that clusters have. Empty ones of other CAs stay: they belong to replaced
            intermediates, whose certificates are in use for a day.
        now: expired ones do not stay.
    """
    lists = [one for pem in declared for one in parse_lists(pem)]
    own = {_issuer(one) for one in lists}
    kept = [
        one
        for one in parse_readable_lists(current)
        if _issuer(one) not in own
        and not len(one)
        and one.next_update_utc is not None
        and one.next_update_utc > now
    ]
    return join(*dict.fromkeys(one.public_bytes(Encoding.PEM).decode() for one in (*lists, *kept)))


def serials(lists: Iterable[x509.CertificateRevocationList]) -> frozenset[str]:
    """The serial numbers that any of the CRLs revokes, hexadecimal."""
    return frozenset(f"{entry.serial_number:x}" for one in lists for entry in one)


def is_list_of(one: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    """Whether the CA has signed the CRL."""
    key = authority.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    try:
        return one.issuer == authority.subject and one.is_signature_valid(key)
    except (InvalidSignature, TypeError, ValueError):
        return False


def lacking(
    authorities: Iterable[x509.Certificate], lists: Sequence[x509.CertificateRevocationList]
) -> tuple[x509.Certificate, ...]:
    """The CAs without a CRL."""
    return tuple(a for a in dict.fromkeys(authorities) if not any(is_list_of(one, a) for one in lists))


def may_sign_lists(authority: x509.Certificate) -> bool:
    """Whether the key usage in a CA's certificate allows it to sign CRLs."""
    try:
        return authority.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True


def _key_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    try:
        own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        key = authority.public_key()
        if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
            raise
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _issuer(one: x509.CertificateRevocationList) -> tuple[x509.Name, bytes | None]:
    try:
        extension = one.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return one.issuer, None
    return one.issuer, extension.value.key_identifier
