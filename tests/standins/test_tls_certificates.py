"""What pulumi-tls makes of certificate requests and certificates."""

import datetime
import ipaddress
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_tls as tls
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.standins.engine import Program, Stack, is_secret

_CA: dict[str, Any] = {
    "subject": {"common_name": "Root", "organization": "Mesh"},
    "is_ca_certificate": True,
    "set_subject_key_id": True,
    "validity_period_hours": 100,
    "allowed_uses": ["cert_signing", "crl_signing"],
}


def _chain(**root: Any) -> Program:
    """A program with a root, and an intermediate that it has signed."""

    def program() -> None:
        key = tls.PrivateKey("root-key", algorithm="ECDSA", ecdsa_curve="P384")
        certificate = tls.SelfSignedCert(
            "root", private_key_pem=key.private_key_pem, **{**_CA, "max_path_length": 1, **root}
        )
        leaf_key = tls.PrivateKey("leaf-key", algorithm="RSA")
        request = tls.CertRequest(
            "request",
            private_key_pem=leaf_key.private_key_pem,
            subject={
                "common_name": "east",
                "organization": "Mesh",
                "organizational_unit": "Clusters",
                "street_addresses": ["1 A St", "2 B St"],
                "locality": "Bern",
                "province": "BE",
                "country": "CH",
                "postal_code": "3000",
                "serial_number": "7",
            },
            dns_names=["east.mesh", "istiod.istio-system.svc"],
            ip_addresses=["10.0.0.1"],
            uris=["spiffe://cluster.local/ns/a/sa/b"],
        )
        leaf = tls.LocallySignedCert(
            "leaf",
            cert_request_pem=request.cert_request_pem,
            ca_private_key_pem=key.private_key_pem,
            ca_cert_pem=certificate.cert_pem,
            validity_period_hours=50,
            early_renewal_hours=10,
            is_ca_certificate=True,
            set_subject_key_id=True,
            allowed_uses=["digital_signature", "key_encipherment", "cert_signing", "server_auth"],
        )
        pulumi.export("root", certificate.cert_pem)
        pulumi.export("leaf", leaf.cert_pem)
        pulumi.export("request", request.cert_request_pem)
        pulumi.export("leaf-key", leaf_key.private_key_pem)
        pulumi.export("end", leaf.validity_end_time)
        pulumi.export("ready", leaf.ready_for_renewal)

    return program


@pytest.fixture(scope="module")
def outputs(module_stack: Stack) -> dict[str, Any]:
    """The outputs of one chain; nothing in this module changes it."""
    return dict(module_stack.up(_chain()).outputs)


def _certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def test_the_chain_verifies_and_bears_the_names_of_the_request(outputs: dict[str, Any]) -> None:
    """Issuer, signature and public key fit; subject and alternative names come from the request."""
    root, leaf = _certificate(outputs["root"]), _certificate(outputs["leaf"])
    root.verify_directly_issued_by(root)
    leaf.verify_directly_issued_by(root)
    key = load_pem_private_key(outputs["leaf-key"].encode(), None)
    assert leaf.public_key() == key.public_key()
    assert leaf.subject.rfc4514_string() == (
        "2.5.4.5=7,CN=east,OU=Clusters,O=Mesh,2.5.4.17=3000,STREET=1 A St+STREET=2 B St,L=Bern,ST=BE,C=CH"
    )
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert not names.critical
    assert list(names.value) == [
        x509.DNSName("east.mesh"),
        x509.DNSName("istiod.istio-system.svc"),
        x509.IPAddress(ipaddress.ip_address("10.0.0.1")),
        x509.UniformResourceIdentifier("spiffe://cluster.local/ns/a/sa/b"),
    ]


def test_the_request_is_signed_and_says_the_same(outputs: dict[str, Any]) -> None:
    """A request stands on its own."""
    request = x509.load_pem_x509_csr(outputs["request"].encode())
    assert request.is_signature_valid
    assert request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "east"
    names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://cluster.local/ns/a/sa/b"]


def test_uses_become_key_usage_and_extended_key_usage(outputs: dict[str, Any]) -> None:
    """Each use is in the extension that it belongs to; only the first is critical."""
    leaf = _certificate(outputs["leaf"])
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_encipherment
    assert usage.value.key_cert_sign
    assert not usage.value.crl_sign
    extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert not extended.critical
    assert list(extended.value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    with pytest.raises(x509.ExtensionNotFound):
        _certificate(outputs["root"]).extensions.get_extension_for_class(x509.ExtendedKeyUsage)


def test_a_path_length_is_kept_and_none_means_no_limit(outputs: dict[str, Any]) -> None:
    """A root with a path length of 1 forbids CAs below its intermediates."""
    for name, length in (("root", 1), ("leaf", None)):
        constraints = _certificate(outputs[name]).extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.critical
        assert constraints.value == x509.BasicConstraints(ca=True, path_length=length)


def test_key_identifiers_link_the_chain(outputs: dict[str, Any]) -> None:
    """A signed certificate names its signer's key by itself; a self-signed one only if asked to."""
    root, leaf = _certificate(outputs["root"]), _certificate(outputs["leaf"])
    root_id = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert root_id == x509.SubjectKeyIdentifier.from_public_key(root.public_key())
    authority = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert authority.key_identifier == root_id.digest
    with pytest.raises(x509.ExtensionNotFound):
        root.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)


def test_validity_is_counted_in_hours_from_now_and_told_in_rfc_3339(outputs: dict[str, Any]) -> None:
    """The output's end is the certificate's, down to the second."""
    leaf = _certificate(outputs["leaf"])
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == datetime.timedelta(hours=50)
    age = datetime.datetime.now(datetime.UTC) - leaf.not_valid_before_utc
    assert datetime.timedelta(0) <= age < datetime.timedelta(minutes=10)
    end = datetime.datetime.fromisoformat(outputs["end"])
    assert abs(end - leaf.not_valid_after_utc) < datetime.timedelta(seconds=1)
    assert outputs["ready"] is False


@pytest.mark.usefixtures("outputs")
def test_private_keys_are_secret_and_certificates_are_not(module_stack: Stack) -> None:
    """The only secret of a certificate is the key among its inputs; the ID is the serial number."""
    for name, secret in (
        ("root", "privateKeyPem"),
        ("request", "privateKeyPem"),
        ("leaf", "caPrivateKeyPem"),
    ):
        state = module_stack.resource(name)
        for properties in (state["inputs"], state["outputs"]):
            assert {key for key, value in properties.items() if is_secret(value)} == {secret}
    leaf = module_stack.resource("leaf")
    assert leaf["id"] == str(_certificate(leaf["outputs"]["certPem"]).serial_number)


@pytest.mark.usefixtures("outputs")
def test_nothing_changes_while_the_inputs_stay(module_stack: Stack) -> None:
    """Neither a second update nor a refresh touches a certificate."""
    assert set(module_stack.preview(_chain()).ops.values()) == {"same"}
    assert set(module_stack.refresh().ops.values()) == {"refresh"}
    assert set(module_stack.up(_chain()).ops.values()) == {"same"}


@pytest.mark.usefixtures("outputs")
def test_the_preview_of_another_root_replaces_what_depends_on_it(module_stack: Stack) -> None:
    """A root of another subject is unknown until it is made, and so is all that it signs."""
    preview = module_stack.preview(_chain(subject={"common_name": "Other"}))
    assert preview.ops == {
        "root-key": "same",
        "leaf-key": "same",
        "request": "same",
        "root": "replace",
        "leaf": "replace",
    }
    assert preview.steps["root"].replacing == {"subject"}


@pytest.mark.usefixtures("outputs")
@pytest.mark.parametrize(
    ("change", "op"),
    [
        ({"validity_period_hours": 101}, "replace"),
        ({"allowed_uses": ["cert_signing"]}, "replace"),
        ({"max_path_length": 2}, "replace"),
        ({"max_path_length": None}, "same"),
        ({"set_authority_key_id": True}, "replace"),
        ({"dns_names": ["root.mesh"]}, "replace"),
        ({"early_renewal_hours": 1}, "update"),
        ({"early_renewal_hours": 0}, "same"),
    ],
)
def test_what_is_in_a_certificate_replaces_it_and_the_time_of_renewal_does_not(
    module_stack: Stack, change: dict[str, Any], op: str
) -> None:
    """`early_renewal_hours` only says when to make the next one."""
    assert module_stack.preview(_chain(**change)).ops["root"] == op


def _root(**arguments: Any) -> Program:
    def program() -> None:
        key = tls.PrivateKey("key", algorithm="ED25519")
        made = tls.SelfSignedCert("root", private_key_pem=key.private_key_pem, **{**_CA, **arguments})
        pulumi.export("certificate", made.cert_pem)

    return program


def test_a_certificate_inside_its_renewal_window_is_replaced_by_a_plain_preview(stack: Stack) -> None:
    """The window opens by moving its hours; the preview shows it with and without a refresh."""
    first = stack.up(_root(early_renewal_hours=99))
    assert stack.preview(_root(early_renewal_hours=99)).ops["root"] == "same", "one hour is left"
    inside = stack.preview(_root(early_renewal_hours=101))
    assert inside.ops["root"] == "replace"
    assert inside.steps["root"].changed == {"earlyRenewalHours", "readyForRenewal"}
    assert inside.steps["root"].replacing == {"readyForRenewal"}
    second = stack.up(_root(early_renewal_hours=101))
    assert second.outputs["certificate"] != first.outputs["certificate"]
    for again in (stack.preview(_root(early_renewal_hours=101)), _refreshed_preview(stack)):
        assert again.ops == {"key": "same", "root": "replace"}, "it is inside the window from the start"
    third = stack.up(_root(early_renewal_hours=99))
    assert third.outputs["certificate"] == second.outputs["certificate"], "outside the window again"
    assert stack.resource("root")["outputs"]["readyForRenewal"] is False


def _refreshed_preview(stack: Stack) -> Any:
    return stack.preview(_root(early_renewal_hours=101), refresh=True)


def test_a_path_length_of_zero_is_lost(stack: Stack) -> None:
    """Measured, and the reason why the program asks for 1 on its root."""
    pem = stack.up(_root(max_path_length=0)).outputs["certificate"]
    constraints = _certificate(pem).extensions.get_extension_for_class(x509.BasicConstraints).value
    assert constraints.path_length is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"allowed_uses": ["signing_certs"]}, ("allowed", "signing_certs")),
        ({"validity_period_hours": -1}, ("validity", "-1")),
        ({"ip_addresses": ["10.0.0"]}, ("10.0.0",)),
        ({"subject": {}}, ("Certificate Authority|CA certificate",)),
        ({"private_key_pem": "no PEM"}, ("private key", "PEM")),
    ],
)
def test_a_certificate_that_cannot_be_made_is_refused(
    stack: Stack, arguments: dict[str, Any], words: tuple[str, ...]
) -> None:
    """The message names the trouble, and no certificate is left in the state."""
    made: Callable[[], Any] = lambda: tls.SelfSignedCert(  # noqa: E731 - the program of one line
        "root", **{"private_key_pem": "no PEM", **_CA, **arguments}
    )
    program = made if "private_key_pem" in arguments else _root(**arguments)
    text = stack.fails(program)
    for word in words:
        assert any(choice in text for choice in word.split("|")), text
    assert "root" not in {resource["urn"].rsplit("::", 1)[1] for resource in stack.resources()}
