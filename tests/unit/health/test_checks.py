"""What `mesh check` makes of what was read: each finding, what is skipped after it, and the report."""

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from mesh.cli.check import table
from mesh.config.problems import Problem
from mesh.config.resolved import SecretEntry
from mesh.health import readiness
from mesh.health.checks import connections, results
from mesh.health.finding import Finding, Reason, Severity
from mesh.health.junit import junit
from mesh.health.report import CheckReport, CheckResult, Outcome
from mesh.istio.addresses import PeerAddress
from mesh.live.facts import (
    AccessFault,
    Cacerts,
    ClusterFacts,
    Gateway,
    LinkFacts,
    ObservedTrust,
    Pair,
    RemoteSecret,
    TokenCheck,
)
from mesh.live.inspected import (
    ClusterInspection,
    Handshake,
    Injection,
    MeshInspection,
    Reach,
    Readiness,
)
from mesh.pki.client_certificate import ClientCertificate
from mesh.pki.revocation import revocation_list
from tests.builders.certificates import authority
from tests.builders.facts import RUNS, cluster_facts, observed_trust, told
from tests.builders.inspections import NOW as _NOW
from tests.builders.inspections import ROOT as _ROOT
from tests.builders.inspections import SECRET as _SECRET
from tests.builders.inspections import injected_pod as _pod
from tests.builders.inspections import inspected_cluster as _cluster
from tests.builders.inspections import inspected_mesh as _mesh

_NATTED = Gateway(
    service="LoadBalancer",
    workload=RUNS,
    addresses=(PeerAddress(address="198.51.100.7", port=31443),),
    given=True,
    discovered=(PeerAddress(address="203.0.113.7"),),
    hosts=("*.local",),
)


def _by_labels(*hosts: str) -> Gateway:
    """A gateway that exposes Services by their labels alone."""
    return dataclasses.replace(
        cluster_facts("east", observed_trust(_ROOT)).gateway, hosts=hosts, own_hosts=hosts
    )


def _found(mesh: MeshInspection) -> list[Finding]:
    return [result.finding for result in results(mesh, (), _NOW) if result.finding]


_WRITTEN = SecretEntry(name="tbot", key="kubeconfig.yaml")


def _link(**changes: Any) -> LinkFacts:
    link = LinkFacts(secrets=(_SECRET,), token=TokenCheck(), setting="clusters.west.apiServer")
    return dataclasses.replace(link, **changes)


def _certificate(days: int) -> ClientCertificate:
    return ClientCertificate(
        subject="peer", begins=_NOW - timedelta(days=90), expires=_NOW + timedelta(days=days)
    )


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"fault": AccessFault.TIME}, "give what answers there a certificate that is valid"),
        ({"fault": AccessFault.NAMES}, "set clusters.west.apiServer.tlsServerName to"),
        ({"fault": AccessFault.AUTHORITY}, "set clusters.west.apiServer.certificateAuthority to"),
        ({"fault": AccessFault.CLIENT}, "set clusters.west.apiServer.clientCertificate and clientKey to"),
        ({"fault": AccessFault.PROXY}, "or set clusters.west.apiServer.proxyUrl to another proxy"),
        ({}, "set clusters.west.apiServer.server to"),
    ],
)
def test_what_keeps_a_cluster_out_has_a_hint_with_the_setting(changes: dict[str, Any], hint: str) -> None:
    """Where the program writes the kubeconfig; else it is the kubeconfig that has to change."""
    token = TokenCheck(wrong_server="why", **changes)
    (finding,) = _found(_mesh(found=_link(token=token)))
    assert finding.reason is Reason.PEER_API_SERVER_REFUSES
    assert hint in finding.hint
    given = _link(token=token, own=False, setting="clusters.west.reader.kubeconfig")
    (finding,) = _found(_mesh(found=given))
    assert "apiServer." not in finding.hint
    (finding,) = _found(_mesh(found=dataclasses.replace(given, written=_WRITTEN, secrets=(_SECRET,))))
    assert "apiServer." not in finding.hint


def test_credentials_of_somebody_else_are_replaced_by_somebody_else() -> None:
    """No update of this program makes a new token, or gives rights to one that it does not know."""
    setting = "clusters.west.reader.kubeconfig"
    for token, hint in (
        (TokenCheck(refused=True), f"set a new one in {setting}, then run `pulumi up`"),
        (TokenCheck(denied=("list pods",)), f"give whoever the credentials in {setting} belong to"),
    ):
        (finding,) = _found(_mesh(found=_link(token=token, own=False, setting=setting)))
        assert hint in finding.hint


_OWN = authority("intermediate", issuer=_ROOT, days=(-1, 300))
_SHORT = authority("a CA that ends", days=(-1, 20))
_ROOTS, _OWNS, _ENDS = (revocation_list(one.pem, one.key_pem, []) for one in (_ROOT, _OWN, _SHORT))


def _lists(given: str, published: str) -> dict[str, Any]:
    """The CRLs in a cluster's `cacerts`, and those that its workloads have."""
    cacerts = Cacerts(certificate=_OWN.pem, chain="", roots=_ROOT.pem, revocation_lists=given)
    return {"trust": ObservedTrust(cacerts=cacerts, published_roots=_ROOT.pem, published_lists=published)}


def _listed(given: str, published: str) -> MeshInspection:
    """East has these, and west has none."""
    return _mesh(_cluster("east", facts=_lists(given, published)), _cluster("west", facts=_lists("", "")))


FAULTS: dict[str, tuple[MeshInspection, Reason, str]] = {
    "no answer": (
        _mesh(west=ClusterInspection(facts=ClusterFacts(name="west", network="n", unreachable="timed out"))),
        Reason.API_SERVER_UNREACHABLE,
        "west",
    ),
    "no way in": (
        _mesh(west=ClusterInspection(facts=ClusterFacts(name="west", network="n", refused="HTTP 401"))),
        Reason.API_SERVER_REFUSES,
        "west",
    ),
    "old Kubernetes": (
        _mesh(_cluster("east", kubernetes="v1.28.1")),
        Reason.KUBERNETES_NOT_SUPPORTED,
        "east",
    ),
    "istiod at zero": (_mesh(_cluster("east", facts={"istiods": {}})), Reason.ISTIOD_DOWN, "east"),
    "injector gone": (
        _mesh(_cluster("east", injection=Injection(problem="failed calling webhook"))),
        Reason.INJECTION_FAILS,
        "east",
    ),
    "injector of another network": (
        _mesh(_cluster("east", injection=Injection(image="p:1.31.0", network="net-x", cluster_id="east"))),
        Reason.INJECTION_FAILS,
        "east",
    ),
    "injector not asked": (
        _mesh(_cluster("east", injection=Injection(unknown="pods is forbidden"))),
        Reason.INJECTION_NOT_CHECKED,
        "east",
    ),
    "validation off": (
        _mesh(_cluster("east", validation="failed calling webhook")),
        Reason.VALIDATION_FAILS,
        "east",
    ),
    "errors": (
        _mesh(_cluster("east", errors={"istiod-1": ("a", "2026 error ADS:LDS: ACK ERROR")})),
        Reason.ERRORS_LOGGED,
        "east",
    ),
    "end of a certificate": (
        _mesh(_cluster("east", facts={"trust": observed_trust(_ROOT, days=(-1, 20))})),
        Reason.CERTIFICATE_EXPIRES,
        "east",
    ),
    "CRLs not loaded": (_listed(_ROOTS + _OWNS, ""), Reason.CRL_NOT_LOADED, "east"),
    "CRLs not forgotten": (_listed("", _ROOTS + _OWNS), Reason.CRL_NOT_LOADED, "east"),
    "CRL that ends": (_listed(*[_ROOTS + _OWNS + _ENDS] * 2), Reason.CRL_EXPIRES, "east"),
    "CRL of a peer missing": (_listed(_ROOTS, _ROOTS), Reason.CRL_MISSING, "east"),
    "old token": (
        _mesh(_cluster("east", tokens={1: _NOW - timedelta(days=400)})),
        Reason.TOKEN_OLD,
        "east",
    ),
    "Gateway of a network that is gone": (
        _mesh(_cluster("east", remote_networks={"istio-system/old": "net-old"})),
        Reason.REMOTE_GATEWAY_ORPHANED,
        "east",
    ),
    "Gateway with other hosts": (
        _mesh(_cluster("east", facts={"exposed": ("*.local", "*.shop.example.com")})),
        Reason.CROSS_NETWORK_GATEWAY_MISSING,
        "east",
    ),
    "proxy of another network": (
        _mesh(_cluster("east", pods=(_pod(network="net-old"),))),
        Reason.PROXY_STALE,
        "east",
    ),
    "proxy of another cluster": (
        _mesh(_cluster("east", pods=(_pod(cluster_id="old"),))),
        Reason.PROXY_STALE,
        "east",
    ),
    "old proxy": (
        _mesh(_cluster("east", pods=(_pod(image="mirror.example.com/istio/proxyv2:1.30.1"),))),
        Reason.PROXY_OLD,
        "east",
    ),
    "secret of a cluster that is gone": (
        _mesh(
            _cluster(
                "east",
                facts={"remote_secrets": (RemoteSecret(name="s", labelled=True, kubeconfigs={"old": ""}),)},
            )
        ),
        Reason.REMOTE_SECRET_ORPHANED,
        "east",
    ),
    "secret of a cluster that is not seen": (
        _mesh(
            _cluster(
                "east",
                facts={"remote_secrets": (RemoteSecret(name="s", labelled=True, kubeconfigs={"north": ""}),)},
            )
        ),
        Reason.REMOTE_SECRET_ORPHANED,
        "east",
    ),
    "Service that got the labels": (
        _mesh(
            _cluster(
                "east", facts={"exposed": (), "gateway": _by_labels("a.svc")}, labelled=("a.svc", "b.svc")
            )
        ),
        Reason.EXPOSURE_OUTDATED,
        "east",
    ),
    "Service that lost the labels": (
        _mesh(
            _cluster(
                "east", facts={"exposed": (), "gateway": _by_labels("a.svc", "b.svc")}, labelled=("b.svc",)
            )
        ),
        Reason.EXPOSURE_OUTDATED,
        "east",
    ),
    "no remote secret": (_mesh(found=LinkFacts()), Reason.REMOTE_SECRET_MISSING, "east"),
    "peer not reached": (
        _mesh(api_server=Reach(address="203.0.113.2:6443", failure="timed out")),
        Reason.PEER_API_SERVER_UNREACHABLE,
        "east",
    ),
    "client certificate that has ended": (
        _mesh(found=_link(certificate=_certificate(-1))),
        Reason.CLIENT_CERTIFICATE_INVALID,
        "east",
    ),
    "end of a client certificate": (
        _mesh(found=_link(certificate=_certificate(20))),
        Reason.CERTIFICATE_EXPIRES,
        "east",
    ),
    "Secret that nobody has written": (
        _mesh(found=_link(secrets=(), written=_WRITTEN)),
        Reason.REMOTE_SECRET_MISSING,
        "east",
    ),
    "Secret for another cluster": (
        _mesh(
            found=_link(
                secrets=(RemoteSecret(name="tbot", labelled=True, kubeconfigs={"relay": ""}),),
                written=_WRITTEN,
            )
        ),
        Reason.REMOTE_SECRET_KEY,
        "east",
    ),
    "token that ends": (_mesh(expires=_NOW + timedelta(days=2)), Reason.TOKEN_EXPIRES, "east"),
    "gateway not reached": (
        _mesh(
            gateways=(
                Reach(address="203.0.113.7:15443"),
                Reach(address="203.0.113.8:15443", failure="connection refused"),
            )
        ),
        Reason.GATEWAY_PORT_UNREACHABLE,
        "west",
    ),
    "gateway of another address": (
        _mesh(
            _cluster("east", facts={"istiods": told({"net-west": _NATTED.addresses})}),
            _cluster("west", facts={"gateway": _NATTED}),
        ),
        Reason.GATEWAY_ADDRESSES_NOT_USED,
        "west",
    ),
    "gateway that istiod is not told": (
        _mesh(west=_cluster("west", facts={"gateway": dataclasses.replace(_NATTED, discovered=())})),
        Reason.GATEWAY_ADDRESSES_NOT_USED,
        "east",
    ),
    "gateway that closes": (
        _mesh(handshakes={"a": Handshake(closed=True), "b": Handshake(closed=True)}),
        Reason.GATEWAY_PASSES_NOTHING,
        "west",
    ),
    "certificate of another root": (
        _mesh(handshakes={"a": Handshake(distrusted="self-signed certificate")}),
        Reason.PEER_CERTIFICATE_DISTRUSTED,
        "west",
    ),
    "pods of one network apart": (
        _mesh(gateways=(), handshakes={}, pod=Reach(address="10.2.0.4:15012", failure="timed out")),
        Reason.NETWORK_ROUTE_MISSING,
        "east",
    ),
    "control plane not reached": (
        _mesh(control_plane=Reach(address="istiod.istio-system.svc:15012", failure="timed out")),
        Reason.CONTROL_PLANE_UNREACHABLE,
        "east",
    ),
    "primary that is away": (
        _mesh(_cluster("east", facts={"primary": "north", "control_plane_unknown": "it is offline"})),
        Reason.CONTROL_PLANE_NOT_CHECKED,
        "east",
    ),
    "nothing to connect from": (
        _mesh(_cluster("east", untried="no pod with a proxy runs there")),
        Reason.CONNECTIONS_NOT_CHECKED,
        "east",
    ),
    "clock ahead": (_mesh(west=_cluster("west", clock=95)), Reason.CLOCKS_DIFFER, "west"),
    "other ports": (
        _mesh(west=_cluster("west", services={"shop/cart": frozenset({"8080/TCP"})})),
        Reason.SERVICE_PORTS_DIFFER,
        "east",
    ),
}
"""Each with what is wrong: the reason, and the cluster to look in."""


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_named_and_nothing_else(fault: str) -> None:
    """With a hint, and the place in the documentation."""
    mesh, reason, cluster = FAULTS[fault]
    (finding,) = _found(mesh)
    assert (finding.reason, finding.cluster) == (reason, cluster)
    assert finding.message
    assert finding.hint
    assert finding.see == f"docs/troubleshooting.md#{reason}"


def test_a_mesh_that_is_right_passes_every_check() -> None:
    """Nothing is skipped."""
    assert {result.outcome for result in results(_mesh(), (), _NOW)} == {Outcome.PASSED}


def test_what_is_right_is_not_found() -> None:
    """One service that closes what it does not know, peers of other stacks, a server without a clock."""
    mesh = _mesh(
        _cluster("east", clock=None, networks=None, remote_networks={"istio-system/other": "net-other"}),
        handshakes={"a": Handshake(closed=True), "b": Handshake()},
        expires=_NOW + timedelta(days=90),
    )
    assert _found(mesh) == []


def test_services_that_are_exposed_by_labels_as_they_are_pass() -> None:
    """Also by a wildcard of another Gateway's, by a host of the stack's, and where there are none."""
    for hosts, exposed, labelled in (
        (("a.shop.svc",), (), ("a.shop.svc",)),
        (("*.shop.svc",), ("*.shop.svc",), ("a.shop.svc",)),
        (("nothing.invalid",), (), ()),
    ):
        facts = {"gateway": _by_labels(*hosts), "exposed": exposed}
        assert _found(_mesh(_cluster("east", facts=facts, labelled=labelled))) == []


def test_other_ports_are_told_once_for_two_that_see_each_other_and_for_one_that_sees_the_other() -> None:
    """Whichever of the two it is."""
    west = _cluster("west", services={"shop/cart": frozenset({"8080/TCP"})})
    mesh = _mesh(west=west)
    (link,) = mesh.links.values()
    back = dataclasses.replace(link, caller=link.target, target=link.caller, mutual=False)
    (pair,) = mesh.links
    one_way = MeshInspection(
        clusters=mesh.clusters, links={Pair(caller=pair.target, target=pair.caller): back}
    )
    both_ways = MeshInspection(
        clusters=mesh.clusters,
        links={**mesh.links, Pair(caller="west", target="east"): dataclasses.replace(back, mutual=True)},
    )
    for found in (mesh, one_way, both_ways):
        assert [f.reason for f in _found(found)] == [Reason.SERVICE_PORTS_DIFFER]


def test_where_an_api_server_gives_no_answer_the_rest_of_the_cluster_is_skipped() -> None:
    """The other one is checked as ever, and nothing between the two."""
    found = list(results(FAULTS["no answer"][0], (), _NOW))
    west = [result.outcome for result in found if result.cluster == "west"]
    assert west[0] is Outcome.FAILED
    assert {*west[1:]} == {Outcome.SKIPPED}
    assert {r.outcome for r in found if r.cluster == "east"} == {Outcome.PASSED}
    assert [r for r in found if r.peer] == []


def test_after_an_error_the_effects_are_skipped_and_after_a_warning_they_are_not() -> None:
    """A missing secret has no token to be tried; but gateways have nothing to do with it."""
    found = [r for r in results(FAULTS["no remote secret"][0], (), _NOW) if r.peer]
    discovery = [r.outcome for r in found if r.subject == "Discovery"]
    assert discovery == [Outcome.FAILED, *[Outcome.SKIPPED] * 7, *[Outcome.PASSED] * 2]
    assert {r.outcome for r in found if r.subject == "Peers"} == {Outcome.PASSED}
    warned = [r.outcome for r in results(FAULTS["injector not asked"][0], (), _NOW)]
    assert Outcome.SKIPPED not in warned


def test_hints_leave_clusters_that_are_away_alone() -> None:
    """A refresh would try to read all that they have."""
    (finding,) = [r.finding for r in results(FAULTS["no remote secret"][0], ("north",), _NOW) if r.finding]
    assert "--exclude '**::north-*'" in finding.hint


def test_in_a_remote_the_injector_is_behind_the_gateway_of_its_primary() -> None:
    """There is the firewall to look at."""
    lost = Injection(problem="failed calling webhook")
    (finding,) = _found(_mesh(_cluster("east", facts={"primary": "north"}, injection=lost)))
    assert "port 15017 of the gateway of north, which leads to its istiod" in finding.hint


@pytest.mark.parametrize("owner", ["replicaset/cart-7d9f", "strimzipodset/kafka", "job/import"])
def test_pods_of_what_kubectl_cannot_restart_are_deleted_one_by_one(owner: str) -> None:
    """And not their owner: only that makes them again."""
    (finding,) = _found(_mesh(_cluster("east", pods=(_pod(network="x", owner=owner, name="one"),))))
    assert finding.hint == "restart them: in east, run `kubectl -n shop delete pod/one`"


def test_proxies_are_restarted_by_what_makes_their_pods() -> None:
    """Each once; a pod that nothing makes is deleted."""
    pods = [_pod(network="x", name=f"cart-{n}") for n in range(2)]
    single = _pod(network="x", owner="pod/debug", name="debug")
    (finding,) = _found(_mesh(_cluster("east", pods=(*pods, single))))
    assert "3 pods" in finding.message
    assert finding.hint == (
        "restart them: in east, run `kubectl -n shop rollout restart deployment/cart`, "
        "`kubectl -n shop delete pod/debug`"
    )


READY = Readiness(name="east", istio="1.31.0", kubernetes="v1.36.3", clock=0.2, nodes=3, load_balancer=True)
NOT_READY: dict[str, tuple[Readiness, Reason]] = {
    "no answer": (Readiness(name="east", unreachable="timed out"), Reason.API_SERVER_UNREACHABLE),
    "no way in": (Readiness(name="east", refused="HTTP 401"), Reason.API_SERVER_REFUSES),
    "old Kubernetes": (dataclasses.replace(READY, kubernetes="v1.27.3"), Reason.KUBERNETES_NOT_SUPPORTED),
    "clock behind": (dataclasses.replace(READY, clock=-300), Reason.CLOCKS_DIFFER),
    "no rights": (dataclasses.replace(READY, denied=("namespaces",)), Reason.RIGHTS_MISSING),
    "cordoned": (dataclasses.replace(READY, nodes=0), Reason.NO_NODE),
    "closed to webhooks": (
        dataclasses.replace(READY, pods_unreachable="i/o timeout"),
        Reason.PODS_UNREACHABLE,
    ),
    "no addresses": (
        dataclasses.replace(READY, load_balancer=None, waiting=("shop/web",)),
        Reason.NO_LOAD_BALANCER,
    ),
    "addresses not known": (dataclasses.replace(READY, load_balancer=None), Reason.LOAD_BALANCER_NOT_KNOWN),
}


def _before(
    found: Readiness, problems: Sequence[Problem] = (), unchecked: dict[str, str] | None = None
) -> list[CheckResult]:
    return list(readiness.results({"east": found}, problems, unchecked or {}))


@pytest.mark.parametrize("fault", NOT_READY)
def test_a_cluster_that_will_not_do_is_named_before_a_first_update(fault: str) -> None:
    """One finding each; where nothing is known, all else is skipped."""
    found, reason = NOT_READY[fault]
    assert [r.finding.reason for r in _before(found) if r.finding] == [reason]


def test_a_cluster_that_will_do_passes() -> None:
    """Every check."""
    assert {r.outcome for r in _before(READY)} == {Outcome.PASSED}


@pytest.mark.parametrize("waiting", [(), ("shop/web",)])
def test_a_gateway_without_a_load_balancer_needs_none(waiting: tuple[str, ...]) -> None:
    """With node ports, or behind something of the user's."""
    found = dataclasses.replace(READY, load_balancer=None, waiting=waiting, balanced=False)
    assert {r.outcome for r in _before(found)} == {Outcome.PASSED}


def test_what_an_update_would_refuse_is_said_of_its_cluster() -> None:
    """Each once; what concerns no cluster is said of the mesh."""
    taken = Problem(path="clusters.east", message="has a Secret cacerts already")
    phase = Problem(path="trust.phase", message="is not the next one")
    found = [r.finding for r in _before(READY, [taken, taken, phase]) if r.finding]
    assert [(f.cluster, f.reason) for f in found] == [
        ("east", Reason.UPDATE_REFUSED),
        ("mesh", Reason.UPDATE_REFUSED),
    ]
    assert "has a Secret cacerts already" in found[0].message


def test_an_address_that_cannot_be_tried_from_here_is_a_warning() -> None:
    """Only peers may reach it."""
    (finding,) = [r.finding for r in _before(READY, unchecked={"east": "no answer"}) if r.finding]
    assert (finding.reason, finding.severity) == (Reason.PEER_API_SERVER_NOT_CHECKED, Severity.WARNING)


def _report(mesh: MeshInspection) -> CheckReport:
    return CheckReport(
        stack="dev",
        seconds=1.2,
        results=tuple(results(mesh, (), _NOW)),
        gateways=tuple(connections(mesh)),
        offline=("north",),
    )


def test_the_table_has_a_line_for_each_check_and_what_is_wrong_below_it() -> None:
    """What passed elsewhere is said, too; the counts come last."""
    lines = table(_report(FAULTS["istiod at zero"][0])).splitlines()
    at = lines.index("  FAIL  istiod has a ready pod (east)")
    assert lines[at - 1] == "  ok    istiod has a ready pod (west)"
    assert lines[at + 1].startswith("        istiod-down: istiod has no ready pod in east")
    assert lines[at + 2].startswith("        hint: ")
    assert lines[at + 3] == "        see: docs/troubleshooting.md#istiod-down"
    assert "east  west  203.0.113.7:15443  1.5 ms" in lines
    assert lines[-2] == "80 checks: 74 passed, 1 failed, 5 skipped (1.2 s)"
    assert lines[-1] == "not checked, because they are offline in the stack file: north"


def test_a_warning_does_not_fail_a_check() -> None:
    """It is shown all the same."""
    report = _report(FAULTS["old token"][0])
    assert report.passed
    assert [finding.reason for finding in report.findings] == [Reason.TOKEN_OLD]
    assert not _report(FAULTS["istiod at zero"][0]).passed


def test_junit_has_a_case_for_each_check_and_fails_those_that_fail() -> None:
    """CI systems show the message, and count what was skipped."""
    report = _report(FAULTS["istiod at zero"][0])
    suites = ElementTree.fromstring(junit(report))  # noqa: S314 - it was made here
    cases = suites.findall("testsuite/testcase")
    assert len(cases) == len(report.results)
    (failed,) = [case for case in cases if case.find("failure") is not None]
    assert failed.get("name") == "east: istiod has a ready pod"
    failure = failed.find("failure")
    assert failure is not None
    assert failure.get("message") == "istiod-down"
    assert "hint: " in str(failure.text)
    assert sum(int(suite.get("failures", 0)) for suite in suites) == 1
    assert sum(int(suite.get("skipped", 0)) for suite in suites) == len(suites.findall(".//skipped")) == 5
