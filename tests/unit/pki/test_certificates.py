"""What certificates say."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from mesh.pki import certificates
from tests.builders.certificates import authority

ROOT = authority("root", days=(-1, 400))
EAST = authority("east", issuer=ROOT, days=(-1, 90))
OTHER = authority("root")
WORKLOAD = authority("workload", issuer=EAST, ca=False)
BROKEN = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def test_certificates_are_parsed_in_their_order() -> None:
    """Whatever is between them."""
    parsed = certificates.parse(f"a comment\n{EAST.pem}\n\n{ROOT.pem}")
    assert parsed == (EAST.certificate, ROOT.certificate)


@pytest.mark.parametrize("text", ["", "text", BROKEN, ROOT.key_pem])
def test_a_text_without_certificates_is_refused(text: str) -> None:
    """Nothing of it is repeated, since it may be a key; what somebody else wrote counts as nothing."""
    with pytest.raises(ValueError, match=r"^expected PEM certificates, each complete$"):
        certificates.parse(text)
    assert certificates.parse_readable(text) == ()


def test_one_certificate_is_one() -> None:
    """The message counts those that there are."""
    assert certificates.parse_one(ROOT.pem) == ROOT.certificate
    with pytest.raises(ValueError, match=r"^expected one certificate, found 2$"):
        certificates.parse_one(ROOT.pem + EAST.pem)


def test_the_fingerprint_is_that_of_openssl() -> None:
    """What an operator compares it with."""
    command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256"]
    printed = subprocess.run(command, input=ROOT.pem, capture_output=True, text=True, check=True).stdout
    assert certificates.fingerprint(ROOT.pem) == printed.strip().partition("=")[2]


def test_a_certificate_tells_when_it_expires() -> None:
    """In UTC; of several, the first one counts."""
    expires = datetime.fromisoformat(certificates.expiry(EAST.pem + ROOT.pem))
    assert timedelta(days=89) < expires - datetime.now(UTC) < timedelta(days=91)
    assert certificates.earliest(["2028-11-20T12:00:00+02:00", "2028-11-20T11:00:00+00:00"]) == (
        "2028-11-20T10:00:00+00:00"
    )


def test_an_issuer_is_known_by_its_signature_and_not_by_its_name() -> None:
    """Two roots may have one name."""
    assert certificates.is_issued_by(EAST.certificate, ROOT.certificate)
    assert not certificates.is_issued_by(EAST.certificate, OTHER.certificate)
    assert certificates.is_issued_by_any(EAST.certificate, [OTHER.certificate, ROOT.certificate])
    assert not certificates.is_issued_by_any(EAST.certificate, [OTHER.certificate])


def test_the_path_leads_to_the_root_that_signed() -> None:
    """Istio puts all trusted roots behind a proxy's chain, those included that have not signed it."""
    shown = [a.certificate for a in (WORKLOAD, OTHER, EAST, ROOT, ROOT)]
    assert certificates.path_to_root(shown) == (WORKLOAD.certificate, EAST.certificate, ROOT.certificate)


@pytest.mark.parametrize("between", ["", EAST.pem, EAST.pem + ROOT.pem, ROOT.pem + EAST.pem, EAST.pem * 2])
def test_the_chain_ends_with_the_root_and_has_everything_once(between: str) -> None:
    """Whether or not the user's chain has the root already."""
    chain = certificates.parse(certificates.certificate_chain(WORKLOAD.pem, between, ROOT.pem))
    links = (EAST.certificate,) if between else ()
    assert chain == (WORKLOAD.certificate, *links, ROOT.certificate)


def test_the_name_of_a_certificate_is_its_common_name() -> None:
    """What reports and messages call it."""
    assert certificates.name(EAST.certificate) == "east"


def test_the_ca_for_peers_keeps_its_form_where_it_is_the_clusters_own() -> None:
    """Another form of the same certificates would change every remote secret for nothing."""
    own, other = authority("own").pem, authority("other").pem
    assert certificates.authority_for_peers(None, own) == own
    assert certificates.authority_for_peers(f"# a comment\n{own}\n", own) == own
    assert certificates.authority_for_peers(other + own, own + other) == own + other
    assert certificates.authority_for_peers(other, own) == other
    assert certificates.authority_for_peers(other + own, own) == other + own
    assert certificates.authority_for_peers("public", own) is None
    assert certificates.authority_for_peers("nonsense", "nonsense, too") == "nonsense"
