"""The report of `python -m mesh trust`: what it says of stack and clusters."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from mesh.cli.trust import table
from mesh.health.certificates import TrustReport, trust_report
from mesh.health.declared import DeclaredCertificate, declared_certificates
from mesh.live.facts import Cacerts, ClusterTrust, CredentialEnd, Holders, ObservedTrust
from mesh.live.proxies import WorkloadTrust
from mesh.pki.renewal import Held
from mesh.pki.revocation import revocation_list
from tests.builders.certificates import Authority, authority
from tests.builders.stacks import stack_config

ROOT = authority("root", days=(-1, 400))
EAST = authority("east's", issuer=ROOT, days=(-1, 90.5))
STRANGER = authority("stranger", issuer=ROOT)
DECLARED = (
    DeclaredCertificate(what="root 1", certificate=ROOT.certificate),
    DeclaredCertificate(what="intermediate of east", certificate=EAST.certificate),
)
NOW = datetime.now(UTC)


def cluster(own: Authority = EAST, published: str = ROOT.pem, **changed: Any) -> ClusterTrust:
    """A cluster in which everything is as the stack states."""
    cacerts = Cacerts(certificate=own.pem, chain=own.pem + ROOT.pem, roots=ROOT.pem)
    settings: dict[str, Any] = {"reader_tokens": {1: NOW - timedelta(days=40)}, **changed}
    return ClusterTrust(trust=ObservedTrust(cacerts=cacerts, published_roots=published), **settings)


def report(**clusters: ClusterTrust) -> TrustReport:
    """The report on a stack of these clusters."""
    return trust_report("dev", stack_config({name: {} for name in clusters}), DECLARED, clusters, NOW)


def test_a_mesh_as_the_stack_says_has_no_findings() -> None:
    """Each certificate with its use, each token with its age and its readers."""
    found = report(east=cluster(), west=cluster(remote_tokens={"east": 1}))
    assert found.findings == ()
    root, own = found.certificates
    assert root.used == (
        "signs the intermediate of east",
        "trusted in east",
        "signs the intermediate of west",
        "trusted in west",
    )
    assert (own.what, own.days_left) == ("intermediate of east", 90)
    assert [(t.cluster, t.age_days, t.used_by) for t in found.tokens] == [
        ("east", 40, ("west",)),
        ("west", 40, ()),
    ]


def test_credentials_that_end_are_listed_with_who_uses_them() -> None:
    """They count for --fail-within, too."""
    ends = (
        CredentialEnd(remote="west", subject="peer", expires=NOW + timedelta(days=20, hours=1)),
        CredentialEnd(remote="west", subject="", expires=NOW + timedelta(days=3, hours=1)),
    )
    found = report(east=cluster(ends=ends))
    assert [row.days_left for row in found.expiring_within(21)] == [20, 3]
    lines = table(found).splitlines()
    assert any(
        line.startswith("client certificate by which east reads west (peer): 20 days") for line in lines
    )
    assert any(line.startswith("token by which east reads west: 3 days left") for line in lines)


def test_what_is_revoked_is_told_with_the_clusters_that_know() -> None:
    """Both ways: what a cluster does not revoke yet, and what it still does."""
    crl = revocation_list(ROOT.pem, ROOT.key_pem, ["abc", "ff"])
    east = dataclasses.replace(cluster().trust, published_lists=crl)
    config = stack_config({"east": {}, "west": {}}, trust={"revoked": ["abc"]})
    clusters = {"east": dataclasses.replace(cluster(), trust=east), "west": cluster()}
    found = trust_report("dev", config, DECLARED, clusters, NOW)
    assert [(row.serial, row.clusters) for row in found.revoked] == [("abc", ("east",)), ("ff", ("east",))]
    assert [finding.partition(":")[0] for finding in found.findings] == [
        "east gives its workloads a CRL that revokes ff, but the stack does not revoke it",
        "west has not given its workloads a CRL that revokes abc",
    ]
    assert "revoked: abc, known to workloads of east" in table(found).splitlines()


def test_certificates_that_end_soon_are_told() -> None:
    """Strictly fewer days than asked for."""
    found = report(east=cluster())
    assert [row.what for row in found.expiring_within(91)] == ["intermediate of east"]
    assert found.expiring_within(90) == ()


def test_an_intermediate_that_is_not_the_stacks_is_a_finding() -> None:
    """It is listed, too, with where it is in use."""
    found = report(east=cluster(STRANGER))
    assert found.certificates[-1].what == "not of the stack"
    assert found.certificates[-1].used == ("signs workloads in east",)
    assert "east signs with 'stranger'" in found.findings[0]


def test_an_istiod_that_has_not_taken_over_is_a_finding() -> None:
    """Its roots are not those of the Secret."""
    (finding,) = report(east=cluster(published=STRANGER.pem + ROOT.pem)).findings
    assert "istiod in east has not loaded the roots in its cacerts" in finding


def test_a_remote_has_the_roots_of_its_primary_and_no_intermediate() -> None:
    """It has no `cacerts`, and none is missed; its primary gives it the roots."""

    def findings(published: str) -> tuple[str, ...]:
        clusters = {
            "east": cluster(),
            "west": ClusterTrust(
                trust=ObservedTrust(published_roots=published), reader_tokens={1: NOW - timedelta(days=1)}
            ),
        }
        config = stack_config({"east": {}, "west": {"controlPlane": "east"}})
        return trust_report("dev", config, DECLARED, clusters, NOW).findings

    assert findings(ROOT.pem) == ()
    (finding,) = findings(STRANGER.pem)
    assert finding.startswith("istiod of east has not given its roots to west, which it serves")


def test_a_cluster_that_does_not_answer_is_a_finding() -> None:
    """The others are reported all the same."""
    found = report(east=cluster(), west=ClusterTrust(unreachable="timed out"))
    assert found.findings == ("cannot read west: timed out",)


def test_a_token_that_is_gone_is_a_finding() -> None:
    """Once for the cluster, and once for whoever still carries it."""
    found = report(east=cluster(reader_tokens={}), west=cluster(remote_tokens={"east": 1}))
    assert "east has reader tokens of the generations [], and the stack has [1]" in found.findings[0]
    assert "west reads east with the token of generation 1, which was deleted" in found.findings[1]


def test_both_forms_have_all_of_it() -> None:
    """JSON in camelCase; the table ends with the verdict."""
    found = report(east=cluster(proxies={("east's", "root"): 3}))
    parsed = json.loads(found.model_dump_json(by_alias=True))
    assert parsed["certificates"][1]["daysLeft"] == 90
    assert parsed["workloads"] == [
        {"cluster": "east", "intermediate": "east's", "root": "root", "proxies": 3}
    ]
    assert table(found).endswith("the clusters match the stack")


def test_certificates_of_the_state_are_found_by_their_names() -> None:
    """Roots first; what is about to be deleted is left out, and secrets are never looked at."""

    def resource(kind: str, name: str, own: Authority, **more: Any) -> dict[str, Any]:
        urn = f"urn:pulumi:dev::istio-mesh::x::{name}"
        return {"type": f"tls:index/{kind}", "urn": urn, "outputs": {"certPem": own.pem}, **more}

    resources = [
        resource("locallySignedCert:LocallySignedCert", "east-intermediate-g3-certificate", EAST),
        resource("selfSignedCert:SelfSignedCert", "mesh-root-g2-certificate", ROOT),
        resource("selfSignedCert:SelfSignedCert", "mesh-root-g1-certificate", ROOT, delete=True),
    ]
    found = declared_certificates(stack_config({"east": {}}), {"deployment": {"resources": resources}})
    assert [entry.what for entry in found] == ["root 2", "intermediate of east"]


def test_a_proxys_certificate_is_followed_to_the_root_that_signed_it() -> None:
    """Istio puts all trusted roots behind the chain, the next one after the one that signs."""
    following = authority("next root")
    own = authority("workload", issuer=EAST, ca=False)
    chain = tuple(a.certificate for a in (own, EAST, ROOT, ROOT, following))
    path = WorkloadTrust(chain=chain, roots=()).path
    assert path == (own.certificate, EAST.certificate, ROOT.certificate)


def test_a_root_of_another_stack_is_told_as_such() -> None:
    """In a split mesh the roots are made elsewhere; their names say which they are."""
    root = authority("dev root CA 1")
    cacerts = Cacerts(certificate=EAST.pem, chain="", roots=root.pem)
    east = ClusterTrust(trust=ObservedTrust(cacerts=cacerts, published_roots=root.pem))
    config = stack_config({"east": {}}, trust={"stack": "o/p/trust"})
    found = trust_report("east", config, DECLARED[1:], {"east": east}, NOW)
    assert [row.what for row in found.certificates if row.used == ("trusted in east",)] == [
        "root 1, of o/p/trust"
    ]


def _held(holder: str, root: str, trusted: str, identity: str = "spiffe://w") -> Held:
    return Held(holder=holder, identity=identity, intermediate="east 1", root=root, trusted=trusted)


def test_what_ztunnels_hold_is_counted_and_a_gateway_is_a_proxy() -> None:
    """By what has signed it, in how many of them."""
    own = (_held("ztunnel-a", ROOT.pem, ROOT.pem), _held("ztunnel-a", ROOT.pem, ROOT.pem, "spiffe://v"))
    gateway = _held("gateway-1", ROOT.pem, ROOT.pem, "")
    held = (*own, _held("ztunnel-b", ROOT.pem, ROOT.pem), gateway)
    found = report(east=cluster(holders=Holders(held=held)))
    (row,) = found.ztunnels
    assert (row.cluster, row.intermediate, row.root) == ("east", "east 1", "root")
    assert (row.ztunnels, row.certificates) == (2, 3)
    assert "east     2         3             east 1        root" in table(found).splitlines()
    assert found.waiting == ()


def test_who_keeps_a_rotation_from_its_next_phase_is_told() -> None:
    """For the phase after the one that is set; what cannot be asked is a finding."""
    old, new = authority("dev root CA 1"), authority("dev root CA 2")
    late, done = _held("ztunnel-a", old.pem, old.pem), _held("ztunnel-b", old.pem, old.pem + new.pem)
    gateway = _held("gateway-1", old.pem, old.pem, "")
    holders = Holders(held=(late, late, done, gateway), not_asked={"ztunnel-c": "timed out"})

    def told(phase: str) -> TrustReport:
        trust = {"nextRoot": {"generation": 2}, "phase": phase}
        config = stack_config({"east": {}}, trust=trust)
        return trust_report("dev", config, DECLARED, {"east": cluster(holders=holders)}, NOW)

    (line,) = told("trust-both").waiting
    assert line.startswith(
        "sign-with-new waits for ztunnel-a, gateway-1 in east, which does not trust nextRoot yet: "
    )
    assert f"not yet: {line}" in table(told("trust-both"))
    assert told("sign-with-new").waiting[-1].startswith("drop-old waits for ztunnel-b in east, which has a")
    assert told("drop-old").waiting == ()
    assert "ztunnel-c of east cannot be asked for its certificates: timed out" in told("drop-old").findings
