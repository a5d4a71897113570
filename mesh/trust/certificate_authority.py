"""What a CA signs with, how its private key is generated, and its CRL."""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from mesh.config.secrets import Secrets
from mesh.config.types import KeyAlgorithm
from mesh.pki import revocation
from mesh.pki.profile import DEFAULT_KEY, key_settings
from mesh.secret_values import protected


@dataclass(frozen=True, kw_only=True)
class CertificateAuthority:
    """Certificate and private key as PEM, and when the certificate expires (RFC 3339).

    There is no `private_key_pem` where the CA is offline.
    """

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str] | None
    expires: pulumi.Output[str]


def revocation_list(
    certificate_pem: pulumi.Output[str],
    private_key_pem: pulumi.Output[str],
    revoked: Iterable[str],
    secrets: Secrets,
) -> pulumi.Output[str]:
    """The CRL of a CA as PEM. The key that signs it is a secret; the CRL is not."""
    made = pulumi.Output.all(certificate_pem, private_key_pem).apply(
        lambda known: revocation.revocation_list(known[0], known[1], revoked)
    )
    return protected(pulumi.Output.unsecret(made), secrets)


def private_key(name: str, algorithm: KeyAlgorithm | None, opts: pulumi.ResourceOptions) -> tls.PrivateKey:
    """A private key; its PEM is a secret in the state and nowhere else.

    With no `algorithm`, a new key has the default one, and a key that exists is left as it is.
    """
    settings = key_settings(algorithm or DEFAULT_KEY)
    kept = [] if algorithm else ["algorithm", "rsaBits", "ecdsaCurve"]
    return tls.PrivateKey(
        name,
        algorithm=settings.algorithm,
        rsa_bits=settings.rsa_bits,
        ecdsa_curve=settings.ecdsa_curve,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=kept)),
    )
