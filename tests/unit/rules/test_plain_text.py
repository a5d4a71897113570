"""Credentials in plain text are found by what they look like, and nothing else is taken for one."""

import base64
import json
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization

from mesh.config.problems import ConfigurationError
from tests.builders.certificates import authority
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.stacks import stack_config

CA = authority("a CA")
SERVER = {"east": "https://east.example.com:6443"}


def b64(text: str | bytes) -> str:
    """In base64."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def _segment(claims: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


JWT = (
    f"{_segment({'alg': 'RS256', 'kid': 'x'})}.{_segment({'sub': 'system:serviceaccount:a:b'})}.c2lnbmF0dXJl"
)
DER = CA.key.private_bytes(
    serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)
DOCKER = json.dumps({"auths": {"registry.example.com": {"auth": b64("me:hunter2hunter2")}}})
GOOGLE = json.dumps({"type": "service_account", "private_key": CA.key_pem})
BASIC_USER = {"username": "admin", "password": "hunter2"}
CERTIFICATE_USER = {"client-certificate-data": b64(CA.pem), "client-key-data": b64(CA.key_pem)}
EXEC_USER = {"exec": {"command": "aws", "args": ["eks", "get-token", "--cluster-name", "east"]}}
HELPER_USER = {"auth-provider": {"name": "oidc", "config": {"refresh-token": "hunter2"}}}


def problems(values: dict[str, Any], **sections: Any) -> list[str]:
    """What is said of values for istiod in plain text."""
    try:
        stack_config({"east": {}}, istio={"values": {"istiod": values}}, **sections)
    except ConfigurationError as wrong:
        return [str(problem) for problem in wrong.problems]
    return []


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (CA.key_pem, "a private key"),
        (CA.encrypted_key_pem, "a private key"),
        (b64(CA.key_pem), "a private key"),
        (b64(DER), "a private key"),
        (GOOGLE, "a private key"),
        (b64(GOOGLE), "a private key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----", "a private key"),
        (json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "d": "abc"}]}), "a private key (JWK)"),
        (JWT, "a token"),
        (f"--token={JWT}", "a token"),
        ("ghp_" + "a1" * 18, "a token"),
        ("glpat-" + "a1" * 10, "a token"),
        ("abcdef.0123456789abcdef", "a token"),
        ("https://me:hunter2@proxy.example.com:3128", "a URL with a password"),
        ("redis://:hunter2@redis:6379/0", "a URL with a password"),
        ("https://" + "a1" * 12 + "@github.com/o/r", "a URL with a token"),
        (f"Authorization: Basic {b64('me:hunter2')}", "a password (basic authentication)"),
        ("authorization=Bearer a1b2c3d4e5f6g7h8i9", "a bearer token"),
        (DOCKER, "a password (of an image registry)"),
        (kubeconfig(SERVER), "a kubeconfig's token"),
        (kubeconfig(SERVER, user=BASIC_USER), "a kubeconfig's password"),
        (kubeconfig(SERVER, user=CERTIFICATE_USER), "a kubeconfig's client-key-data"),
        (kubeconfig(SERVER, user=HELPER_USER), "a kubeconfig's refresh-token"),
        (b64(kubeconfig(SERVER)), "a kubeconfig's token"),
    ],
)
def test_a_credential_in_plain_text_is_refused_wherever_it_stands(value: str, kind: str) -> None:
    """By its content: in a value of any name, in a list, in a label; it is not repeated."""
    for values, path in (
        ({"x": {"y": value}}, "istio.values.istiod.x.y"),
        ({"list": ["a", value]}, "istio.values.istiod.list[1]"),
        ({"a.b/c": value}, 'istio.values.istiod["a.b/c"]'),
    ):
        (line,) = problems(values)
        assert line.startswith(f"{path}: is in the stack file in plain text, with {kind} in it; expected")
        assert f"pulumi config set --secret --path '{path}'" in line
        assert value not in line


@pytest.mark.parametrize(
    "values",
    [
        {"env": {"DB_PASSWORD": "hunter2"}},
        {"admin": {"password": 12345678}},
        {"extraEnv": [{"name": "DB_PASSWORD", "value": "hunter2"}]},
        {"env": {"API_KEY": "a1b2c3d4e5f6a7b8"}},
        {"telemetry": {"accessToken": "8f14e45f-ceea-467f-a1b2-c3d4e5f6a7b8"}},
    ],
)
def test_what_looks_like_nothing_is_known_by_its_key(values: dict[str, Any]) -> None:
    """A password is any text."""
    (line,) = problems(values)
    assert "is in the stack file in plain text" in line


@pytest.mark.parametrize(
    "value",
    [
        CA.pem,
        b64(CA.pem),
        CA.key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        json.dumps({"keys": [{"kty": "EC", "x": "abc", "y": "abc"}]}),
        kubeconfig(SERVER, user=EXEC_USER),
        kubeconfig(SERVER, user={"client-certificate-data": b64(CA.pem)}),
        "https://proxy.example.com:3128/path@v1",
        "postgres://app@db.example.com:5432/x",
        "https://me:${PASSWORD}@proxy.example.com",
        "ssh://git@github.com/o/r",
        "Basic authentication is off; a bearer is nobody",
        "istiod.istio-system.svc:15012",
        "registry.example.com/istio@sha256:" + "a1" * 32,
        "a1" * 20,
        "-Djavax.net.ssl.keyStore=/etc/keystore",
        "description: |\n  several lines\n  of text",
        "password",
        "token: \nnothing",
        "",
        True,
        15443,
    ],
)
def test_what_is_no_credential_is_taken(value: object) -> None:
    """Certificates and public keys, hashes, addresses, kubeconfigs without credentials."""
    assert problems({"x": {"y": value}, "list": [value]}) == []


@pytest.mark.parametrize(
    "values",
    [
        {"imagePullSecrets": ["regcred1234567890"]},
        {"secretName": "a1b2c3d4e5f6a7b8"},
        {"env": {"TOKEN_AUDIENCES": "istio-ca", "PASSWORD": "$(FROM_ELSEWHERE)", "SECRET": "my-secret-1"}},
        {"passwordFile": "/etc/password", "adminPassword": "", "password": None, "token": False},
        {"d": "x", "auth": b64("a:b")},
    ],
)
def test_a_key_alone_gives_nothing_away(values: dict[str, Any]) -> None:
    """Names of Secrets, files and placeholders are no credentials."""
    assert problems(values) == []


def test_a_credential_that_is_a_secret_is_taken() -> None:
    """That is what is asked for."""
    values = {"istiod": {"x": CA.key_pem, "password": "hunter2"}}
    assert stack_config({"east": {}}, istio={"values": values}, secret={"istio"}).clusters


@pytest.mark.parametrize(
    ("section", "value", "path"),
    [
        ("trust", {"root": {"certificate": CA.pem, "privateKey": CA.key_pem}}, "trust.root.privateKey"),
        ("trust", {"root": {"certificate": CA.pem, "privateKey": "torn"}}, "trust.root.privateKey"),
        ("clusters", {"kubeconfigContents": kubeconfig(SERVER)}, "clusters.east.kubeconfigContents"),
        ("clusters", {"istio": {"values": {"gateway": {"a": JWT}}}}, "clusters.east.istio.values.gateway.a"),
    ],
)
def test_every_section_is_searched(section: str, value: dict[str, Any], path: str) -> None:
    """Those of one cluster, too."""
    cluster: dict[str, Any] = value if section == "clusters" else {}
    sections: dict[str, Any] = {} if section == "clusters" else {section: value}
    with pytest.raises(ConfigurationError) as refused:
        stack_config({"east": cluster}, **sections)
    assert any(
        str(p).startswith(f"{path}: is in the stack file in plain text") for p in refused.value.problems
    )


def test_a_secret_that_is_a_part_of_a_name_is_refused() -> None:
    """Pulumi shows names of resources."""
    file = {"trust": {"root": {"generation": {"secure": "v1:x"}}}}
    with pytest.raises(ConfigurationError) as refused:
        stack_config({"east": {}}, trust={"root": {"generation": 2}}, secret={"trust"}, written=file)
    (problem,) = refused.value.problems
    assert problem.path == "trust.root.generation"
    assert "is a secret, and a part of the names of resources" in problem.message


def test_a_kubeconfig_as_it_is_written_has_its_credential_found() -> None:
    """Also where YAML is JSON."""
    text = json.dumps(yaml.safe_load(kubeconfig(SERVER)))
    assert len(problems({"x": text})) == 1
