"""What the mesh's CA certificates contain, as plain data.

Istio's reference for its own CAs: `tools/certs/common.mk` in istio/istio. The names of the uses are
those of the TLS provider.
"""

from dataclasses import dataclass

from mesh.config.types import KeyAlgorithm

CA_USES = ("cert_signing", "crl_signing", "digital_signature")
# One level below the root is an intermediate; a path length of 1 forbids a CA below that.
ROOT_PATH_LENGTH = 1
ISTIOD_DNS_NAME = "istiod.istio-system.svc"
DEFAULT_KEY = KeyAlgorithm.ECDSA_P256


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
    """The inputs of the TLS provider for a key of that algorithm."""
    return _KEYS[algorithm]


def root_common_name(mesh_id: str, generation: int) -> str:
    """Common name of a root CA, such as `dev root CA 1`."""
    return f"{mesh_id} root CA {generation}"


def intermediate_common_name(mesh_id: str, cluster: str, generation: int) -> str:
    """Common name of a cluster's intermediate CA, such as `dev intermediate CA east`, then `… east 2`.

    ztunnel looks for the CRL of a CA by its name alone (`authoritative` in rustls/webpki): where two CAs with
    CRLs had one name, it would refuse every certificate of one of them.
    """
    first = f"{mesh_id} intermediate CA {cluster}"
    return first if generation == 1 else f"{first} {generation}"
