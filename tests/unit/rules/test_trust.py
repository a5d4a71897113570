"""Roots and intermediates of the user's own: what is right passes, what is wrong has its one sentence."""

from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from mesh.config.problems import ConfigurationError
from mesh.load import load
from tests.builders.certificates import Authority, authority
from tests.builders.kubeconfigs import kubeconfig

ROOT = authority("root", path_length=1)
OTHER = authority("other root")
OWN = authority("own", issuer=ROOT)
WIDE = authority("wide root")
MIDDLE = authority("middle", issuer=WIDE)
BELOW = authority("below", issuer=MIDDLE)
NARROW = authority("narrow", issuer=WIDE, path_length=0)


def problems(
    root: Mapping[str, Any], intermediate: Mapping[str, Any] | None = None, *, offline: bool = False
) -> list[str]:
    """What is wrong with a stack of one cluster with that root and that intermediate."""
    own = {"trust": {"intermediate": intermediate}} if intermediate else {}
    east = {"context": "east", "offline": offline, **own}
    raw = {"mesh": {"id": "dev"}, "trust": {"root": root}, "clusters": {"east": east}}
    text = kubeconfig({"east": "https://east.example.com:6443"})
    try:
        load(raw, read=lambda _: text, secret={"trust", "clusters"}).valid()
    except ConfigurationError as wrong:
        return [str(problem) for problem in wrong.problems]
    return []


def given(own: Authority, key: str | None = None, **more: Any) -> dict[str, Any]:
    """An intermediate's section with that certificate and its key, or another key."""
    return {"certificate": own.pem, "privateKey": own.key_pem if key is None else key, **more}


def keyed(root: Authority, key: str | None = None, **more: Any) -> dict[str, Any]:
    """A root's section with certificate and key."""
    return {"certificate": root.pem, "privateKey": root.key_pem if key is None else key, **more}


OFFLINE = {"certificate": ROOT.pem}


@pytest.mark.parametrize(
    ("root", "intermediate"),
    [
        (keyed(ROOT), None),
        (keyed(ROOT), given(OWN)),
        (OFFLINE, given(OWN)),
        (OFFLINE, given(OWN, chain=ROOT.pem)),
        (OFFLINE, {"existing": True}),
        ({"certificate": WIDE.pem}, given(BELOW, chain=MIDDLE.pem)),
        ({"certificate": WIDE.pem}, given(BELOW, chain=WIDE.pem + MIDDLE.pem)),
        (keyed(authority("rsa", key=rsa.generate_private_key(65537, 2048))), None),
    ],
)
def test_material_that_is_right_is_taken(root: dict[str, Any], intermediate: dict[str, Any] | None) -> None:
    """All three forms, with and without a chain."""
    assert problems(root, intermediate) == []


ROOT_PATH, PATH = "trust.root", "clusters.east.trust.intermediate"
BROKEN = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
WRONG: list[tuple[str, dict[str, Any], dict[str, Any] | None, str, str]] = [
    (
        "root: key of another",
        keyed(ROOT, OTHER.key_pem),
        None,
        f"{ROOT_PATH}.privateKey",
        "another certificate",
    ),
    (
        "root: key encrypted",
        keyed(ROOT, ROOT.encrypted_key_pem),
        None,
        f"{ROOT_PATH}.privateKey",
        "passphrase",
    ),
    ("root: certificate as key", keyed(ROOT, ROOT.pem), None, f"{ROOT_PATH}.privateKey", "is a certificate"),
    ("root: key is no key", keyed(ROOT, "secret"), None, f"{ROOT_PATH}.privateKey", "can be read"),
    (
        "root: key without certificate",
        {"privateKey": ROOT.key_pem},
        None,
        f"{ROOT_PATH}.certificate",
        "required",
    ),
    ("root: broken PEM", {"certificate": BROKEN}, given(OWN), f"{ROOT_PATH}.certificate", "each complete"),
    (
        "root: key in the certificate's place",
        {"certificate": ROOT.key_pem},
        None,
        f"{ROOT_PATH}.certificate",
        "this is a private key",
    ),
    (
        "root: two certificates",
        {"certificate": ROOT.pem + OTHER.pem},
        given(OWN),
        f"{ROOT_PATH}.certificate",
        "expected one certificate, found 2",
    ),
    ("root: no CA", keyed(authority("x", ca=False)), None, f"{ROOT_PATH}.certificate", "CA:TRUE is missing"),
    ("root: no constraints", keyed(authority("x", ca=None)), None, f"{ROOT_PATH}.certificate", "CA:TRUE"),
    (
        "root: may not sign",
        keyed(authority("x", signs=False)),
        None,
        f"{ROOT_PATH}.certificate",
        "keyCertSign",
    ),
    ("root: ended", keyed(authority("x", days=(-9, -1))), None, f"{ROOT_PATH}.certificate", "it expired on"),
    (
        "root: not yet",
        keyed(authority("x", days=(1, 9))),
        None,
        f"{ROOT_PATH}.certificate",
        "not valid before",
    ),
    ("root: not self-signed", keyed(OWN), None, f"{ROOT_PATH}.certificate", "not by itself"),
    (
        "root: path length 0",
        keyed(authority("x", path_length=0)),
        None,
        f"{ROOT_PATH}.certificate",
        "forbids",
    ),
    (
        "root: RSA 1024",
        keyed(authority("x", key=rsa.generate_private_key(65537, 1024))),  # noqa: S505 - weak on purpose
        None,
        f"{ROOT_PATH}.certificate",
        "RSA of 1024 bits",
    ),
    (
        "root: P-192's kin",
        keyed(authority("x", key=ec.generate_private_key(ec.SECP256K1()))),
        None,
        f"{ROOT_PATH}.certificate",
        "on the curve secp256k1",
    ),
    (
        "root: Ed25519",
        keyed(authority("x", key=ed25519.Ed25519PrivateKey.generate())),
        None,
        f"{ROOT_PATH}.certificate",
        "does not sign with a key of this type",
    ),
    ("offline, nothing given", OFFLINE, None, PATH, "is offline and cannot sign"),
    ("generated root", {}, given(OWN), f"{PATH}.certificate", "is generated, so it cannot have signed this"),
    (
        "own: no key",
        OFFLINE,
        {"certificate": OWN.pem},
        f"{PATH}.privateKey",
        "is required with certificate",
    ),
    ("own: key of another", OFFLINE, given(OWN, OTHER.key_pem), f"{PATH}.privateKey", "another certificate"),
    ("own: is the root", OFFLINE, given(ROOT), f"{PATH}.certificate", "this is the root itself"),
    ("own: other root", OFFLINE, given(authority("x", issuer=OTHER)), f"{PATH}.chain", "nor the root 'root'"),
    ("own: no CA", OFFLINE, given(authority("x", issuer=ROOT, ca=False)), f"{PATH}.certificate", "CA:TRUE"),
    (
        "own: ended",
        OFFLINE,
        given(authority("x", issuer=ROOT, days=(-9, -1))),
        f"{PATH}.certificate",
        "it expired on",
    ),
    ("own: chain missing", {"certificate": WIDE.pem}, given(BELOW), f"{PATH}.chain", "CN=middle"),
    (
        "own: chain with a stranger",
        OFFLINE,
        given(OWN, chain=OTHER.pem),
        f"{PATH}.chain",
        "'other root' does not lead to the root",
    ),
    (
        "own: link ended",
        {"certificate": WIDE.pem},
        given(authority("x", issuer=(old := authority("old", issuer=WIDE, days=(-9, -1)))), chain=old.pem),
        f"{PATH}.chain",
        "'old': it expired on",
    ),
    (
        "own: too deep",
        {"certificate": WIDE.pem},
        given(authority("x", issuer=NARROW), chain=NARROW.pem),
        f"{PATH}.chain",
        "'narrow' allows fewer CAs below it",
    ),
    (
        "own and existing",
        OFFLINE,
        given(OWN, existing=True),
        f"{PATH}.existing",
        "own cacerts are used",
    ),
    (
        "own: outlives the root",
        OFFLINE,
        given(authority("late", issuer=ROOT, days=(-1, 999), outlives=True)),
        f"{PATH}.certificate",
        "after its issuer",
    ),
    ("chain alone", OFFLINE, {"chain": ROOT.pem}, f"{PATH}.certificate", "required with chain"),
    ("existing, root unknown", {}, {"existing": True}, f"{PATH}.existing", "the root's certificate"),
]


@pytest.mark.parametrize(
    ("root", "intermediate", "path", "message"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG]
)
def test_material_that_is_wrong_is_refused_with_one_clear_sentence(
    root: dict[str, Any], intermediate: dict[str, Any] | None, path: str, message: str
) -> None:
    """The path leads to the setting, the sentence says what is wrong, and no key is repeated."""
    found = problems(root, intermediate)
    assert len(found) == 1, found
    assert found[0].startswith(f"{path}: ")
    assert message in found[0]
    assert not any("PRIVATE KEY" in line for line in found)


def test_material_of_a_cluster_that_is_away_refuses_nobody() -> None:
    """Nothing of it is applied, and it may expire meanwhile."""
    expired = given(authority("x", issuer=ROOT, days=(-9, -1)))
    assert problems(OFFLINE, expired) != []
    assert problems(OFFLINE, expired, offline=True) == []
