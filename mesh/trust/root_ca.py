"""The mesh's root CAs: one, or two while one takes the other's place."""

from collections.abc import Callable, Sequence

import pulumi
import pulumi_random as random
import pulumi_tls as tls

from mesh.config.secrets import Secrets
from mesh.config.sections.trust import RootSection
from mesh.pki.certificates import expiry, join
from mesh.pki.profile import CA_USES, ROOT_PATH_LENGTH, root_common_name
from mesh.pki.rotation import RootPlan
from mesh.secret_values import protected
from mesh.trust.certificate_authority import CertificateAuthority, private_key, revocation_list


class RootCA(pulumi.ComponentResource):
    """The self-signed roots, which sign one intermediate for each cluster, and nothing else.

    Key and certificate are protected: losing them means a new root for every workload of the mesh. Roots of
    the user's own are no resources; they stay in the configuration. Where another stack makes the roots,
    `elsewhere` gives one by its generation.
    """

    generated: dict[int, CertificateAuthority]
    """The roots that are made here, by generation."""
    signing: CertificateAuthority
    bundle: pulumi.Output[str]
    """PEM: all trusted roots, in the order of `root-cert.pem`."""

    def __init__(
        self,
        name: str,
        *,
        mesh_id: str,
        roots: RootPlan,
        secrets: Secrets,
        elsewhere: Callable[[int], CertificateAuthority] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mesh:index:RootCA", name, None, opts)

        self.generated = {
            root.generation: _generated(
                f"{name}-g{root.generation}",
                mesh_id,
                root,
                pulumi.ResourceOptions(parent=self, protect=root in roots.protected),
            )
            for root in roots.declared
            if root.certificate is None and elsewhere is None
        }

        def authority(root: RootSection) -> CertificateAuthority:
            if root.certificate is not None:
                return _provided(root, secrets)
            return elsewhere(root.generation) if elsewhere else self.generated[root.generation]

        self.signing = authority(roots.signing)
        self._secrets = secrets
        self._trusted = {root.generation: authority(root) for root in roots.bundle}
        trusted = [self._trusted[root.generation].certificate_pem for root in roots.bundle]
        self.bundle = pulumi.Output.all(*trusted).apply(lambda pems: join(*pems))
        self.register_outputs({"certificatePem": self.signing.certificate_pem, "bundle": self.bundle})

    def revocation_lists(self, revoked: Sequence[str]) -> list[pulumi.Output[str]]:
        """The CRLs (PEM) of the trusted roots whose key is known here.

        `revoked` are serial numbers, hexadecimal. Each CRL has them all: nobody need know which root signed
        what.
        """
        return [
            revocation_list(root.certificate_pem, root.private_key_pem, revoked, self._secrets)
            for root in self._trusted.values()
            if root.private_key_pem is not None
        ]


def _provided(root: RootSection, secrets: Secrets) -> CertificateAuthority:
    certificate = root.certificate or ""
    key = root.private_key
    return CertificateAuthority(
        certificate_pem=protected(pulumi.Output.from_input(join(certificate)), secrets),
        private_key_pem=pulumi.Output.secret(key.get_secret_value()) if key else None,
        expires=pulumi.Output.from_input(expiry(certificate)),
    )


def _generated(
    prefix: str, mesh_id: str, root: RootSection, opts: pulumi.ResourceOptions
) -> CertificateAuthority:
    key = private_key(f"{prefix}-key", root.key, opts)
    # Two roots of one name in a trust bundle would be mistaken for each other.
    serial = random.RandomId(
        f"{prefix}-serial", byte_length=8, keepers={"generation": str(root.generation)}, opts=opts
    )
    certificate = tls.SelfSignedCert(
        f"{prefix}-certificate",
        private_key_pem=key.private_key_pem,
        subject=tls.SelfSignedCertSubjectArgs(
            common_name=root_common_name(mesh_id, root.generation),
            organization=mesh_id,
            serial_number=serial.hex,
        ),
        allowed_uses=list(CA_USES),
        is_ca_certificate=True,
        max_path_length=ROOT_PATH_LENGTH,
        set_subject_key_id=True,
        validity_period_hours=root.validity_hours,
        opts=opts,
    )
    return CertificateAuthority(
        certificate_pem=certificate.cert_pem,
        private_key_pem=key.private_key_pem,
        expires=certificate.validity_end_time,
    )
