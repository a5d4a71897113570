"""Revocation lists, as OpenSSL judges them, which checks chains as Envoy's library does."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mesh.pki import revocation
from mesh.pki.certificates import join
from tests.builders.certificates import Authority, authority

NOW = datetime.now(UTC)
ROOT = authority("root")
OLD = authority("intermediate of east", issuer=ROOT)
EAST = authority("intermediate of east", issuer=ROOT)
WEST = authority("intermediate of west", issuer=ROOT)
RETIRED = authority("intermediate of west", issuer=ROOT, days=(-2, -1))
ALL = (ROOT, EAST, WEST)


def serial(one: Authority) -> str:
    """As `python -m mesh trust` shows it."""
    return f"{one.certificate.serial_number:x}"


def list_of(one: Authority, *revoked: Authority) -> str:
    """The CRL of a CA."""
    return revocation.revocation_list(one.pem, one.key_pem, [serial(r) for r in revoked])


def verdict(folder: Path, signer: Authority, *lists: str) -> str:
    """What OpenSSL says of a workload's certificate, when it checks the whole chain with those CRLs."""
    workload = authority("workload", issuer=signer, ca=False)
    files = {"roots": ROOT.pem, "chain": signer.pem, "crls": join(*lists), "workload": workload.pem}
    for name, pem in files.items():
        (folder / name).write_text(pem)
    command = ["openssl", "verify", "-crl_check_all", "-CAfile", "roots", "-untrusted", "chain"]
    done = subprocess.run(
        [*command, "-CRLfile", "crls", "workload"], cwd=folder, capture_output=True, text=True, check=False
    )
    return "accepted" if done.returncode == 0 else done.stdout + done.stderr


def test_a_revoked_intermediate_is_refused_and_no_other(tmp_path: Path) -> None:
    """One of the same name included: it has another key."""
    lists = [list_of(ROOT, OLD), *(list_of(one) for one in (OLD, EAST, WEST))]
    assert "certificate revoked" in verdict(tmp_path, OLD, *lists)
    assert [verdict(tmp_path, one, *lists) for one in (EAST, WEST)] == ["accepted", "accepted"]


def test_nothing_is_refused_when_nothing_is_revoked(tmp_path: Path) -> None:
    """That is how a revocation is taken back."""
    assert verdict(tmp_path, EAST, *(list_of(one) for one in ALL)) == "accepted"


@pytest.mark.parametrize("without", ALL, ids=["root", "its own", "another's"])
def test_a_chain_without_the_list_of_one_of_its_authorities_is_refused(
    tmp_path: Path, without: Authority
) -> None:
    """That is why every cluster has the lists of all."""
    said = verdict(tmp_path, EAST, *(list_of(one) for one in ALL if one is not without))
    assert (said == "accepted") is (without is WEST)
    assert without is WEST or "unable to get certificate CRL" in said


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
    ],
    ids=["rsa", "p256", "p384"],
)
def test_a_list_always_comes_out_the_same(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    """Else every preview would change all clusters; the order in which serials are written does not count."""
    own = authority("root", key=key)
    numbers = [serial(EAST), serial(WEST)]
    made = revocation.revocation_list(own.pem, own.key_pem, numbers)
    assert made == revocation.revocation_list(own.pem, own.key_pem, reversed(numbers))
    (parsed,) = revocation.parse_lists(made)
    assert revocation.is_list_of(parsed, own.certificate)
    assert not revocation.is_list_of(parsed, authority("root").certificate)
    assert revocation.serials([parsed]) == set(numbers)


def test_a_list_is_valid_as_long_as_its_authority() -> None:
    """The end of a list stops all calls, and nobody fetches another."""
    (parsed,) = revocation.parse_lists(list_of(ROOT))
    assert parsed.last_update_utc == ROOT.certificate.not_valid_before_utc
    assert parsed.next_update_utc == ROOT.certificate.not_valid_after_utc


def test_a_cluster_keeps_the_lists_of_intermediates_that_were_replaced() -> None:
    """Their certificates are in use for a day; but not a list that revokes something, or one that ended."""
    current = join(list_of(ROOT, OLD), list_of(OLD), list_of(RETIRED), list_of(WEST, EAST))
    made = revocation.complete([list_of(ROOT), list_of(EAST)], current, NOW)
    issued = [
        next(one for one in (ROOT, OLD, EAST, WEST, RETIRED) if revocation.is_list_of(found, one.certificate))
        for found in revocation.parse_lists(made)
    ]
    assert issued == [ROOT, EAST, OLD]
    assert revocation.serials(revocation.parse_lists(made)) == set()
    assert revocation.complete([list_of(ROOT), list_of(EAST)], made, NOW) == made
    later = OLD.certificate.not_valid_after_utc + timedelta(hours=1)
    assert revocation.complete([list_of(ROOT)], made, later) == list_of(ROOT)


def test_it_is_known_which_authority_has_no_list() -> None:
    """By signature, not by name."""
    lists = revocation.parse_lists(list_of(ROOT) + list_of(EAST))
    certificates = [one.certificate for one in (ROOT, OLD, EAST)]
    assert revocation.lacking(certificates, lists) == (OLD.certificate,)


@pytest.mark.parametrize(
    "text", ["", "text", ROOT.pem, "-----BEGIN X509 CRL-----\nMA==\n-----END X509 CRL-----"]
)
def test_a_text_without_lists_is_refused(text: str) -> None:
    """What somebody else wrote counts as nothing."""
    with pytest.raises(ValueError, match=r"^expected PEM CRLs"):
        revocation.parse_lists(text)
    assert revocation.parse_readable_lists(text) == ()


def test_the_key_usage_says_who_may_sign_lists() -> None:
    """Istio's own Go code and Envoy's library look at it, too."""
    assert revocation.may_sign_lists(ROOT.certificate)
    assert not revocation.may_sign_lists(authority("root", signs_lists=False).certificate)
