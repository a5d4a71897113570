"""Private keys and the text forms in which pulumi-tls gives them."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from standins.generated import Made
from standins.protocol import ProviderError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

ALGORITHMS = ("RSA", "ECDSA", "ED25519")
CURVES = {"P224": ec.SECP224R1(), "P256": ec.SECP256R1(), "P384": ec.SECP384R1(), "P521": ec.SECP521R1()}
_RSA_EXPONENT = 65537


def make_private_key(inputs: Mapping[str, Any]) -> Made:
    """Make the resource `PrivateKey` from `algorithm`, `rsaBits` and `ecdsaCurve`."""
    key = _generate(inputs)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Made(
        # The official provider's ID, which is no more than a stable name.
        id=hashlib.sha1(public, usedforsecurity=False).hexdigest(),
        computed={
            "privateKeyPem": _private_pem(key, _traditional_format(key)),
            "privateKeyPemPkcs8": _private_pem(key, PrivateFormat.PKCS8),
            "publicKeyPem": key.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode(),
            **_openssh_forms(key),
        },
    )


def load_private_key(pem: str) -> PrivateKey:
    """Read a private key in any of the PEM forms; an error never quotes it."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, PrivateKey):
        raise ProviderError("the private key is not a PEM of an unencrypted RSA, ECDSA or ED25519 key")
    return key


def algorithm_of(key: PrivateKey) -> str:
    """Give the algorithm's name as pulumi-tls writes it."""
    if isinstance(key, rsa.RSAPrivateKey):
        return "RSA"
    return "ECDSA" if isinstance(key, ec.EllipticCurvePrivateKey) else "ED25519"


def signature_hash(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """Give the hash that Go's crypto/x509 signs with by default; ED25519 has its own."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey):
        by_size: dict[int, hashes.SHA384 | hashes.SHA512] = {384: hashes.SHA384(), 521: hashes.SHA512()}
        return by_size.get(key.curve.key_size, hashes.SHA256())
    return hashes.SHA256()


def _generate(inputs: Mapping[str, Any]) -> PrivateKey:
    if inputs["algorithm"] == "RSA":
        try:
            return rsa.generate_private_key(_RSA_EXPONENT, inputs["rsaBits"])
        except ValueError as error:
            raise ProviderError(f"rsaBits: {error}") from None
    if inputs["algorithm"] == "ECDSA":
        return ec.generate_private_key(CURVES[inputs["ecdsaCurve"]])
    return ed25519.Ed25519PrivateKey.generate()


def _private_pem(key: PrivateKey, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def _traditional_format(key: PrivateKey) -> PrivateFormat:
    """Give `RSA PRIVATE KEY` and `EC PRIVATE KEY`; ED25519 has no such form."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return PrivateFormat.PKCS8
    return PrivateFormat.TraditionalOpenSSL


def _openssh_forms(key: PrivateKey) -> dict[str, str]:
    """Give OpenSSH's forms, which are empty for the curve P224: OpenSSH does not know it."""
    names = ("privateKeyOpenssh", "publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256")
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP224R1):
        return dict.fromkeys(names, "")
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    blob = base64.b64decode(public.split()[1])
    sha256 = base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode()
    return {
        "privateKeyOpenssh": _private_pem(key, PrivateFormat.OpenSSH),
        "publicKeyOpenssh": f"{public.decode()}\n",
        "publicKeyFingerprintMd5": hashlib.md5(blob, usedforsecurity=False).digest().hex(":"),
        "publicKeyFingerprintSha256": f"SHA256:{sha256}",
    }
