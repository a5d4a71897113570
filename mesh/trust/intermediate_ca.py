"""A cluster's intermediate CA, and the Secret by which istiod gets it."""

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_tls as tls

from mesh.config.sections import IntermediateSection
from mesh.trust import plan
from mesh.trust.private_key import private_key
from mesh.trust.root_ca import RootCA


class IntermediateCA(pulumi.ComponentResource):
    """A CA of one cluster's own, signed by the mesh's root, in the cluster as Istio's `cacerts`.

    Keys of the Secret: `security/pkg/pki/ca` in istio/istio. It is updated in place and never made
    again, because istiod watches the file only if it was there when istiod started.
    """

    certificate_pem: pulumi.Output[str]
    expires: pulumi.Output[str]
    secret: kubernetes.core.v1.Secret

    def __init__(
        self,
        name: str,
        *,
        mesh_id: str,
        cluster: str,
        namespace: pulumi.Input[str],
        intermediate: IntermediateSection,
        root: RootCA,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mesh:index:IntermediateCA", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        prefix = f"{name}-g{intermediate.generation}"
        key = private_key(f"{prefix}-key", intermediate.key, child)
        request = tls.CertRequest(
            f"{prefix}-request",
            private_key_pem=key.private_key_pem,
            subject=tls.CertRequestSubjectArgs(
                common_name=plan.intermediate_common_name(mesh_id, cluster), organization=mesh_id
            ),
            dns_names=[plan.ISTIOD_DNS_NAME],
            opts=child,
        )
        certificate = tls.LocallySignedCert(
            f"{prefix}-certificate",
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=root.private_key_pem,
            ca_cert_pem=root.certificate_pem,
            allowed_uses=list(plan.CA_USES),
            is_ca_certificate=True,
            set_subject_key_id=True,
            validity_period_hours=intermediate.validity_hours,
            early_renewal_hours=intermediate.renew_before_hours,
            opts=child,
        )
        self.secret = kubernetes.core.v1.Secret(
            f"{cluster}-cacerts",
            metadata={"name": "cacerts", "namespace": namespace},
            string_data={
                "ca-cert.pem": certificate.cert_pem,
                "ca-key.pem": key.private_key_pem,
                "root-cert.pem": root.certificate_pem,
                "cert-chain.pem": pulumi.Output.all(certificate.cert_pem, root.certificate_pem).apply(
                    lambda certificates: plan.chain(*certificates)
                ),
            },
            opts=child,
        )
        self.certificate_pem = certificate.cert_pem
        self.expires = certificate.validity_end_time
        self.register_outputs({"certificatePem": self.certificate_pem, "expires": self.expires})
