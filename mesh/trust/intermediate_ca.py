"""A cluster's intermediate CA, and the Secret by which istiod gets it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_tls as tls

from mesh.config.secrets import Secrets
from mesh.config.sections.trust import IntermediateSection
from mesh.pki.certificates import certificate_chain, expiry, join, path_expiry
from mesh.pki.lifetime import Lifetime, lifetime
from mesh.pki.profile import CA_USES, ISTIOD_DNS_NAME, intermediate_common_name
from mesh.pki.revocation import complete
from mesh.secret_values import protected
from mesh.trust.certificate_authority import CertificateAuthority, private_key, revocation_list
from mesh.trust.root_ca import RootCA


@dataclass(frozen=True, kw_only=True)
class SigningCA:
    """The CA that a cluster's istiod signs with, as PEM, and when its certificate expires (RFC 3339).

    `chain_pem` has the certificates between it and the root.
    """

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    expires: pulumi.Output[str]
    chain_pem: str = ""


@dataclass(frozen=True, kw_only=True)
class RevocationLists:
    """The CRLs of all CAs of a mesh, and those that its clusters have now, as PEM.

    There are no `declared` ones until every other stack of the mesh has stated its own: proxies would refuse
    its workloads.
    """

    declared: pulumi.Output[Sequence[str]]
    current: str


class IntermediateCA(pulumi.ComponentResource):
    """A CA of one cluster's own, signed by the mesh's root, in the cluster as Istio's `cacerts`.

    Keys of the Secret: `security/pkg/pki/ca` in istio/istio. It is updated in place and never made
    again, because istiod watches the file only if it was there when istiod started. Where the cluster has
    its `cacerts` from elsewhere, there is no `secret`, and the first certificate of the chain there to expire
    counts.
    """

    expires: pulumi.Output[str] | None
    secret: kubernetes.core.v1.Secret | None
    revocation_list: pulumi.Output[str] | None
    """Its own, empty CRL as PEM; None if the mesh has no CRLs, or not its key."""

    def __init__(
        self,
        name: str,
        *,
        mesh_id: str,
        cluster: str,
        namespace: pulumi.Input[str],
        intermediate: IntermediateSection,
        root: RootCA,
        secrets: Secrets,
        current: str,
        retain: bool,
        revocation: RevocationLists | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """With `retain`, `cacerts` stays in the cluster when it is no longer declared."""
        super().__init__("mesh:index:IntermediateCA", name, None, opts)
        self.expires = self.secret = self.revocation_list = None
        if intermediate.existing:
            if current:
                self.expires = pulumi.Output.from_input(path_expiry(current))
            return
        child = pulumi.ResourceOptions(parent=self)
        if intermediate.generated:
            signing_ca = _generated(name, mesh_id, cluster, intermediate, root.signing, current, child)
        else:
            signing_ca = _provided(intermediate, secrets)
        self.expires = signing_ca.expires
        stated = {"certificatePem": signing_ca.certificate_pem, "expires": signing_ca.expires}
        if revocation:
            self.revocation_list = revocation_list(
                signing_ca.certificate_pem, signing_ca.private_key_pem, (), secrets
            )
            stated["revocationList"] = self.revocation_list
        self.secret = _cacerts(
            cluster,
            namespace,
            signing_ca,
            root,
            revocation,
            # A cluster that gets its `cacerts` from elsewhere from now on goes on with this one until then.
            # One that was imported says `Opaque`, as the default is: the provider would replace it for that.
            pulumi.ResourceOptions.merge(
                child, pulumi.ResourceOptions(retain_on_delete=retain, ignore_changes=["type"])
            ),
        )
        self.register_outputs(stated)


def _generated(
    name: str,
    mesh_id: str,
    cluster: str,
    intermediate: IntermediateSection,
    root: CertificateAuthority,
    current: str,
    opts: pulumi.ResourceOptions,
) -> SigningCA:
    if root.private_key_pem is None:
        raise ValueError(f"{cluster}: an offline root signs no generated intermediate")
    prefix = f"{name}-g{intermediate.generation}"
    key = private_key(f"{prefix}-key", intermediate.key, opts)
    request = tls.CertRequest(
        f"{prefix}-request",
        private_key_pem=key.private_key_pem,
        subject=tls.CertRequestSubjectArgs(
            common_name=intermediate_common_name(mesh_id, cluster, intermediate.generation),
            organization=mesh_id,
        ),
        dns_names=[ISTIOD_DNS_NAME],
        # Up to earlier releases all generations had the name of the first: such a CA keeps it.
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(ignore_changes=["subject.commonName"])
        ),
    )
    wanted = Lifetime(hours=intermediate.validity_hours, renew_before_hours=intermediate.renew_before_hours)
    valid = pulumi.Output.all(root.certificate_pem, key.public_key_pem).apply(
        lambda known: lifetime(
            wanted, root=known[0], public_key=known[1], current=current, now=datetime.now(UTC)
        )
    )
    certificate = tls.LocallySignedCert(
        f"{prefix}-certificate",
        cert_request_pem=request.cert_request_pem,
        ca_private_key_pem=root.private_key_pem,
        ca_cert_pem=root.certificate_pem,
        allowed_uses=list(CA_USES),
        is_ca_certificate=True,
        set_subject_key_id=True,
        validity_period_hours=valid.apply(lambda found: found.hours),
        early_renewal_hours=valid.apply(lambda found: found.renew_before_hours),
        opts=opts,
    )
    return SigningCA(
        certificate_pem=certificate.cert_pem,
        private_key_pem=key.private_key_pem,
        expires=certificate.validity_end_time,
    )


def _provided(intermediate: IntermediateSection, secrets: Secrets) -> SigningCA:
    certificate, key = intermediate.certificate or "", intermediate.private_key
    return SigningCA(
        certificate_pem=protected(pulumi.Output.from_input(join(certificate)), secrets),
        private_key_pem=pulumi.Output.secret(key.get_secret_value() if key else ""),
        expires=pulumi.Output.from_input(expiry(certificate)),
        chain_pem=intermediate.chain or "",
    )


def _cacerts(
    cluster: str,
    namespace: pulumi.Input[str],
    signing_ca: SigningCA,
    root: RootCA,
    revocation: RevocationLists | None,
    opts: pulumi.ResourceOptions,
) -> kubernetes.core.v1.Secret:
    chain = pulumi.Output.all(signing_ca.certificate_pem, root.signing.certificate_pem).apply(
        lambda pems: certificate_chain(pems[0], signing_ca.chain_pem, pems[1])
    )
    return kubernetes.core.v1.Secret(
        f"{cluster}-cacerts",
        metadata={"name": "cacerts", "namespace": namespace},
        string_data={
            "ca-cert.pem": signing_ca.certificate_pem,
            "ca-key.pem": signing_ca.private_key_pem,
            "root-cert.pem": root.bundle,
            "cert-chain.pem": chain,
            **({"ca-crl.pem": _lists(revocation)} if revocation else {}),
        },
        opts=opts,
    )


def _lists(revocation: RevocationLists) -> pulumi.Output[str]:
    """For istiod, an empty text is no CRL."""
    return revocation.declared.apply(
        lambda declared: complete(declared, revocation.current, datetime.now(UTC)) if declared else ""
    )
