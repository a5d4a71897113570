"""Certificate authorities as users may have them: right, and wrong in every way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A CA: certificate and key, and both as PEM."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The private key, not encrypted."""
        return self._key_pem(serialization.NoEncryption())

    @property
    def encrypted_key_pem(self) -> str:
        """The private key under a passphrase."""
        return self._key_pem(serialization.BestAvailableEncryption(b"passphrase"))

    def _key_pem(self, encryption: serialization.KeySerializationEncryption) -> str:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        ).decode()


def authority(
    name: str,
    *,
    issuer: Authority | None = None,
    key: Key | None = None,
    ca: bool | None = True,
    path_length: int | None = None,
    signs: bool = True,
    signs_lists: bool = True,
    days: tuple[float, float] = (-1, 365),
    names: Sequence[str] = (),
    purposes: Sequence[x509.ObjectIdentifier] = (),
    outlives: bool = False,
) -> Authority:
    """A CA signed by `issuer`, or by itself; `days` are its begin and end, counted from now.

    `ca` is the flag of its basic constraints, None leaves them out; `signs` is the key usage keyCertSign,
    `signs_lists` cRLSign, `purposes` the extended one. It ends with its issuer at the latest, but for one
    that `outlives` it.
    """
    own = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    end = now + timedelta(days=days[1])
    if issuer and not outlives and issuer.certificate.not_valid_after_utc > now:
        end = min(end, issuer.certificate.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
        .add_extension(_usage(signs=signs, signs_lists=signs_lists), critical=True)
    )
    if ca is not None:
        constraints = x509.BasicConstraints(ca=ca, path_length=path_length if ca else None)
        builder = builder.add_extension(constraints, critical=True)
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    if names:
        alternative = x509.SubjectAlternativeName([x509.DNSName(entry) for entry in names])
        builder = builder.add_extension(alternative, critical=False)
    signer = issuer.key if issuer else own
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Authority(certificate=builder.sign(signer, algorithm), key=own)


def _usage(*, signs: bool, signs_lists: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs_lists,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
