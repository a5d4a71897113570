"""Certificates and keys of one cluster: its CA, and one certificate for each that has to prove who it is.

A relay before the API server has a CA of its own.

Names and groups are those that Kubernetes' built-in roles expect
(https://kubernetes.io/docs/setup/best-practices/certificates/).
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.cluster.files import write_private
from sandbox.cluster.layout import API_SERVICE_ADDRESS, ClusterLayout
from sandbox.errors import SandboxError

_LIFETIME = datetime.timedelta(days=365)
_RENEW_BEFORE = datetime.timedelta(days=30)
_CLOCK_SKEW = datetime.timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whom a certificate is for: `hosts` are the names and addresses under which it serves."""

    file: str
    name: str
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


def identities(cluster: ClusterLayout) -> list[Identity]:
    """Return every certificate that the cluster needs. Pure."""
    api_hosts = (
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    )
    relay_user = Identity(file="relay-user", name="sandbox:relay-user", groups=("system:masters",))
    return [
        *([relay_user] if cluster.surroundings.api_server == "relay" else []),
        Identity(
            file="kube-apiserver",
            name="kube-apiserver",
            hosts=(cluster.node_address, API_SERVICE_ADDRESS, *api_hosts),
        ),
        Identity(file="apiserver-to-kubelet", name="kube-apiserver", groups=("system:masters",)),
        Identity(file="kube-controller-manager", name="system:kube-controller-manager"),
        Identity(file="kube-scheduler", name="system:kube-scheduler"),
        Identity(file="kube-proxy", name="system:kube-proxy", groups=("system:node-proxier",)),
        Identity(file="load-balancer", name="sandbox:load-balancer"),
        Identity(file="kubelet", name=f"system:node:{cluster.node}", groups=("system:nodes",)),
        Identity(file="kubelet-server", name=cluster.node, hosts=(cluster.node, cluster.node_address)),
    ]


def relay_identities(cluster: ClusterLayout) -> list[Identity]:
    """Return the certificates by which a relay and its users know each other. Pure."""
    return [
        Identity(file="server", name=cluster.relay_name, hosts=(cluster.relay_name,)),
        Identity(file="client", name="peer"),
    ]


def ensure(cluster: ClusterLayout) -> None:
    """Make what is missing, about to expire, or made for other addresses; keep the rest."""
    _ensure(cluster.pki, f"{cluster.name}-ca", identities(cluster))
    if not (cluster.pki / "service-accounts.pub").exists():
        _write_public_key(
            cluster.pki / "service-accounts.pub", _new_key(cluster.pki / "service-accounts.key")
        )
    if cluster.surroundings.api_server == "relay":
        _ensure(cluster.relay, f"{cluster.name}-relay-ca", relay_identities(cluster))


def issue_for_relay(cluster: ClusterLayout, file: str, lifetime: datetime.timedelta) -> None:
    """Issue the relay's certificate (`server`), or that of its users (`client`), anew."""
    identity = next(identity for identity in relay_identities(cluster) if identity.file == file)
    _issue(cluster.relay, identity, lifetime)


def _ensure(folder: Path, ca: str, wanted: Sequence[Identity]) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / "ca.crt").exists():
        key = _new_key(folder / "ca.key")
        _write_certificate(folder / "ca.crt", _ca_certificate(ca, key))
    for identity in wanted:
        if not _serves_still(folder / f"{identity.file}.crt", identity):
            _issue(folder, identity, _LIFETIME)


def _serves_still(file: Path, identity: Identity) -> bool:
    if not file.exists():
        return False
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return (
        left > _RENEW_BEFORE
        and _subject(identity) == certificate.subject
        and _hosts(certificate) == set(identity.hosts)
    )


def _hosts(certificate: x509.Certificate) -> set[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = names.get_values_for_type(x509.IPAddress)
    return {*names.get_values_for_type(x509.DNSName), *(str(address) for address in addresses)}


def _new_key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    write_private(
        file,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ),
    )
    return key


def _write_public_key(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    write_private(file, key.public_key().public_bytes(serialization.Encoding.PEM, form))


def _write_certificate(file: Path, certificate: x509.Certificate) -> None:
    write_private(file, certificate.public_bytes(serialization.Encoding.PEM))


def _subject(identity: Identity) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, identity.name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _ca_certificate(name: str, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key, _LIFETIME)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.add_extension(_key_usage(ca=True), critical=True).sign(key, hashes.SHA256())


def _issue(folder: Path, identity: Identity, lifetime: datetime.timedelta) -> None:
    """Sign a certificate with a new key, as a server's when it has hosts and as a client's when not."""
    ca = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    ca_key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise SandboxError(f"{folder / 'ca.key'}: expected an elliptic curve key, as the sandbox makes it")
    key = _new_key(folder / f"{identity.file}.key")
    usage = ExtendedKeyUsageOID.SERVER_AUTH if identity.hosts else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = _builder(_subject(identity), ca.subject, key, lifetime)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(ca=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
    )
    if identity.hosts:
        builder = builder.add_extension(_alternative_names(identity.hosts), critical=False)
    _write_certificate(folder / f"{identity.file}.crt", builder.sign(ca_key, hashes.SHA256()))


def _alternative_names(hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general_name(host) for host in hosts])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
