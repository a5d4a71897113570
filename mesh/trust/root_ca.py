"""The mesh's root CA."""

import pulumi
import pulumi_random as random
import pulumi_tls as tls

from mesh.config.sections import RootSection
from mesh.trust import plan
from mesh.trust.private_key import private_key


class RootCA(pulumi.ComponentResource):
    """A self-signed root that signs one intermediate for each cluster, and nothing else.

    Key and certificate are protected: losing them means a new root for every workload of the mesh.
    """

    private_key_pem: pulumi.Output[str]
    certificate_pem: pulumi.Output[str]
    expires: pulumi.Output[str]

    def __init__(
        self, name: str, *, mesh_id: str, root: RootSection, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:RootCA", name, None, opts)
        generation = plan.FIRST_ROOT
        prefix = f"{name}-g{generation}"
        protected = pulumi.ResourceOptions(parent=self, protect=True)
        key = private_key(f"{prefix}-key", root.key, protected)
        # Two roots of one name in a trust bundle would be mistaken for each other.
        serial = random.RandomId(
            f"{prefix}-serial",
            byte_length=8,
            keepers={"generation": str(generation)},
            opts=protected,
        )
        certificate = tls.SelfSignedCert(
            f"{prefix}-certificate",
            private_key_pem=key.private_key_pem,
            subject=tls.SelfSignedCertSubjectArgs(
                common_name=plan.root_common_name(mesh_id, generation),
                organization=mesh_id,
                serial_number=serial.hex,
            ),
            allowed_uses=list(plan.CA_USES),
            is_ca_certificate=True,
            max_path_length=plan.ROOT_PATH_LENGTH,
            set_subject_key_id=True,
            validity_period_hours=root.validity_hours,
            opts=protected,
        )
        self.private_key_pem = key.private_key_pem
        self.certificate_pem = certificate.cert_pem
        self.expires = certificate.validity_end_time
        self.register_outputs({"certificatePem": self.certificate_pem, "expires": self.expires})
