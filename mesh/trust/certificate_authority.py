"""What a CA signs with, and how its private key is generated."""

from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from mesh.config.types import KeyAlgorithm
from mesh.pki.profile import key_settings


@dataclass(frozen=True, kw_only=True)
class CertificateAuthority:
    """Certificate and private key as PEM, and when the certificate expires (RFC 3339).

    There is no `private_key_pem` where the CA is offline.
    """

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str] | None
    expires: pulumi.Output[str]


def private_key(name: str, algorithm: KeyAlgorithm, opts: pulumi.ResourceOptions) -> tls.PrivateKey:
    """A private key of that algorithm; its PEM is a secret in the state and nowhere else."""
    settings = key_settings(algorithm)
    return tls.PrivateKey(
        name,
        algorithm=settings.algorithm,
        rsa_bits=settings.rsa_bits,
        ecdsa_curve=settings.ecdsa_curve,
        opts=opts,
    )
