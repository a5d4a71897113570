"""What the mesh's CA certificates say, as plain data.

Istio's reference for its own CAs: `tools/certs/common.mk` in istio/istio. The names of the uses are
those of the TLS provider.
"""

import hashlib
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from mesh.config.types import KeyAlgorithm

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

CA_USES = ("cert_signing", "crl_signing", "digital_signature")
# One level below the root is an intermediate; a path length of 1 forbids a CA below that.
ROOT_PATH_LENGTH = 1
ISTIOD_DNS_NAME = "istiod.istio-system.svc"


@dataclass(frozen=True, kw_only=True)
class KeySettings:
    """Inputs of a `tls.PrivateKey`."""

    algorithm: str
    rsa_bits: int | None = None
    ecdsa_curve: str | None = None


_KEYS = {
    KeyAlgorithm.RSA_2048: KeySettings(algorithm="RSA", rsa_bits=2048),
    KeyAlgorithm.RSA_3072: KeySettings(algorithm="RSA", rsa_bits=3072),
    KeyAlgorithm.RSA_4096: KeySettings(algorithm="RSA", rsa_bits=4096),
    KeyAlgorithm.ECDSA_P256: KeySettings(algorithm="ECDSA", ecdsa_curve="P256"),
    KeyAlgorithm.ECDSA_P384: KeySettings(algorithm="ECDSA", ecdsa_curve="P384"),
}


def key_settings(algorithm: KeyAlgorithm) -> KeySettings:
    """What the TLS provider is asked for."""
    return _KEYS[algorithm]


def root_common_name(mesh_id: str, generation: int) -> str:
    """Common name of a root CA, such as `dev root CA 1`."""
    return f"{mesh_id} root CA {generation}"


def intermediate_common_name(mesh_id: str, cluster: str) -> str:
    """Common name of a cluster's intermediate CA, such as `dev intermediate CA east`."""
    return f"{mesh_id} intermediate CA {cluster}"


def chain(*certificates: str) -> str:
    """PEM certificates in one text, each on lines of its own, leaf first."""
    return "".join(f"{certificate.strip()}\n" for certificate in certificates)


def certificate_chain(certificate: str, between: str, root: str) -> str:
    """Istio's `cert-chain.pem`: the intermediate, what is between it and the root, and the root, once."""
    links = [*_PEM.findall(between), root]
    return chain(certificate, *dict.fromkeys(link.strip() for link in links))


def expires(certificate: str) -> str:
    """When a PEM certificate ends, in UTC (RFC 3339)."""
    return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc.isoformat()


def fingerprint(certificate: str) -> str:
    """SHA-256 of a PEM certificate's DER form, as `openssl x509 -fingerprint -sha256` prints it."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.strip())).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def earliest(times: Iterable[str]) -> str:
    """The first of some times in RFC 3339, of any time zone, in UTC."""
    return min(datetime.fromisoformat(time) for time in times).astimezone(UTC).isoformat()
