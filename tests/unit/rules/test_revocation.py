"""Revoked intermediates and given CRLs: what would stop all calls, or revoke nothing, is refused."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from mesh.config.resolved import StackConfig
from mesh.pki.revocation import revocation_list
from mesh.rules.revocation import problems, warnings
from tests.builders.certificates import Authority, authority
from tests.builders.stacks import stack_config

ROOT = authority("root")
MIDDLE = authority("middle", issuer=ROOT)
OWN = authority("own", issuer=MIDDLE)
LEAKED = authority("leaked", issuer=ROOT)
ENDED = authority("ended", days=(-3, -1))
SOON = authority("soon", days=(-3, 20))
LATER = authority("later", days=(1, 9))


def serial(one: Authority) -> str:
    """As in the setting."""
    return f"{one.certificate.serial_number:x}"


def list_of(one: Authority, *revoked: Authority) -> str:
    """The CRL of a CA."""
    return revocation_list(one.pem, one.key_pem, [serial(r) for r in revoked])


OFFLINE = {"certificate": ROOT.pem}
GIVEN = {"certificate": OWN.pem, "privateKey": OWN.key_pem, "chain": MIDDLE.pem}


def config(
    trust: Mapping[str, Any], intermediate: Mapping[str, Any] | None = None, **east: Any
) -> StackConfig:
    """A stack of one cluster."""
    own = {"trust": {"intermediate": intermediate}} if intermediate else {}
    return stack_config({"east": {**own, **east}}, trust=trust, secret={"trust", "clusters"})


def refusals(
    trust: Mapping[str, Any], intermediate: Mapping[str, Any] | None = None, **east: Any
) -> list[str]:
    """What is wrong with a stack of one cluster."""
    try:
        assert list(problems(config(trust, intermediate, **east), datetime.now(UTC))) == []
    except ConfigurationError as wrong:
        return [str(problem) for problem in wrong.problems]
    return []


@pytest.mark.parametrize(
    "trust",
    [
        {"revoked": []},
        {"revoked": ["abc"]},
        {"revoked": [], "root": OFFLINE, "revocationLists": list_of(ROOT) + list_of(MIDDLE)},
        {
            "revoked": [serial(LEAKED)],
            "root": OFFLINE,
            "revocationLists": list_of(ROOT, LEAKED) + list_of(MIDDLE),
        },
    ],
    ids=["nothing", "generated", "offline", "offline and revoked"],
)
def test_what_is_right_passes(trust: Mapping[str, Any]) -> None:
    """A stack that has no key of a CA gives its CRL."""
    assert refusals(trust, GIVEN if "root" in trust else None) == []


LISTS = list_of(ROOT) + list_of(MIDDLE)
KEYED = {"certificate": ROOT.pem, "privateKey": ROOT.key_pem}


@pytest.mark.parametrize(
    ("trust", "intermediate", "expected"),
    [
        ({"revocationLists": LISTS}, None, "trust.revocationLists: nothing is checked against these"),
        ({"revoked": [], "revocationLists": "-----BEGIN X509 CRL-----\nx"}, None, "expected PEM CRLs"),
        ({"revoked": [], "root": OFFLINE, "revocationLists": list_of(MIDDLE)}, GIVEN, "has no CRL of 'root'"),
        ({"revoked": [], "root": KEYED}, GIVEN, "has no CRL of 'middle', whose private key"),
        ({"revoked": [], "revocationLists": list_of(ENDED)}, None, "the CRL of 'CN=ended' expired at"),
        ({"revoked": [], "revocationLists": list_of(LATER)}, None, "'CN=later' is not valid before"),
        (
            {"revoked": ["abc"], "root": OFFLINE, "revocationLists": LISTS},
            GIVEN,
            "trust.revoked: abc is in no CRL of trust.revocationLists",
        ),
        (
            {"revoked": [serial(ROOT)], "root": KEYED, "revocationLists": list_of(MIDDLE)},
            GIVEN,
            "is the root 'root', and with it everything would be refused",
        ),
        (
            {"revoked": [serial(OWN)], "root": KEYED, "revocationLists": list_of(MIDDLE)},
            GIVEN,
            "clusters.east.trust.intermediate.certificate: 'own' is revoked",
        ),
    ],
)
def test_what_is_wrong_has_one_sentence(
    trust: Mapping[str, Any], intermediate: Mapping[str, Any] | None, expected: str
) -> None:
    """It says where, and what to do."""
    (line,) = refusals(trust, intermediate)
    assert expected in line


def test_a_root_that_may_sign_no_crl_cannot_revoke() -> None:
    """Go and Envoy look at its key usage, and then there is no CRL for them."""
    root = authority("mute", signs_lists=False)
    trust = {"root": {"certificate": root.pem, "privateKey": root.key_pem}, "revoked": []}
    (line,) = refusals(trust)
    assert line.startswith("trust.root.certificate: the key usage of 'mute' does not include cRLSign")


def test_istiod_must_not_be_kept_from_crls() -> None:
    """Its switch is on by default."""
    values = {"istiod": {"env": {"PILOT_ENABLE_CA_CRL": "false"}}}
    (line,) = refusals({"revoked": []}, istio={"values": values})
    assert "istio.values.istiod.env.PILOT_ENABLE_CA_CRL: keeps istiod from giving CRLs" in line
    assert refusals({}, istio={"values": values}) == []


def test_a_crl_that_ends_soon_and_a_deaf_ztunnel_are_warned_of() -> None:
    """Nobody renews a given CRL but a person."""
    now = datetime.now(UTC)
    (line,) = warnings(config({"revoked": [], "revocationLists": list_of(SOON)}), now)
    assert "the CRL of 'CN=soon' expires at" in line.message
    assert not list(
        warnings(config({"revoked": [], "revocationLists": list_of(SOON)}), now - timedelta(days=20))
    )
    old = {"dataPlane": "ambient", "istio": {"version": "1.28.5"}}
    (line,) = warnings(config({"revoked": []}, **old), now)
    assert "ztunnel in east does not read CRLs" in line.message
    assert not list(warnings(config({}, **old), now))
    assert not list(warnings(config({"revoked": []}, dataPlane="ambient"), now))
