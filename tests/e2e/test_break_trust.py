"""What breaks the trust between two clusters is named by `mesh verify`, and its hint mends it."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import NameOID

from mesh.samples.names import CLIENT, NAMESPACE, SERVICE
from tests.e2e.faults import SYSTEM, follow, replace, restart, sees
from tests.e2e.kube import Kube
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

View = Callable[[str], Kube]
_NOW = datetime.now(UTC)


def test_an_expired_intermediate_is_named(mesh: Stack, kube: View) -> None:
    """It is signed by the mesh's own root, and ended an hour ago."""
    west = kube("west")
    right = west.get("secret", "cacerts", f"--namespace={SYSTEM}")
    root = _parsed(right, "root-cert.pem")
    expired = _signed(
        _parsed(right, "ca-cert.pem"),
        root,
        _root_key(mesh),
        _NOW - timedelta(hours=2),
        _NOW - timedelta(hours=1),
    )
    replace(west, _with(right, {"ca-cert.pem": _pem(expired), "cert-chain.pem": _pem(expired) + _pem(root)}))
    verdict = sees(mesh, "east", "west", "intermediate-expired")
    assert verdict.reasons("west", "west")[:1] == ["intermediate-expired"], verdict
    assert verdict.reasons("east", "east") == [], verdict
    follow(mesh, kube, verdict, "east", "west")


def test_another_root_in_one_cluster_is_named(mesh: Stack, kube: View) -> None:
    """Each cluster trusts itself, and neither the other."""
    west = kube("west")
    right = west.get("secret", "cacerts", f"--namespace={SYSTEM}")
    replace(west, _with(right, _foreign(_parsed(right, "ca-cert.pem"))))
    # istiod takes a root that has nothing to do with the one before only when it starts.
    restart(west, "istiod")
    restart(west, f"{SERVICE}-west", namespace=NAMESPACE)
    verdict = sees(mesh, "east", "west", "different-roots")
    assert verdict.reasons("west", "east")[:1] == ["different-roots"], verdict
    assert verdict.reasons("east", "east") == [], verdict
    follow(mesh, kube, verdict, "east", "west", also=lambda: _restart_workloads(west))


def _restart_workloads(west: Kube) -> None:
    restart(west, "istio-eastwestgateway")
    restart(west, f"{SERVICE}-west", CLIENT, namespace=NAMESPACE)


def _foreign(intermediate: x509.Certificate) -> dict[str, bytes]:
    """Another root with an intermediate of its own, as `cacerts` has them."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "another root")])
    ends = _NOW + timedelta(days=1)
    root = _built(name, name, root_key.public_key(), _NOW - timedelta(hours=1), ends, ()).sign(
        root_key, hashes.SHA256()
    )
    signed = _signed(intermediate, root, root_key, _NOW - timedelta(hours=1), ends, key.public_key())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "ca-cert.pem": _pem(signed),
        "ca-key.pem": private,
        "root-cert.pem": _pem(root),
        "cert-chain.pem": _pem(signed) + _pem(root),
    }


def _signed(
    like: x509.Certificate,
    root: x509.Certificate,
    root_key: Any,
    begin: datetime,
    end: datetime,
    public_key: Any = None,
) -> x509.Certificate:
    """A certificate that says the same as another, but for its time and, on request, its key."""
    names = [e for e in like.extensions if isinstance(e.value, x509.SubjectAlternativeName)]
    public = public_key or like.public_key()
    return _built(like.subject, root.subject, public, begin, end, names).sign(root_key, hashes.SHA256())


def _built(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: CertificatePublicKeyTypes,
    begin: datetime,
    end: datetime,
    extensions: Iterable[x509.Extension[Any]],
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    for extension in extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder


def _root_key(stack: Stack) -> Any:
    [key] = [
        resource["outputs"]["privateKeyPem"]["plaintext"]
        for resource in stack.state(show_secrets=True)["deployment"]["resources"]
        if resource["urn"].endswith("::mesh-root-g1-key")
    ]
    return serialization.load_pem_private_key(json.loads(key).encode(), None)


def _parsed(secret: Mapping[str, Any], key: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode(secret["data"][key]))


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _with(secret: Mapping[str, Any], data: Mapping[str, bytes]) -> dict[str, Any]:
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return {**secret, "data": {**secret["data"], **encoded}}
