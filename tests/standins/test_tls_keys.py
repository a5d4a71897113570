"""What pulumi-tls makes of a private key."""

import base64
import hashlib
from typing import Any

import pulumi
import pulumi_tls as tls
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
    load_ssh_private_key,
)

from tests.standins.engine import Stack, is_secret

_KEYS: dict[str, dict[str, Any]] = {
    "rsa": {"algorithm": "RSA"},
    "rsa-3072": {"algorithm": "RSA", "rsa_bits": 3072},
    "p224": {"algorithm": "ECDSA"},
    "p256": {"algorithm": "ECDSA", "ecdsa_curve": "P256"},
    "p384": {"algorithm": "ECDSA", "ecdsa_curve": "P384"},
    "p521": {"algorithm": "ECDSA", "ecdsa_curve": "P521"},
    "ed25519": {"algorithm": "ED25519"},
}
_OUTPUTS = (
    "private_key_pem",
    "private_key_pem_pkcs8",
    "private_key_openssh",
    "public_key_pem",
    "public_key_openssh",
    "public_key_fingerprint_md5",
    "public_key_fingerprint_sha256",
)


def _all_keys() -> None:
    for name, arguments in _KEYS.items():
        key = tls.PrivateKey(name, **arguments)
        pulumi.export(name, {output: getattr(key, output) for output in _OUTPUTS})


@pytest.fixture(scope="module")
def keys(module_stack: Stack) -> dict[str, dict[str, str]]:
    """The outputs of one key of each kind."""
    return dict(module_stack.up(_all_keys).outputs)


def test_keys_are_of_the_algorithm_and_size_asked_for(keys: dict[str, dict[str, str]]) -> None:
    """RSA has 2048 bits by default; the default curve is P224."""
    loaded = {name: load_pem_private_key(key["private_key_pem"].encode(), None) for name, key in keys.items()}
    assert {name: key.key_size for name, key in loaded.items() if isinstance(key, rsa.RSAPrivateKey)} == {
        "rsa": 2048,
        "rsa-3072": 3072,
    }
    curves = {k: key.curve.name for k, key in loaded.items() if isinstance(key, ec.EllipticCurvePrivateKey)}
    assert curves == {"p224": "secp224r1", "p256": "secp256r1", "p384": "secp384r1", "p521": "secp521r1"}
    assert isinstance(loaded["ed25519"], ed25519.Ed25519PrivateKey)


def test_the_pem_form_is_the_traditional_one_of_each_algorithm(keys: dict[str, dict[str, str]]) -> None:
    """Istio reads `RSA PRIVATE KEY` and `EC PRIVATE KEY`; PKCS 8 is an output of its own."""
    heads = {name: key["private_key_pem"].splitlines()[0].strip("-") for name, key in keys.items()}
    assert heads == {
        "rsa": "BEGIN RSA PRIVATE KEY",
        "rsa-3072": "BEGIN RSA PRIVATE KEY",
        **dict.fromkeys(("p224", "p256", "p384", "p521"), "BEGIN EC PRIVATE KEY"),
        "ed25519": "BEGIN PRIVATE KEY",
    }
    for key in keys.values():
        assert key["private_key_pem_pkcs8"].startswith("-----BEGIN PRIVATE KEY-----\n")
        assert key["public_key_pem"].startswith("-----BEGIN PUBLIC KEY-----\n")
        assert key["private_key_pem"].endswith("-----\n")


def test_all_forms_are_of_the_same_key(keys: dict[str, dict[str, str]]) -> None:
    """Private and public PEM, PKCS 8 and OpenSSH belong together."""
    for name, key in keys.items():
        public = load_pem_public_key(key["public_key_pem"].encode())
        assert load_pem_private_key(key["private_key_pem"].encode(), None).public_key() == public
        assert load_pem_private_key(key["private_key_pem_pkcs8"].encode(), None).public_key() == public
        if name != "p224":
            assert load_ssh_private_key(key["private_key_openssh"].encode(), None).public_key() == public
            text = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
            assert key["public_key_openssh"] == f"{text}\n"


def test_fingerprints_are_those_of_ssh_keygen(keys: dict[str, dict[str, str]]) -> None:
    """MD5 in pairs of digits and SHA-256 in base64, of the public key as SSH sends it."""
    for name, key in keys.items():
        if name != "p224":
            blob = base64.b64decode(key["public_key_openssh"].split()[1])
            md5 = hashlib.md5(blob, usedforsecurity=False).hexdigest()
            pairs = [md5[index : index + 2] for index in range(0, len(md5), 2)]
            assert key["public_key_fingerprint_md5"] == ":".join(pairs)
            sha256 = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
            assert key["public_key_fingerprint_sha256"] == f"SHA256:{sha256}"


def test_openssh_forms_of_a_curve_that_it_does_not_know_are_empty(keys: dict[str, dict[str, str]]) -> None:
    """OpenSSH has no P224."""
    assert {name for name, value in keys["p224"].items() if not value} == {
        "private_key_openssh",
        "public_key_openssh",
        "public_key_fingerprint_md5",
        "public_key_fingerprint_sha256",
    }


@pytest.mark.usefixtures("keys")
def test_private_keys_are_secret_in_the_state_and_public_keys_are_not(module_stack: Stack) -> None:
    """Exactly the three private forms are encrypted; the ID tells nothing of them."""
    state = module_stack.resource("p256")
    assert {name for name, value in state["outputs"].items() if is_secret(value)} == {
        "privateKeyPem",
        "privateKeyPemPkcs8",
        "privateKeyOpenssh",
    }
    public = load_pem_public_key(state["outputs"]["publicKeyPem"].encode())
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert state["id"] == hashlib.sha1(der, usedforsecurity=False).hexdigest()


def test_the_provider_itself_marks_private_keys(stack: Stack) -> None:
    """They are secret too for a program whose SDK does not say so."""
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )

    def program() -> None:
        key = {"algorithm": "ED25519", "privateKeyPem": None}
        pulumi.CustomResource("tls:index/privateKey:PrivateKey", "key", key)
        request = {"privateKeyPem": pem.decode(), "dnsNames": ["a.mesh"], "certRequestPem": None}
        pulumi.CustomResource("tls:index/certRequest:CertRequest", "request", request)

    stack.up(program)
    for name in ("key", "request"):
        outputs = stack.resource(name)["outputs"]
        secret = {key for key, value in outputs.items() if is_secret(value)}
        assert secret == {key for key in outputs if key.startswith("privateKey")}
        assert secret


@pytest.mark.usefixtures("keys")
def test_nothing_changes_while_the_inputs_stay(module_stack: Stack) -> None:
    """Neither a second update nor a refresh touches a key; nor does a default written out."""

    def same_keys_with_defaults() -> None:
        for name, arguments in _KEYS.items():
            tls.PrivateKey(name, **{"rsa_bits": 2048, "ecdsa_curve": "P224", **arguments})

    assert set(module_stack.preview(_all_keys).ops.values()) == {"same"}
    assert set(module_stack.preview(same_keys_with_defaults).ops.values()) == {"same"}
    assert set(module_stack.refresh().ops.values()) == {"refresh"}


@pytest.mark.usefixtures("keys")
def test_any_other_input_makes_another_key(module_stack: Stack) -> None:
    """Algorithm, size and curve each replace the key, and only that key."""

    def other_keys() -> None:
        for name, arguments in _KEYS.items():
            other = {"rsa": {"rsa_bits": 3072}, "p256": {"ecdsa_curve": "P384"}, "p521": {"algorithm": "RSA"}}
            tls.PrivateKey(name, **{**arguments, **other.get(name, {})})

    ops = module_stack.preview(other_keys).ops
    assert {name for name, op in ops.items() if op == "replace"} == {"rsa", "p256", "p521"}
    assert {name for name, op in ops.items() if op == "same"} == {"rsa-3072", "p224", "p384", "ed25519"}


def test_an_algorithm_that_does_not_exist_is_refused_with_the_choices(stack: Stack) -> None:
    """The message names what is possible."""

    def program() -> None:
        tls.PrivateKey("it", algorithm="DSA")

    text = stack.fails(program)
    assert all(word in text for word in ("algorithm", "RSA", "ECDSA", "ED25519", "DSA"))
    assert stack.resources() == []


def test_a_key_cannot_be_imported(stack: Stack) -> None:
    """It exists in the state alone."""

    def program() -> None:
        tls.PrivateKey("it", algorithm="RSA", opts=pulumi.ResourceOptions(import_="0123"))

    assert "import" in stack.fails(program).lower()
