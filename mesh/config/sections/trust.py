"""The section `trust`: certificate authorities, their rotation, and revoked certificates."""

from pydantic import Field

from mesh.config.sections.base import Section
from mesh.config.types import (
    CertificatePem,
    Generation,
    Hours,
    KeyAlgorithm,
    Phase,
    PrivateKeyPem,
    RevocationListsPem,
    SerialNumber,
    StackName,
)


class RootSection(Section):
    """A root CA: generated, given with its key, or offline, where only its certificate is given."""

    generation: Generation = Field(
        default=1,
        description="Number of this root. A new root must have a higher number.",
        examples=[2],
    )
    key: KeyAlgorithm | None = Field(
        default=None,
        description="Algorithm of the private key of a generated root. Default: ecdsa-p256 for a new key; an "
        "existing key keeps its algorithm.",
        examples=["rsa-4096"],
    )
    validity_hours: Hours = Field(
        default=87600,
        description="Validity of the certificate of a generated root, in hours.",
        examples=[87600],
    )
    certificate: CertificatePem | None = Field(
        default=None,
        description="PEM certificate of your own root. Without privateKey the root is offline: set the "
        "intermediate of every cluster, or `existing`.",
        examples=["-----BEGIN CERTIFICATE-----…"],
    )
    private_key: PrivateKeyPem | None = Field(
        default=None,
        description="PEM private key of that certificate. Set it with `--secret`.",
        examples=["{secure: …}"],
    )

    @property
    def offline(self) -> bool:
        """Whether this program cannot sign with it."""
        return self.certificate is not None and self.private_key is None


class IntermediateSection(Section):
    """The intermediate CA that each cluster signs its workloads' certificates with.

    It is generated, or given with its key, or already in the cluster as `cacerts`.
    """

    key: KeyAlgorithm | None = Field(
        default=None,
        description="Algorithm of the private key of a generated intermediate. Default: ecdsa-p256 for a new "
        "key; an existing key keeps its algorithm.",
        examples=["ecdsa-p256"],
    )
    validity_hours: Hours = Field(
        default=17520,
        description="Validity of the certificate of a generated intermediate, in hours.",
        examples=[17520],
    )
    renew_before_hours: Hours = Field(
        default=4320,
        description="How many hours before expiry `pulumi up` renews the certificate.",
        examples=[4320],
    )
    generation: Generation = Field(
        default=1, description="Raise it by one to replace key and certificate.", examples=[2]
    )
    existing: bool = Field(
        default=False,
        description="Somebody else creates the Secret `cacerts` (cert-manager, Vault, a person). The program "
        "checks it and never writes it.",
        examples=["true"],
    )
    certificate: CertificatePem | None = Field(
        default=None,
        description="PEM certificate of your own intermediate. For one cluster only.",
        examples=["-----BEGIN CERTIFICATE-----…"],
    )
    private_key: PrivateKeyPem | None = Field(
        default=None,
        description="PEM private key of that certificate. Set it with `--secret`.",
        examples=["{secure: …}"],
    )
    chain: CertificatePem | None = Field(
        default=None,
        description="PEM certificates between that certificate and the root, if any.",
        examples=["-----BEGIN CERTIFICATE-----…"],
    )

    @property
    def generated(self) -> bool:
        """Whether this program makes it."""
        return not self.existing and self.certificate is None


class TrustSection(Section):
    """The mesh's certificate authorities."""

    root: RootSection = Field(default=RootSection(), description="The root CA.", examples=["{}"])
    next_root: RootSection | None = Field(
        default=None,
        description="The new root CA, during a rotation.",
        examples=["{generation: 2}"],
    )
    phase: Phase | None = Field(
        default=None,
        description="Phase of the rotation to nextRoot: trust-both, then sign-with-new, then drop-old.",
        examples=["trust-both"],
    )
    intermediate: IntermediateSection = Field(
        default=IntermediateSection(), description="The intermediate CAs.", examples=["{}"]
    )
    shared: bool = Field(
        default=False,
        description="Whether other stacks of the mesh use the root CA of this stack.",
        examples=["true"],
    )
    stack: StackName | None = Field(
        default=None,
        description="The stack that creates the root CA, if it is another one.",
        examples=["organization/istio-mesh/trust"],
    )
    revoked: tuple[SerialNumber, ...] | None = Field(
        default=None,
        description="Serial numbers of revoked intermediates. If it is set, even to an empty list, every "
        "proxy checks certificates against CRLs.",
        examples=['["5f0c2a9be1d47703"]'],
    )
    revocation_lists: RevocationListsPem | None = Field(
        default=None,
        description="PEM CRLs of CAs whose private key the stack does not have: offline roots, CAs between "
        "root and intermediate, existing intermediates.",
        examples=["-----BEGIN X509 CRL-----…"],
    )


class ClusterTrustSection(Section):
    """What can be overridden for one cluster's trust."""

    intermediate: IntermediateSection | None = Field(
        default=None, description="This cluster's intermediate CA.", examples=["{key: ecdsa-p256}"]
    )
