"""What may be revoked where the clusters are now."""

from collections.abc import Mapping
from typing import Any

import pytest

from mesh.live.facts import Cacerts, ObservedCluster, ObservedTrust
from mesh.pki.certificates import join
from mesh.pki.revocation import revocation_list
from mesh.preflight.revocation import problems, warnings
from mesh.stacks.state import RecordedResource, RecordedState
from tests.builders.certificates import Authority, authority
from tests.builders.stacks import stack_config

ROOT = authority("root")
EAST = authority("intermediate of east", issuer=ROOT)


def serial(one: Authority) -> str:
    """As in the setting."""
    return f"{one.certificate.serial_number:x}"


def list_of(one: Authority, *revoked: Authority) -> str:
    """The CRL of a CA."""
    return revocation_list(one.pem, one.key_pem, [serial(r) for r in revoked])


def refusals(trust: Mapping[str, Any], lists: str = "", **intermediate: Any) -> list[str]:
    """What is refused for a cluster whose `cacerts` has these CRLs; its intermediate is of generation 1."""
    cacerts = Cacerts(
        certificate=EAST.pem, chain=join(EAST.pem, ROOT.pem), roots=ROOT.pem, revocation_lists=lists
    )
    made = RecordedResource(
        urn="urn::east-intermediate-g1-certificate",
        type="tls:index/locallySignedCert:LocallySignedCert",
        outputs={"certPem": EAST.pem},
    )
    config = stack_config({"east": {"trust": {"intermediate": intermediate}}}, trust=trust)
    found = {"east": ObservedCluster(trust=ObservedTrust(cacerts=cacerts))}
    return [str(problem) for problem in problems(config, found, RecordedState(resources=(made,)))]


def test_an_intermediate_is_revoked_with_the_update_that_replaces_it() -> None:
    """Or after it, but never while the cluster goes on with it."""
    (line,) = refusals({"revoked": [serial(EAST)]})
    assert line.startswith(f"trust.revoked: {serial(EAST)} is the intermediate with which east signs")
    assert "expected clusters.east.trust.intermediate.generation 2 with it" in line
    assert refusals({"revoked": [serial(EAST)]}, generation=2) == []


def test_a_root_is_not_revoked() -> None:
    """It would refuse everything, and only a cluster tells the serial number of a generated one."""
    (line,) = refusals({"revoked": [serial(ROOT)]})
    assert "is the root 'root', and with it everything would be refused" in line


def test_a_revocation_does_not_go_with_its_setting() -> None:
    """Istiod would keep it until it restarts; one that revokes nothing may go."""
    revoking = list_of(ROOT, EAST) + list_of(EAST)
    (line,) = refusals({}, revoking)
    assert f'the CRLs in east revoke "{serial(EAST)}"' in line
    assert refusals({"revoked": []}, revoking) == []
    assert refusals({}, list_of(ROOT) + list_of(EAST)) == []


EXISTING = {"root": {"certificate": ROOT.pem}, "revoked": []}


def test_cacerts_of_others_need_the_crls_of_their_cas() -> None:
    """For peers in the setting, and in the cluster itself, which the program does not write."""
    given = {**EXISTING, "revocationLists": list_of(ROOT)}
    assert [line.partition(":")[0] for line in refusals(given, existing=True)] == [
        "trust.revocationLists",
        "clusters.east.trust.intermediate.existing",
        "clusters.east.trust.intermediate.existing",
    ]
    both = list_of(ROOT) + list_of(EAST)
    assert refusals({**EXISTING, "revocationLists": both}, both, existing=True) == []
    (line,) = refusals(
        {**EXISTING, "revocationLists": list_of(ROOT, EAST) + list_of(EAST), "revoked": [serial(EAST)]},
        both,
        existing=True,
    )
    assert "expected another one in its cacerts first" in line


@pytest.mark.parametrize(
    ("trust", "stated", "offline", "warned"),
    [
        ({"revoked": []}, {}, True, True),
        ({"revoked": []}, {"revocationList": list_of(EAST)}, True, False),
        ({"revoked": []}, {}, False, False),
        ({}, {}, True, False),
    ],
    ids=["went before", "went after", "there", "no CRLs"],
)
def test_a_cluster_that_went_before_the_crls_is_warned_of(
    trust: Mapping[str, Any], stated: Mapping[str, Any], offline: bool, warned: bool
) -> None:
    """It may still call the others, which refuse it from then on."""
    made = RecordedResource(
        urn="urn::east-intermediate", type="mesh:index:IntermediateCA", outputs={"expires": "", **stated}
    )
    config = stack_config({"east": {"offline": offline}, "west": {}}, trust=trust)
    found = list(warnings(config, RecordedState(resources=(made,))))
    assert [line.startswith("east went offline before trust.revoked was set") for line in found] == [
        True
    ] * warned
