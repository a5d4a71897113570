"""Certificate requests and certificates, with the extensions that pulumi-tls gives them."""

import datetime
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, ObjectIdentifier

from standins.generated import Made
from standins.protocol import ProviderError
from standins.tls.keys import PrivateKey, PublicKey, algorithm_of, load_private_key, signature_hash
from standins.tls.names import alternative_names, subject_name

_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "cert_signing",
    "crl_signing",
    "encipher_only",
    "decipher_only",
)
_EXTENDED_KEY_USAGES = {
    "any_extended": ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "ipsec_end_system": ObjectIdentifier("1.3.6.1.5.5.7.3.5"),
    "ipsec_tunnel": ObjectIdentifier("1.3.6.1.5.5.7.3.6"),
    "ipsec_user": ObjectIdentifier("1.3.6.1.5.5.7.3.7"),
    "timestamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
    "microsoft_server_gated_crypto": ObjectIdentifier("1.3.6.1.4.1.311.10.3.3"),
    "netscape_server_gated_crypto": ObjectIdentifier("2.16.840.1.113730.4.1"),
    "microsoft_commercial_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.2.1.22"),
    "microsoft_kernel_code_signing": ObjectIdentifier("1.3.6.1.4.1.311.61.1.1"),
}
USES = tuple(sorted([*_KEY_USAGES, *_EXTENDED_KEY_USAGES]))
_SERIAL_BITS = 128


def make_request(inputs: Mapping[str, Any]) -> Made:
    """Make the resource `CertRequest`."""
    key = load_private_key(inputs["privateKeyPem"])
    builder = x509.CertificateSigningRequestBuilder(subject_name(inputs.get("subject", {})))
    if names := alternative_names(inputs):
        builder = builder.add_extension(names, critical=False)
    request = builder.sign(key, signature_hash(key))
    return Made(
        id=hashlib.sha1(request.public_bytes(Encoding.DER), usedforsecurity=False).hexdigest(),
        computed={
            "certRequestPem": request.public_bytes(Encoding.PEM).decode(),
            "keyAlgorithm": algorithm_of(key),
        },
    )


def make_self_signed(inputs: Mapping[str, Any]) -> Made:
    """Make the resource `SelfSignedCert`."""
    key = load_private_key(inputs["privateKeyPem"])
    subject = subject_name(inputs.get("subject", {}))
    authority = None
    if inputs["setAuthorityKeyId"]:
        if not (inputs["setSubjectKeyId"] or inputs["isCaCertificate"]):
            raise ProviderError(
                "setAuthorityKeyId needs setSubjectKeyId or isCaCertificate: it repeats that key ID"
            )
        authority = _subject_key_id(key.public_key())
    made = _sign(
        inputs,
        subject=subject,
        names=alternative_names(inputs),
        public_key=key.public_key(),
        issuer=subject,
        authority=authority,
        key=key,
    )
    return Made(id=made.id, computed={**made.computed, "keyAlgorithm": algorithm_of(key)})


def make_locally_signed(inputs: Mapping[str, Any]) -> Made:
    """Make the resource `LocallySignedCert`: names and public key are the request's."""
    request = _load(x509.load_pem_x509_csr, inputs["certRequestPem"], "certRequestPem")
    authority = _load(x509.load_pem_x509_certificate, inputs["caCertPem"], "caCertPem")
    key = load_private_key(inputs["caPrivateKeyPem"])
    made = _sign(
        inputs,
        subject=request.subject,
        names=_extension(request, ExtensionOID.SUBJECT_ALTERNATIVE_NAME),
        public_key=request.public_key(),
        issuer=authority.subject,
        authority=_extension(authority, ExtensionOID.SUBJECT_KEY_IDENTIFIER),
        key=key,
    )
    return Made(id=made.id, computed={**made.computed, "caKeyAlgorithm": algorithm_of(key)})


def _sign(
    inputs: Mapping[str, Any],
    *,
    subject: x509.Name,
    names: x509.SubjectAlternativeName | None,
    public_key: PublicKey,
    issuer: x509.Name,
    authority: x509.SubjectKeyIdentifier | None,
    key: PrivateKey,
) -> Made:
    start = datetime.datetime.now(datetime.UTC)
    end = start + datetime.timedelta(hours=inputs["validityPeriodHours"])
    serial = secrets.randbits(_SERIAL_BITS)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension, critical in _extensions(inputs, subject, public_key):
        builder = builder.add_extension(extension, critical=critical)
    if authority is not None:
        authority_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority)
        builder = builder.add_extension(authority_id, critical=False)
    if names is not None:
        # RFC 5280, 4.2.1.6: with an empty subject, these names are the only ones.
        builder = builder.add_extension(names, critical=not subject.rdns)
    certificate = builder.sign(key, signature_hash(key))
    return Made(
        id=str(serial),
        computed={
            "certPem": certificate.public_bytes(Encoding.PEM).decode(),
            "validityStartTime": _rfc3339(start),
            "validityEndTime": _rfc3339(end),
        },
    )


def _extensions(
    inputs: Mapping[str, Any], subject: x509.Name, public_key: PublicKey
) -> list[tuple[x509.ExtensionType, bool]]:
    """Give the extensions that the inputs ask for, each with whether it is critical."""
    is_ca = inputs["isCaCertificate"]
    if is_ca and not subject.rdns:
        raise ProviderError("a CA certificate needs a subject with at least one name, such as commonName")
    uses = inputs["allowedUses"]
    extensions: list[tuple[x509.ExtensionType, bool]] = []
    if any(use in _KEY_USAGES for use in uses):
        extensions.append((_key_usage(uses), True))
    if extended := [_EXTENDED_KEY_USAGES[use] for use in uses if use in _EXTENDED_KEY_USAGES]:
        extensions.append((x509.ExtendedKeyUsage(extended), False))
    extensions.append((x509.BasicConstraints(ca=is_ca, path_length=_path_length(inputs)), True))
    if is_ca or inputs["setSubjectKeyId"]:
        extensions.append((_subject_key_id(public_key), False))
    return extensions


def _path_length(inputs: Mapping[str, Any]) -> int | None:
    """Give the path length of a CA; as in the official provider, 0 is lost, and -1 means none."""
    length = inputs.get("maxPathLength") or -1
    if length > 0 and not inputs["isCaCertificate"]:
        raise ProviderError("maxPathLength is for CA certificates: set isCaCertificate too")
    return length if length > 0 else None


def _key_usage(uses: list[str]) -> x509.KeyUsage:
    agreement = "key_agreement" in uses
    return x509.KeyUsage(
        digital_signature="digital_signature" in uses,
        content_commitment="content_commitment" in uses,
        key_encipherment="key_encipherment" in uses,
        data_encipherment="data_encipherment" in uses,
        key_agreement=agreement,
        key_cert_sign="cert_signing" in uses,
        crl_sign="crl_signing" in uses,
        # RFC 5280, 4.2.1.3: without key agreement these two mean nothing.
        encipher_only=agreement and "encipher_only" in uses,
        decipher_only=agreement and "decipher_only" in uses,
    )


def _subject_key_id(key: PublicKey) -> x509.SubjectKeyIdentifier:
    if isinstance(key, ed25519.Ed25519PublicKey):
        # The official provider hashes the key as a DER octet string, unlike RFC 5280, 4.2.1.2.
        octet_string = b"\x04\x20" + key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return x509.SubjectKeyIdentifier(hashlib.sha1(octet_string, usedforsecurity=False).digest())
    return x509.SubjectKeyIdentifier.from_public_key(key)


def _load(load: Any, pem: str, name: str) -> Any:
    try:
        return load(pem.encode())
    except ValueError as error:
        raise ProviderError(f"{name} is no PEM of the kind expected: {error}") from None


def _extension(owner: x509.Certificate | x509.CertificateSigningRequest, oid: ObjectIdentifier) -> Any:
    try:
        return owner.extensions.get_extension_for_oid(oid).value
    except x509.ExtensionNotFound:
        return None


def _rfc3339(time: datetime.datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
