"""What `mesh check` makes of two control planes in a cluster, and of what leads proxies to them."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest

from mesh.cli.check import table
from mesh.health.checks import results
from mesh.health.finding import Finding, Reason, Severity
from mesh.health.report import CheckReport, NextPhase
from mesh.health.upgrade import next_phases
from mesh.istio.addresses import PeerAddress
from mesh.istio.skew import skew
from mesh.live.facts import ClusterFacts, Gateway, Workload
from mesh.live.inspected import ClusterInspection, Injection, MeshInspection
from mesh.pki.certificates import parse_one
from tests.builders.facts import RUNS
from tests.builders.inspections import NOW, injected_pod, inspected_cluster, inspected_mesh
from tests.builders.revisions import (
    MOVED,
    control_planes,
    injected,
    injecting_webhook,
    injectors,
    upgrading,
)

_NAT = Gateway(
    service="LoadBalancer",
    workload=RUNS,
    addresses=(PeerAddress(address="198.51.100.7"),),
    given=True,
    hosts=("*.local",),
)
_BOTH_TELL = {
    name: dataclasses.replace(one, told={"net-west": _NAT.addresses} if name == "default" else {})
    for name, one in control_planes().items()
}
_TRUST = upgrading().facts.trust
_EXPIRES = parse_one(_TRUST.cacerts.certificate if _TRUST.cacerts else "").not_valid_after_utc
_OLD_POD = injected_pod(revision="default")

FAULTS: dict[str, tuple[MeshInspection, Reason, str]] = {
    "next istiod at zero": (
        inspected_mesh(
            upgrading(
                facts={"istiods": control_planes(workload=Workload())},
                named_injections={"r2": Injection(problem="failed calling webhook")},
            )
        ),
        Reason.NEXT_ISTIOD_DOWN,
        "east",
    ),
    "next istiod that is not there": (
        inspected_mesh(upgrading(facts={"istiods": {"default": control_planes()["default"]}})),
        Reason.NEXT_ISTIOD_DOWN,
        "east",
    ),
    "the running one at zero": (
        inspected_mesh(upgrading(facts={"istiods": {"r2": control_planes()["r2"]}})),
        Reason.ISTIOD_DOWN,
        "east",
    ),
    "next istiod without a peer": (
        inspected_mesh(upgrading(facts={"istiods": control_planes(remotes={"istiod-r2-1": {}})})),
        Reason.NEXT_ISTIOD_NOT_SYNCED,
        "east",
    ),
    "next istiod with another mesh configuration": (
        inspected_mesh(
            upgrading(
                facts={
                    "mesh_config": {"trustDomain": "a"},
                    "istiods": {
                        name: dataclasses.replace(
                            one, mesh_configs={name: {"trustDomain": "a" if name == "default" else "b"}}
                        )
                        for name, one in control_planes().items()
                    },
                }
            )
        ),
        Reason.MESH_CONFIG_NOT_LOADED,
        "east",
    ),
    "next istiod that is not told a gateway": (
        inspected_mesh(
            upgrading(facts={"istiods": _BOTH_TELL}), inspected_cluster("west", facts={"gateway": _NAT})
        ),
        Reason.GATEWAY_ADDRESSES_NOT_USED,
        "east",
    ),
    "next istiod with another intermediate": (
        inspected_mesh(
            upgrading(
                facts={"trust": _TRUST},
                signing={
                    "default": {"istiod-1": _EXPIRES},
                    "r2": {"istiod-r2-1": _EXPIRES - timedelta(seconds=1)},
                },
            )
        ),
        Reason.CACERTS_NOT_LOADED,
        "east",
    ),
    "CRLs that were taken away": (
        inspected_mesh(upgrading(facts={"trust": dataclasses.replace(_TRUST, published_lists="a CRL")})),
        Reason.CRL_NOT_LOADED,
        "east",
    ),
    "next injector gone": (
        inspected_mesh(upgrading(named_injections={"r2": Injection(problem="failed calling webhook")})),
        Reason.INJECTION_FAILS,
        "east",
    ),
    "tag that was not moved": (
        inspected_mesh(upgrading(moved=True, injection=injected("default", "1.31.0"))),
        Reason.INJECTION_NOT_MOVED,
        "east",
    ),
    "two injectors": (
        inspected_mesh(
            upgrading(
                injectors=injectors(
                    injecting_webhook("default"),
                    injecting_webhook("r2", tag="default"),
                    injecting_webhook("r2"),
                )
            )
        ),
        Reason.INJECTORS_OVERLAP,
        "east",
    ),
    "namespace of a revision that is gone": (
        inspected_mesh(upgrading(namespaces={"shop": {"istio.io/rev": "r0"}})),
        Reason.NAMESPACE_REVISION_UNKNOWN,
        "east",
    ),
    "proxies of a control plane that is gone": (
        inspected_mesh(inspected_cluster("east", served={"default": {"shop": 1}, "r0": {"web": 2}})),
        Reason.PROXY_UNSERVED,
        "east",
    ),
    "proxies that have not moved": (
        inspected_mesh(
            upgrading(moved=True, served={"default": {"shop": 1}, "r2": {"web": 3}}, pods=(_OLD_POD,))
        ),
        Reason.PROXY_NOT_MOVED,
        "east",
    ),
    "namespace that names the old control plane": (
        inspected_mesh(
            upgrading(
                moved=True,
                facts={"revision": "r1", "istiods": {"r1": control_planes()["default"], **control_planes()}},
                named_injections={"r1": injected("r1", "1.31.0"), "r2": injected("r2", "1.32.0")},
                injectors=injectors(
                    injecting_webhook("r1"), injecting_webhook("r2"), injecting_webhook("r2", tag="default")
                ),
                namespaces={"shop": {"istio.io/rev": "r1"}},
            )
        ),
        Reason.PROXY_NOT_MOVED,
        "east",
    ),
    "proxy that is newer than its control plane": (
        inspected_mesh(upgrading(pods=(injected_pod(image="istio/proxyv2:1.32.0"),))),
        Reason.PROXY_VERSION_SKEW,
        "east",
    ),
    "proxy of the next control plane that is old": (
        inspected_mesh(upgrading(pods=(injected_pod(revision="r2", image="istio/proxyv2:1.31.9"),))),
        Reason.PROXY_OLD,
        "east",
    ),
    "Kubernetes that the next version does not support": (
        inspected_mesh(upgrading(facts={"next": dataclasses.replace(MOVED, version="1.27.0", moved=False)})),
        Reason.KUBERNETES_NOT_SUPPORTED,
        "east",
    ),
}


def _found(mesh: MeshInspection) -> list[Finding]:
    return [result.finding for result in results(mesh, (), NOW) if result.finding]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_each_fault_is_found_and_nothing_else(fault: tuple[MeshInspection, Reason, str]) -> None:
    """In the cluster where it has to be mended."""
    mesh, reason, cluster = fault
    assert [(finding.reason, finding.cluster) for finding in _found(mesh)] == [(reason, cluster)]


@pytest.mark.parametrize("moved", [False, True])
def test_an_upgrade_in_which_everything_is_right_has_no_finding(*, moved: bool) -> None:
    """Proxies of both control planes, and a namespace for each way to name one."""
    east = upgrading(
        moved=moved,
        facts={"trust": _TRUST},
        served={"r2": {"shop": 3}, **({} if moved else {"default": {"web": 1}})},
        signing={"default": {"istiod-1": _EXPIRES}, "r2": {"istiod-r2-1": _EXPIRES}},
        pods=(
            injected_pod(revision="r2", image="istio/proxyv2:1.32.0"),
            *(() if moved else (_OLD_POD,)),
        ),
    )
    assert _found(inspected_mesh(east)) == []


def test_a_cluster_without_an_upgrade_is_not_checked_for_one() -> None:
    """The number of checks stays as it was."""
    subjects = {result.subject for result in results(inspected_mesh(), (), NOW)}
    assert "Revisions" not in subjects
    both = {result.subject for result in results(inspected_mesh(upgrading()), (), NOW)}
    assert "Revisions" in both


@pytest.mark.parametrize(
    ("fault", "message", "hint"),
    [
        (
            "next istiod at zero",
            "istiod-r2 has no ready pod in east (of 0): nothing can be moved to it",
            "`helm -n istio-system get manifest istiod-r2 | kubectl",
        ),
        (
            "next istiod at zero",
            "istiod-r2",
            "`kubectl -n istio-system describe pods -l app=istiod,istio.io/rev=r2`",
        ),
        (
            "next istiod without a peer",
            "istiod-r2 in east (pod istiod-r2-1) ignores west",
            "logs istiod-r2-1",
        ),
        (
            "next istiod with another mesh configuration",
            "r2 in east has another mesh configuration than the stack",
            "the ConfigMap istio-r2",
        ),
        (
            "next istiod that is not told a gateway",
            "istiod-r2 of east lacks the address",
            "get manifest istiod-r2",
        ),
        (
            "next istiod with another intermediate",
            "istiod-r2 in east (pod istiod-r2-1) signs with an intermediate CA that expires at",
            "`kubectl -n istio-system rollout restart deployment/istiod-r2`",
        ),
        (
            "CRLs that were taken away",
            "istiod of east gives workloads CRLs",
            "`kubectl -n istio-system rollout restart deployment/istiod deployment/istiod-r2`",
        ),
        (
            "next injector gone",
            "new pods in east that name the revision r2 get no proxy",
            "mutatingwebhookconfiguration istio-sidecar-injector-r2 -o yaml",
        ),
        (
            "tag that was not moved",
            "a proxy of istiod; expected istiod-r2",
            "run `pulumi up --refresh`, which restores istio-revision-tag-default",
        ),
        (
            "two injectors",
            "pods in shop, web, plain of east get a proxy from several control planes at once: "
            "istio-sidecar-injector-default (of istiod) and istio-revision-tag-default (of istiod-r2)",
            "`kubectl delete mutatingwebhookconfigurations istio-sidecar-injector-default`; else",
        ),
        (
            "namespace of a revision that is gone",
            "shop has the label istio.io/rev=r0, and there are: default, r2",
            "`kubectl label --overwrite namespace shop istio.io/rev=default`",
        ),
        (
            "proxies of a control plane that is gone",
            "east has 2 proxies (2 in web) of istiod-r0, which does not exist",
            "run `pulumi up`",
        ),
        (
            "proxies that have not moved",
            "istiod in east still serves 1 proxy (1 in shop); expected istiod-r2",
            "restart them: in east, run `kubectl -n shop rollout restart deployment/cart`",
        ),
        (
            "namespace that names the old control plane",
            "new pods in shop of east still get istiod-r1; expected istiod-r2",
            "in east, run `kubectl label --overwrite namespace shop istio.io/rev=default istio-injection-`",
        ),
        (
            "proxy that is newer than its control plane",
            "istiod is 1.31.0, and 1.32.0 in shop/cart-1 is newer than that",
            "rollout restart deployment/cart",
        ),
    ],
)
def test_findings_name_the_revision_and_say_what_to_do(fault: str, message: str, hint: str) -> None:
    """By the names that are in the cluster."""
    (finding,) = _found(FAULTS[fault][0])
    assert message in finding.message
    assert hint in finding.hint


def test_the_control_plane_that_serves_checks_the_objects_of_istio() -> None:
    """`base` leads there, so that nothing of the other one can be what is broken."""
    (finding,) = _found(inspected_mesh(upgrading(moved=True, validation="failed calling webhook")))
    assert finding.reason is Reason.VALIDATION_FAILS
    assert "get manifest istiod-r2 | kubectl" in finding.hint


def test_a_tag_of_others_beside_a_control_plane_without_a_revision_is_theirs() -> None:
    """In a stack without revisions, that name is not the stack's."""
    beside = injectors(injecting_webhook("canary", tag="default"), injecting_webhook("default"))
    east = inspected_cluster("east", injectors=beside, namespaces={"shop": {"istio-injection": "enabled"}})
    own = dataclasses.replace(beside[1], name="istio-sidecar-injector")
    (finding,) = _found(inspected_mesh(dataclasses.replace(east, injectors=(beside[0], own))))
    assert "`kubectl delete mutatingwebhookconfigurations istio-revision-tag-default`" in finding.hint
    taken = dataclasses.replace(east, injectors=(), injection=injected("canary", "1.31.0"))
    (finding,) = _found(inspected_mesh(taken))
    assert "`helm -n istio-system get manifest istiod | kubectl" in finding.hint


def test_what_waits_for_a_restart_is_no_error() -> None:
    """And neither is a proxy that works, though Istio promises nothing of it."""
    for fault in ("proxies that have not moved", "proxy that is newer than its control plane"):
        (finding,) = _found(FAULTS[fault][0])
        assert finding.severity is Severity.WARNING


def test_proxies_are_not_restarted_before_their_namespace_leads_to_the_next_control_plane() -> None:
    """A restart would give them the old one again."""
    east = upgrading(
        moved=True,
        facts={"revision": "r1", "istiods": {"r1": control_planes()["default"], **control_planes()}},
        injectors=injectors(injecting_webhook("r1"), injecting_webhook("r2")),
        namespaces={"shop": {"istio.io/rev": "r1"}, "web": {"istio.io/rev": "r2"}},
        served={"r1": {"shop": 8, "web": 4}},
        pods=(injected_pod(revision="r1"), injected_pod(revision="r1", namespace="web")),
    )
    (finding,) = _found(inspected_mesh(east))
    assert finding.message.startswith("istiod-r1 in east still serves 12 proxies (8 in shop, 4 in web)")
    label, _, restarts = finding.hint.partition("; then ")
    assert label == (
        "in east, run `kubectl label --overwrite namespace shop istio.io/rev=r2 istio-injection-`"
    )
    assert restarts.startswith("restart them: in east, run `kubectl -n shop rollout restart deployment/cart`")


def test_of_many_namespaces_and_workloads_the_first_are_named() -> None:
    """Those with most proxies first."""
    served = {f"n{count}": count for count in range(1, 6)}
    pods = tuple(injected_pod(revision="default", namespace=name) for name in served)
    (finding,) = _found(inspected_mesh(upgrading(moved=True, served={"default": served}, pods=pods)))
    assert "serves 15 proxies (5 in n5, 4 in n4, 3 in n3 and 2 more);" in finding.message
    assert finding.hint.endswith("`kubectl -n n3 rollout restart deployment/cart` and 2 more")


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ({"istio.io/rev": "r0", "istio-injection": "enabled"}, False),
        ({"istio.io/rev": "r0", "istio-injection": "disabled"}, False),
        ({"istio.io/rev": "r2"}, False),
        ({"istio.io/rev": "default"}, False),
        ({"istio.io/rev": ""}, True),
        ({}, False),
    ],
)
def test_the_older_label_of_a_namespace_counts_before_its_revision(
    labels: dict[str, str], *, found: bool
) -> None:
    """As in the selectors of Istio's webhooks."""
    reasons = [f.reason for f in _found(inspected_mesh(upgrading(namespaces={"shop": labels})))]
    assert reasons == ([Reason.NAMESPACE_REVISION_UNKNOWN] if found else [])


def test_a_namespace_of_no_revision_needs_no_control_plane() -> None:
    """Not even the one that is about to go."""
    east = upgrading(moved=True, namespaces={"lost": {"istio.io/rev": "r0"}, "web": {"istio.io/rev": "r2"}})
    assert [f.reason for f in _found(inspected_mesh(east))] == [Reason.NAMESPACE_REVISION_UNKNOWN]


def test_without_any_injector_only_that_is_said() -> None:
    """Every namespace that names a revision would be named beside it."""
    broken = Injection(problem="no proxy")
    east = upgrading(injectors=(), injection=broken, namespaces={"shop": {"istio.io/rev": "r0"}})
    assert [f.reason for f in _found(inspected_mesh(east))] == [Reason.INJECTION_FAILS]


@pytest.mark.parametrize(
    ("control_plane", "proxy", "against"),
    [
        ("1.31.0", "1.31.5", None),
        ("1.31.0", "1.30.0", None),
        ("1.31.0", "1.29.0", "is 2 minor versions behind that"),
        ("1.31.9", "1.32.0", "is newer than that"),
        ("1.31-dev", "1.32-dev.20260101", "is newer than that"),
        ("latest", "1.20.0", None),
        ("1.31.0", "mine", None),
        ("2.0.0", "1.31.0", None),
    ],
)
def test_proxies_may_be_one_minor_version_behind(control_plane: str, proxy: str, against: str | None) -> None:
    """Of a tag that is no version, nothing is known."""
    assert skew(control_plane, proxy) == against


def test_while_a_control_plane_is_replaced_no_proxy_is_too_far_from_it() -> None:
    """Its pods are of two versions, and one of them will be gone."""
    both = dataclasses.replace(control_planes()["default"], versions=("1.31.0", "1.32.0"))
    pods = (injected_pod(image="istio/proxyv2:1.32.0"),)
    east = upgrading(facts={"istiods": {**control_planes(), "default": both}}, pods=pods)
    assert [f.reason for f in _found(inspected_mesh(east))] == [Reason.PROXY_OLD]


def _next(east: ClusterInspection, west: ClusterInspection | None = None) -> list[NextPhase]:
    mesh = inspected_mesh(east, west)
    return list(next_phases(mesh, tuple(results(mesh, (), NOW))))


def test_the_next_phase_may_come_when_nothing_fails() -> None:
    """Warnings do not count; a cluster without an upgrade has no phase."""
    old = (injected_pod(image="istio/proxyv2:1.30.0"),)
    (phase,) = _next(upgrading(served={"default": {"shop": 1}}, pods=old))
    assert (phase.cluster, phase.may, phase.why) == ("east", True, None)
    assert phase.step == "set istio.next.phase to moved: istiod-r2 serves new pods"
    (phase,) = _next(upgrading(moved=True, served={"r2": {"shop": 1}}))
    assert phase.may
    assert phase.step == (
        "set istio.version to 1.32.0 and istio.revision to r2, and remove istio.next: istiod goes"
    )


@pytest.mark.parametrize(
    ("east", "west", "why"),
    [
        (FAULTS["next istiod at zero"][0].clusters["east"], None, "next-istiod-down in east"),
        (FAULTS["next istiod without a peer"][0].clusters["east"], None, "next-istiod-not-synced in east"),
        (upgrading(), inspected_cluster("west", facts={"gateway": Gateway()}), None),
        (
            upgrading(facts={"remote_secrets": (), "unreachable": "timed out"}),
            None,
            "api-server-unreachable in east",
        ),
        (
            FAULTS["proxies that have not moved"][0].clusters["east"],
            None,
            "istiod in east still serves 1 proxy (1 in shop)",
        ),
        (
            FAULTS["namespace that names the old control plane"][0].clusters["east"],
            None,
            "new pods in shop of east still get istiod-r1",
        ),
    ],
)
def test_the_next_phase_waits_for_what_fails_and_for_what_needs_the_old_control_plane(
    east: ClusterInspection, west: ClusterInspection | None, why: str | None
) -> None:
    """What fails in another cluster does not count, unless it is between the two."""
    (phase,) = _next(east, west)
    assert phase.why == why


def _report(**changes: Any) -> CheckReport:
    return CheckReport(stack="dev", seconds=1.2, results=(), **changes)


def test_check_says_in_one_line_whether_the_next_phase_may_come() -> None:
    """For all clusters that are alike."""
    phases = (
        NextPhase(cluster="east", step="do this"),
        NextPhase(cluster="north", step="do this", why="a in north"),
        NextPhase(cluster="west", step="do this"),
    )
    lines = table(_report(next_phases=phases)).splitlines()
    assert lines[:2] == [
        "upgrade by revision: east, west may go on; next, do this",
        "upgrade by revision: north must wait (a in north); next, do this",
    ]
    assert '"may":true' in _report(next_phases=phases[:1]).model_dump_json(by_alias=True)
    assert "upgrade" not in table(_report())


def test_a_cluster_that_cannot_be_read_keeps_what_the_stack_says_of_it() -> None:
    """Else its upgrade would be forgotten."""
    east = ClusterInspection(facts=ClusterFacts(name="east", network="n", next=MOVED, refused="HTTP 401"))
    (phase,) = _next(east)
    assert phase.why == "api-server-refuses in east"
