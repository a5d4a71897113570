"""Private keys of CAs."""

import pulumi
import pulumi_tls as tls

from mesh.config.types import KeyAlgorithm
from mesh.pki import profile as plan


def private_key(name: str, algorithm: KeyAlgorithm, opts: pulumi.ResourceOptions) -> tls.PrivateKey:
    """A key of that algorithm; its PEM is a secret in the state and stands nowhere else."""
    settings = plan.key_settings(algorithm)
    return tls.PrivateKey(
        name,
        algorithm=settings.algorithm,
        rsa_bits=settings.rsa_bits,
        ecdsa_curve=settings.ecdsa_curve,
        opts=opts,
    )
