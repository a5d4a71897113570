"""What may follow what is in place in the clusters."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from mesh.live.facts import Cacerts, Holders, ObservedCluster, ObservedControlPlane, ObservedTrust
from mesh.pki.renewal import Held
from mesh.preflight.transitions import problems, roots_move
from mesh.stacks.state import SECRET, RecordedState
from tests.builders.certificates import authority
from tests.builders.stacks import stack_config

OLD, NEW, OTHER = (authority(name).pem for name in ("dev root CA 1", "dev root CA 2", "cluster.local"))
BUNDLES = {"none": OLD, "both": OLD + NEW, "sign": OLD + NEW + NEW, "drop": NEW, "other": OTHER}
PHASES = {"both": "trust-both", "sign": "sign-with-new", "drop": "drop-old"}
ROTATION = {"nextRoot": {"generation": 2}}


_NOTHING = RecordedState()


def cluster(loaded: str, configured: str | None = None, **more: Any) -> ObservedCluster:
    """A cluster whose istiod has loaded one bundle, and whose `cacerts` may already have another."""
    cacerts = Cacerts(certificate="", chain="", roots=BUNDLES[configured or loaded])
    return ObservedCluster(
        trust=ObservedTrust(published_roots=BUNDLES[loaded], cacerts=cacerts),
        control_planes=(ObservedControlPlane(**{"multi_root": True, "xds_agent": True, **more}),),
    )


def refusals(
    trust: Mapping[str, Any],
    clusters: Mapping[str, ObservedCluster],
    recorded: RecordedState = _NOTHING,
    **sections: Any,
) -> list[str]:
    """What is refused for a stack of these clusters."""
    config = stack_config({name: {} for name in clusters}, trust=trust, **sections)
    return [str(problem) for problem in problems(config, clusters, recorded, datetime.now(UTC))]


def rotation(phase: str) -> dict[str, Any]:
    """The section `trust` in a phase."""
    return {**ROTATION, "phase": PHASES[phase]}


@pytest.mark.parametrize("target", ["both", "sign", "drop"])
@pytest.mark.parametrize("there", ["none", "both", "sign", "drop"])
def test_a_phase_may_follow_only_the_one_beside_it(target: str, there: str) -> None:
    """Forward, back, and once more; never over one."""
    order = ["none", "both", "sign", "drop"]
    allowed = abs(order.index(target) - order.index(there)) <= 1
    found = refusals(rotation(target), {"east": cluster(there), "west": cluster(there)})
    assert (found == []) is allowed, found
    if not allowed:
        between = order[order.index(there) + (1 if order.index(target) > order.index(there) else -1)]
        assert all(f"Run {PHASES.get(between, 'no rotation')} next" in line for line in found)


def test_one_cluster_behind_holds_all_back() -> None:
    """West has not got the phase before, so nobody goes on."""
    (line,) = refusals(rotation("sign"), {"east": cluster("both"), "west": cluster("none")})
    assert line.startswith("trust.phase: west is in no rotation")


def test_a_half_done_phase_may_be_finished() -> None:
    """An update that broke off between the clusters is run again."""
    assert refusals(rotation("both"), {"east": cluster("both"), "west": cluster("none")}) == []


def test_clusters_on_both_sides_of_a_phase_are_brought_together_first() -> None:
    """East would drop what west still signs with."""
    found = refusals(rotation("sign"), {"east": cluster("drop"), "west": cluster("both")})
    assert any("some clusters are before this phase and some after it" in line for line in found), found


def test_an_istiod_that_has_not_taken_over_yet_is_waited_for() -> None:
    """The Secret has the phase before, but istiod still works without it."""
    (line,) = refusals(rotation("sign"), {"east": cluster("none", "both"), "west": cluster("both")})
    assert "istiod in east still has the roots of no rotation" in line
    assert "wait, then run the same command again" in line


def test_an_unreachable_cluster_stops_a_phase_that_moves_others() -> None:
    """Nobody knows how far it is."""
    found = refusals(
        rotation("both"), {"east": cluster("none"), "west": ObservedCluster(unreachable="timed out")}
    )
    assert found == [
        "trust.phase: trust-both changes east, and the phase of west is unknown: timed out; expected "
        "every cluster to be reachable"
    ]


def test_an_unreachable_cluster_is_in_nobodys_way_while_nothing_moves() -> None:
    """Other changes go on, with one root and in the middle of a rotation."""
    away = ObservedCluster(unreachable="timed out")
    assert refusals(rotation("both"), {"east": cluster("both"), "west": away}) == []
    assert refusals({}, {"east": cluster("none"), "west": away}) == []


@pytest.mark.parametrize(
    ("lacks", "name"), [("multi_root", "ISTIO_MULTIROOT_MESH"), ("xds_agent", "PROXY_CONFIG_XDS_AGENT")]
)
def test_a_mesh_that_cannot_learn_roots_is_prepared_first(lacks: str, name: str) -> None:
    """What runs counts, not what the configuration would make of it."""
    settings: Mapping[str, Any] = {lacks: False}
    (line,) = refusals(rotation("both"), {"east": cluster("none", **settings)})
    assert f"without {name}=true" in line


def test_a_rotation_does_not_go_by_a_mesh_configuration_that_istiod_has_dropped() -> None:
    """A boolean where text belongs looks as if the agent were on; proxies have got nothing of it."""
    metadata = {"PROXY_CONFIG_XDS_AGENT": True}
    found = cluster("none", mesh_config={"defaultConfig": {"proxyMetadata": metadata}})
    (line,) = refusals(rotation("both"), {"east": found})
    assert (
        "istiod in east has dropped the mesh configuration in its ConfigMap, because of defaultConfig."
        in line
    )


def test_a_new_cluster_may_join_in_any_phase() -> None:
    """It has nothing that could be out of step."""
    assert refusals(rotation("sign"), {"east": cluster("sign"), "west": ObservedCluster()}) == []


def test_another_root_without_a_rotation_is_refused() -> None:
    """The jump that would cut every workload off."""
    (line,) = refusals({"root": {"generation": 2}}, {"east": cluster("none")})
    assert "east trusts 'dev root CA 1', which is not the root of generation 2" in line


def test_a_refusal_of_roots_names_both_ways_back() -> None:
    """The configuration may have changed, or someone else has replaced `cacerts`: nothing shows which."""
    (line,) = refusals({}, {"east": cluster("other")})
    assert "keep root as it was and add the other as nextRoot" in line
    assert "docs/runbooks/replaced-cacerts.md" in line


def test_a_cluster_with_a_strange_root_may_be_repaired() -> None:
    """East has the mesh's root: west is what is wrong, not the configuration."""
    assert refusals({}, {"east": cluster("none"), "west": cluster("other")}) == []
    assert refusals({}, {"east": cluster("none"), "west": cluster("none", "other")}) == []


def test_a_rotation_is_not_over_before_its_last_phase() -> None:
    """The new root alone, straight after sign-with-new."""
    (line,) = refusals({"root": {"generation": 2}}, {"east": cluster("sign")})
    assert "expected the phase drop-old" in line


def test_a_rotation_is_not_over_before_istiod_has_dropped_the_old_root() -> None:
    """The Secret no longer has it, but istiod still trusts it."""
    (line,) = refusals({"root": {"generation": 2}}, {"east": cluster("sign", "drop")})
    assert "istiod in east still trusts the root before generation 2" in line
    assert "wait, then run the same command again" in line


def test_a_rotation_may_be_given_up_after_its_first_phase() -> None:
    """Nobody signs with the new root yet."""
    assert refusals({}, {"east": cluster("both")}) == []


def test_roots_from_elsewhere_are_not_rotated() -> None:
    """A cluster with a root of its own is not the mesh of this configuration."""
    (line,) = refusals(rotation("both"), {"east": cluster("other")})
    assert "neither root nor nextRoot" in line


def test_a_token_in_use_is_not_deleted() -> None:
    """East still reads west with generation 1."""
    reading = ObservedCluster(token_secrets={"west": "istio-reader-token-g1"})
    clusters = {"east": reading, "west": ObservedCluster()}
    urns = {(SECRET, "west-reader-token-g1"): "urn"}
    (line,) = refusals({}, clusters, RecordedState(urns=urns), reader={"tokenGenerations": [2]})
    assert line.startswith("reader.tokenGenerations: [2] deletes the token of west of generation 1")
    assert refusals({}, clusters, RecordedState(urns=urns), reader={"tokenGenerations": [1, 2]}) == []


def test_a_token_that_was_deleted_while_its_reader_was_away_is_not_asked_for_again() -> None:
    """East comes back with a remote secret for west whose token is gone: the update replaces it."""
    reading = ObservedCluster(token_secrets={"west": "istio-reader-token-g1"})
    clusters = {"east": reading, "west": ObservedCluster()}
    assert refusals({}, clusters, RecordedState(), reader={"tokenGenerations": [2]}) == []


def test_a_cluster_that_was_away_gets_a_new_token_in_one_update() -> None:
    """All others have taken both steps meanwhile, and read it with the token that it has."""
    reading = ObservedCluster(token_secrets={"west": "istio-reader-token-g1"})
    clusters = {"east": reading, "west": ObservedCluster()}
    recorded = RecordedState(urns={(SECRET, "west-reader-token-g1"): "urn"}, away=frozenset({"west"}))
    assert refusals({}, clusters, recorded, reader={"tokenGenerations": [2]}) == []


def test_a_phase_waits_for_clusters_that_are_all_away() -> None:
    """As in a stack of one cluster, beside other stacks of the mesh."""
    (line,) = refusals(rotation("sign"), {"west": ObservedCluster(unreachable="it is offline")})
    assert "the phase of west is unknown" in line
    assert refusals(rotation("sign"), {"west": ObservedCluster()}) == [], "a new mesh may begin anywhere"


def test_a_phase_waits_for_a_cluster_that_is_away() -> None:
    """Nobody knows which roots it trusts."""
    clusters = {"east": cluster("none"), "west": ObservedCluster(unreachable="it is offline")}
    (line,) = refusals(rotation("both"), clusters)
    assert "the phase of west is unknown: it is offline; expected every cluster to be reachable" in line


ROOT = authority("root")
OWN = authority("own", issuer=ROOT)
RIGHT = {"certificate": OWN.pem, "private_key": OWN.key_pem, "chain": OWN.pem + ROOT.pem, "roots": ROOT.pem}


def existing(network: str | None = "net-east", **changed: Any) -> list[str]:
    """What is wrong with a cluster that has its `cacerts` from elsewhere."""
    found = ObservedCluster(trust=ObservedTrust(cacerts=Cacerts(**{**RIGHT, **changed})), network=network)
    trust = {"root": {"certificate": ROOT.pem}, "intermediate": {"existing": True}}
    return refusals(trust, {"east": found})


def test_cacerts_of_the_users_own_that_are_right_are_taken() -> None:
    """Nothing to say."""
    assert existing() == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"private_key": ""}, "ca-key.pem missing"),
        ({"private_key": authority("x").key_pem}, "ca-key.pem: this key belongs to another certificate"),
        ({"roots": authority("x").pem}, "root-cert.pem: the root of the mesh is not in it"),
        ({"certificate": authority("x").pem}, "ca-key.pem: this key belongs to another certificate"),
        ({"network": "net-west"}, "has the network 'net-west'"),
        ({"network": None}, "kubectl label namespace istio-system topology.istio.io/network=net-east"),
    ],
)
def test_cacerts_of_the_users_own_that_are_wrong_are_refused(changed: dict[str, Any], message: str) -> None:
    """Each part is named by its key in the Secret."""
    assert any(message in line for line in existing(**changed)), existing(**changed)


MIDDLE = authority("middle", issuer=ROOT)
BELOW = authority("below", issuer=MIDDLE)
EXPIRED = authority("expired", issuer=ROOT, days=(-9, -1))
OTHER = authority("other")
CLIENT_ONLY = authority("client", issuer=ROOT, purposes=[ExtendedKeyUsageOID.CLIENT_AUTH])
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n"
TLS = {"tls": True, "roots": ROOT.pem}


@pytest.mark.parametrize(
    "changed",
    [
        {**TLS, "certificate": OWN.pem, "chain": OWN.pem + ROOT.pem},
        {
            **TLS,
            "certificate": BELOW.pem + MIDDLE.pem,
            "private_key": BELOW.key_pem,
            "chain": BELOW.pem + MIDDLE.pem + ROOT.pem,
        },
        {"certificate": BELOW.pem, "private_key": BELOW.key_pem, "chain": MIDDLE.pem + ROOT.pem + BELOW.pem},
        {"chain": OWN.pem + OTHER.pem + ROOT.pem, "roots": OTHER.pem + ROOT.pem},
        {"chain": OWN.pem},
        {"certificate": OWN.pem + ROOT.pem},
        {"certificate": ROOT.pem, "private_key": ROOT.key_pem, "chain": ROOT.pem},
        {
            "certificate": (outliving := authority("x", issuer=ROOT, days=(-1, 999), outlives=True)).pem,
            "private_key": outliving.key_pem,
            "chain": outliving.pem,
        },
    ],
    ids=["tls", "tls, chain", "any order", "more roots", "no root", "two in one", "the root", "outlives"],
)
def test_cacerts_in_every_layout_that_istiod_takes_are_taken(changed: dict[str, Any]) -> None:
    """As cert-manager writes them, with a chain, in another order, with more than is needed."""
    assert existing(**changed) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({**TLS, "private_key": ""}, "tls.key missing"),
        ({**TLS, "roots": ""}, "ca.crt missing"),
        ({**TLS, "private_key": OTHER.key_pem}, "tls.key: this key belongs to another certificate"),
        ({**TLS, "certificate": OWN.pem.strip()}, "tls.crt: its last line has no end"),
        ({**TLS, "roots": OTHER.pem}, "ca.crt: the root of the mesh is not in it"),
        (
            {"certificate": BELOW.pem, "private_key": BELOW.key_pem, "chain": BELOW.pem + ROOT.pem},
            "cert-chain.pem: 'below' is signed by",
        ),
        ({"chain": ROOT.pem}, "cert-chain.pem: 'own' itself is not in it"),
        ({"chain": EXPIRED.pem + OWN.pem}, "'expired', its first, expired on"),
        ({"chain": "torn"}, "cert-chain.pem: expected PEM certificates, each complete"),
        (
            {
                "private_key": "-----BEGIN EC PARAMETERS-----\nBggq\n-----END EC PARAMETERS-----\n"
                + OWN.key_pem
            },
            "ca-key.pem: its first part is EC PARAMETERS",
        ),
        (
            {
                "certificate": CLIENT_ONLY.pem,
                "private_key": CLIENT_ONLY.key_pem,
                "chain": CLIENT_ONLY.pem,
            },
            "ca-cert.pem: its extended key usage does not include serverAuth",
        ),
    ],
)
def test_cacerts_that_istiod_would_refuse_are_refused(changed: dict[str, Any], message: str) -> None:
    """Also what it would stop for at its next start; the key of the Secret is named."""
    found = existing(**changed)
    assert len(found) == 1, found
    assert message in found[0]


def test_missing_cacerts_are_asked_for() -> None:
    """The cluster must have them before the mesh."""
    trust = {"root": {"certificate": ROOT.pem}, "intermediate": {"existing": True}}
    (line,) = refusals(trust, {"east": ObservedCluster()})
    assert "has no Secret istio-system/cacerts" in line


_REPLACED = cluster("other")
_STEPS_DONE = ObservedCluster(control_planes=(ObservedControlPlane(multi_root=True, xds_agent=True),))
"""After steps 1 and 2 of docs/runbooks/replaced-cacerts.md: no `cacerts`, no published root."""


@pytest.mark.parametrize(
    ("trust", "east", "west", "refused"),
    [
        ({}, _REPLACED, _REPLACED, True),
        ({}, _REPLACED, cluster("none"), False),
        ({}, cluster("none", "other"), cluster("none", "other"), False),
        (rotation("both"), _REPLACED, cluster("both"), True),
        ({}, _STEPS_DONE, _STEPS_DONE, False),
        (rotation("both"), _STEPS_DONE, cluster("both"), False),
    ],
    ids=["in all", "in one", "not loaded", "in a rotation", "steps done", "steps done in a rotation"],
)
def test_the_runbook_for_a_replaced_cacerts_says_when_an_update_is_refused(
    trust: dict[str, Any], east: ObservedCluster, west: ObservedCluster, *, refused: bool
) -> None:
    """Its table of cases, and its way out of the refusal."""
    found = refusals(trust, {"east": east, "west": west})
    assert bool(found) is refused, found
    assert all(line.startswith("trust.root: ") for line in found), found


def _holders(*certificates: tuple[str, str], **not_asked: str) -> dict[str, Holders]:
    """West's ztunnels, each with a certificate: the root above it, and the bundle that it trusts."""
    held = [
        Held(holder=f"ztunnel-{n}", identity="spiffe://w", intermediate="west 1", root=root, trusted=trusted)
        for n, (root, trusted) in enumerate(certificates)
    ]
    return {"west": Holders(held=tuple(held), not_asked=not_asked)}


def _renewed(trust: Mapping[str, Any], there: str, holders: Mapping[str, Holders]) -> list[str]:
    clusters = {"east": cluster(there), "west": cluster(there)}
    config = stack_config({name: {} for name in clusters}, trust=trust)
    found = problems(config, clusters, _NOTHING, datetime.now(UTC), holders)
    return [str(problem) for problem in found]


_BEFORE, _LEARNED, _NEW_SIGNED = (OLD, OLD), (OLD, OLD + NEW), (NEW, OLD + NEW + NEW)


@pytest.mark.parametrize(
    ("there", "target", "held", "why"),
    [
        ("none", "both", _BEFORE, None),
        ("both", "sign", _LEARNED, None),
        ("both", "sign", _BEFORE, "does not trust nextRoot yet"),
        ("sign", "drop", _NEW_SIGNED, None),
        ("sign", "drop", _LEARNED, "has a certificate under root"),
        ("sign", "both", _NEW_SIGNED, None),
        ("drop", "sign", (NEW, NEW), None),
    ],
)
def test_a_phase_waits_for_who_learns_roots_with_certificates(
    there: str, target: str, held: tuple[str, str], why: str | None
) -> None:
    """By ztunnel, istiod's new bundle is heard of at the next renewal only; one that is done is in no way."""
    found = _renewed(rotation(target), there, _holders(_NEW_SIGNED, held))
    assert len(found) == (why is not None), found
    if why:
        assert f"must wait for ztunnel-1 in west, which {why}: they renew at half" in found[0]
        assert "kubectl -n istio-system rollout restart daemonset/ztunnel" in found[0]


def test_a_phase_that_is_given_up_waits_too() -> None:
    """What was signed by the next root meanwhile would be trusted by nobody."""
    (line,) = _renewed({}, "both", _holders(_LEARNED, _NEW_SIGNED))
    assert "no rotation must wait for ztunnel-1 in west, which has a certificate under another root" in line
    assert _renewed({}, "both", _holders(_LEARNED)) == []


def test_a_ztunnel_that_cannot_be_asked_holds_a_phase_up() -> None:
    """Nobody knows what it has."""
    (line,) = _renewed(rotation("sign"), "both", _holders(_LEARNED, ztunnel="HTTP 403"))
    assert "ztunnel of west cannot be asked: HTTP 403; expected the right to read pods/portforward" in line


def test_holders_are_asked_only_where_roots_move() -> None:
    """That takes a connection to each node."""
    for trust, there, moves in (
        ({}, "none", False),
        ({}, "other", False),
        ({}, "both", True),
        (rotation("both"), "none", True),
        (rotation("both"), "both", False),
    ):
        clusters = {"east": cluster(there)}
        assert roots_move(stack_config({"east": {}}, trust=trust), clusters) is moves
