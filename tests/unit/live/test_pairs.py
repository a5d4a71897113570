"""Pairs of clusters that call each other, read from the recorded mesh."""

import base64
import dataclasses
from typing import Any

import pytest

from mesh.config.resolved import PeersKubeconfig, SecretEntry
from mesh.config.secrets import Secrets
from mesh.health.verification import expected_pairs
from mesh.live import pairs
from mesh.live.facts import (
    Answers,
    LinkFacts,
    NextRevision,
    Pair,
    PairFacts,
    PathFacts,
    TokenCheck,
    Workload,
)
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.pods import ready_pod
from tests.builders.stacks import stack_config
from tests.recordings.recorded import SAMPLE, SYSTEM, RecordedApi, Recording, reader_of

_EAST_WEST = Pair(caller="east", target="west")
_EAST_EAST = Pair(caller="east", target="east")
_ONE = Workload(pods=1, ready=1, injected=1)


def _read(recording: Recording, *, answered: bool = True) -> dict[Pair, PairFacts]:
    config = recording.config
    by = dict.fromkeys(config.clusters, 1) if answered else {}
    answers = {name: Answers(calls=len(by), by=by) for name in config.clusters}
    return pairs.read_pairs(config, expected_pairs(config), answers, pairs.connect(config, config.clusters))


def test_every_pair_has_both_clusters(recording: Recording) -> None:
    """Each cluster is read once, and is the same in all its pairs."""
    found = _read(recording)
    assert len(found) == 4
    for pair, facts in found.items():
        assert (facts.caller.name, facts.target.name) == (pair.caller, pair.target)
        assert facts.caller is found[Pair(caller=pair.caller, target=pair.caller)].target


def test_a_cluster_has_all_its_facts(recording: Recording) -> None:
    """Nothing is left at a default that means that it is missing."""
    west = _read(recording)[_EAST_WEST].target
    assert west.unreachable is None
    assert (west.network, west.network_label) == ("net-west", "net-west")
    assert list(west.istiods) == ["default"]
    istiod = west.istiods["default"]
    assert (istiod.workload.pods, istiod.workload.ready, istiod.versions) == (1, 1, ("1.31.0",))
    assert list(istiod.remotes.values()) == [{"east": "synced", "west": "synced"}]
    assert (west.gateway.workload, west.gateway.hosts, len(west.gateway.addresses)) == (_ONE, ("*.local",), 1)
    assert west.trust.cacerts is not None
    assert west.trust.published_roots
    assert [secret.name for secret in west.remote_secrets] == ["istio-remote-secret-east"]
    assert west.sample.service


def test_a_pair_has_its_remote_secret_and_what_its_token_may_do(recording: Recording) -> None:
    """A cluster has no link to itself."""
    found = _read(recording)
    link = found[_EAST_WEST].link
    assert link is not None
    assert ([secret.name for secret in link.secrets], link.token) == (
        ["istio-remote-secret-west"],
        TokenCheck(),
    )
    assert found[_EAST_EAST].link is None


def _written(recording: Recording, secrets: dict[str, str] | None) -> LinkFacts:
    """The link from east to west, where something else than the program writes the kubeconfig for west."""
    entry = SecretEntry(name="tbot", key="kubeconfig.yaml")
    config = recording.config
    clusters = {
        **config.clusters,
        "east": dataclasses.replace(config.clusters["east"], kubeconfig_folder={"west": entry}),
        "west": dataclasses.replace(config.clusters["west"], kubeconfig=PeersKubeconfig(secret=entry)),
    }
    data = {key: base64.b64encode(text.encode()).decode() for key, text in (secrets or {}).items()}
    answer = {"status": 404, "message": "gone"} if secrets is None else {"answer": {"data": data}}
    recording.answer("east", f"{SYSTEM}/secrets/tbot", answer)
    config = dataclasses.replace(config, clusters=clusters)
    answers = {name: Answers() for name in clusters}
    found = pairs.read_pairs(
        config, [_EAST_WEST, Pair(caller="west", target="west")], answers, pairs.connect(config, clusters)
    )
    link = found[_EAST_WEST].link
    assert link is not None
    return link


def test_a_secret_that_something_else_writes_is_read_as_istiod_reads_it(recording: Recording) -> None:
    """By its key, and for the cluster in the current context; our own remote secret does not count there."""
    assert _written(recording, None).secrets == ()
    (nothing,) = _written(recording, {"other": "x"}).secrets
    assert nothing.kubeconfigs == {}
    for current in ("west", "relay"):
        text = kubeconfig({current: "https://relay.example.com"}, current=current)
        link = _written(recording, {"kubeconfig.yaml": text})
        (secret,) = link.secrets
        assert secret.kubeconfigs == {current: text}
        assert (link.kubeconfig == text) is (current == "west")
        assert (link.own, link.setting) == (False, "reader.kubeconfig")


def test_a_path_is_read_only_where_there_was_no_answer(recording: Recording) -> None:
    """And only to another cluster."""
    assert all(facts.path is None for facts in _read(recording).values())
    found = _read(recording, answered=False)
    path = found[_EAST_WEST].path
    assert path is not None
    assert path.probed == found[_EAST_WEST].target.gateway.addresses[0].authority
    assert found[_EAST_EAST].path is None


def test_a_client_that_does_not_run_has_no_path(recording: Recording) -> None:
    """Nothing can be run in it."""
    recording.items("east", "/api/v1/namespaces/sample/pods", labelSelector="app=client").clear()
    assert _read(recording, answered=False)[_EAST_WEST].path == PathFacts(problem="no client pod is ready")


def test_a_remote_secret_with_another_key_is_known_by_its_name(recording: Recording) -> None:
    """Its token is not checked: it is not the one for that cluster."""
    [secret] = [
        item
        for item in recording.items("east", f"{SYSTEM}/secrets", fieldSelector="type=Opaque")
        if item["metadata"]["name"] == "istio-remote-secret-west"
    ]
    secret["data"] = {"wets": secret["data"]["west"]}
    link = _read(recording)[_EAST_WEST].link
    assert link is not None
    assert ([secret.name for secret in link.secrets], link.token) == (["istio-remote-secret-west"], None)


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_cluster_that_refuses_to_say_its_version_cannot_be_read(recording: Recording, status: int) -> None:
    """No other question is put to it."""
    recording.refuse("west", status, "refused", only="/version")
    connections = pairs.connect(recording.config, ["east", "west"])
    assert (list(connections.apis), connections.refused) == (["east"], {"west": "refused"})
    west = _read(recording)[_EAST_WEST].target
    assert (west.unreachable, west.refused, west.istiods) == (None, "refused", {})


def test_a_cluster_that_refuses_one_question_cannot_be_read(recording: Recording) -> None:
    """What was read of it before does not count: half of the facts would mislead."""
    recording.refuse("west", 403, "secrets is forbidden", only="secrets")
    west = _read(recording)[_EAST_WEST].target
    assert (west.refused, west.network_label, west.istiods) == ("secrets is forbidden", None, {})


def test_a_token_is_checked_without_the_other_clusters_administrator(recording: Recording) -> None:
    """The API server of the other cluster may answer the reader, and not the stack."""
    recording.disconnect("west")
    recording.refuse(reader_of("west"), 401, "Unauthorized")
    link = _read(recording)[_EAST_WEST].link
    assert link is not None
    assert link.token == TokenCheck(refused=True)


@pytest.mark.parametrize("secret", [False, True])
def test_a_cluster_has_the_mesh_configuration_of_the_stack(recording: Recording, *, secret: bool) -> None:
    """For the report to compare; of a secret section only what the program itself sets."""
    config = dataclasses.replace(
        recording.config, secrets=Secrets(paths=frozenset({("istio",)} if secret else ()))
    )
    answers = {name: Answers() for name in config.clusters}
    found = pairs.read_pairs(config, expected_pairs(config), answers, pairs.connect(config, config.clusters))
    declared = found[_EAST_WEST].target.mesh_config
    assert declared["trustDomain"] == "cluster.local"
    assert ("defaultConfig" in declared) is not secret


def test_a_cluster_has_the_control_planes_that_the_stack_says(recording: Recording) -> None:
    """Also where one of them is not there yet, or the cluster cannot be read."""
    recording.remove("west", f"{SYSTEM}/configmaps/istio-1-32-0")
    recording.settings["west"] = {"istio": {"next": {"version": "1.32.0", "phase": "moved"}}}
    west, east = _read(recording)[_EAST_WEST].target, _read(recording)[_EAST_WEST].caller
    assert (west.revision, west.serving_revision) == ("default", "1-32-0")
    assert west.next == NextRevision(revision="1-32-0", version="1.32.0", moved=True)
    assert {name: one.workload.ready for name, one in west.istiods.items()} == {"default": 1, "1-32-0": 0}
    assert (east.next, list(east.declared)) == (None, ["default"])
    recording.settings["west"] = {"istio": {"revision": "r1", "next": {"version": "1.32.0"}}}
    recording.disconnect("west")
    west = _read(recording)[_EAST_WEST].target
    assert (west.revision, west.serving_revision, bool(west.unreachable)) == ("r1", "r1", True)
    assert west.next is not None
    assert not west.next.moved


def _with_remote(recording: Recording, **changes: Any) -> dict[Pair, PairFacts]:
    """West as a remote of east."""
    config = recording.config
    west = dataclasses.replace(config.clusters["west"], control_plane="east", **changes)
    east = dataclasses.replace(config.clusters["east"], serves=("west",))
    config = dataclasses.replace(config, clusters={"east": east, "west": west})
    wanted = expected_pairs(config)
    answers = {name: Answers(calls=2, by=dict.fromkeys(config.clusters, 1)) for name in config.clusters}
    known = pairs.connect(config, pairs.concerned(config, wanted))
    return pairs.read_pairs(config, wanted, answers, known)


def test_what_concerns_the_control_plane_of_a_remote_is_read_from_its_primary(recording: Recording) -> None:
    """The rest is its own."""
    found = _with_remote(recording)
    west, east = found[_EAST_WEST].target, found[_EAST_WEST].caller
    assert (west.primary, west.control_plane, east.primary) == ("east", "east", None)
    assert (west.istiods, west.remote_secrets) == (
        east.istiods,
        east.remote_secrets,
    )
    assert west.trust.cacerts == east.trust.cacerts
    assert west.gateway.addresses != east.gateway.addresses
    back = found[Pair(caller="west", target="east")]
    assert back.link is None
    assert [way.name for way in back.gateways] == ["east"]


def test_of_a_remote_whose_primary_gives_no_answer_nothing_is_known_but_itself(recording: Recording) -> None:
    """Its own API server answers."""
    recording.disconnect("east")
    west = _with_remote(recording)[Pair(caller="west", target="west")].target
    assert west.unreachable is None
    assert "timed out" in str(west.control_plane_unknown)


def test_clusters_that_calls_depend_on_are_read_without_the_sample() -> None:
    """The one whose gateway leads to the target, and the primary of a remote."""
    base = {"helloWorld": False}
    config = stack_config(
        {
            "way": {"network": "eu", **base},
            "target": {"network": "eu", "gateway": {"enabled": False}},
            "primary": base,
            "remote": {"controlPlane": "primary"},
        },
        helloWorld=True,
    )
    found = pairs.concerned(config, expected_pairs(config))
    assert set(found) == {"way", "target", "primary", "remote"}


def _make_ambient(recording: Recording) -> None:
    """Let both clusters have ambient workloads alone, as far as it is read, with a ztunnel and a gateway."""
    api, listener = "/apis/gateway.networking.k8s.io/v1", {"port": 15008, "protocol": "HBONE"}
    for name in recording.config.clusters:
        recording.settings[name] = {"dataPlane": "ambient"}
        recording.add_review(reader_of(name), "gateway.networking.k8s.io", "gateways", allowed=True)
        daemon_sets = "/apis/apps/v1/namespaces/istio-system/daemonsets"
        recording.add(name, api, {"resources": [{"name": "gateways"}, {"name": "gatewayclasses"}]})
        for daemon_set in ("istio-cni-node", "ztunnel"):
            recording.add(name, f"{daemon_sets}/{daemon_set}", {"spec": {"template": {}}, "status": {}})
        gateway = {
            "metadata": {"name": "istio-eastwestgateway-ambient"},
            "spec": {"listeners": [{**listener, "tls": {"mode": "Terminate"}}]},
            "status": {"addresses": [{"type": "IPAddress", "value": "203.0.113.1"}]},
        }
        recording.add(name, f"{api}/namespaces/istio-system/gateways/istio-eastwestgateway-ambient", gateway)
        recording.add(name, f"{api}/gateways", {"items": [gateway]})
        recording.add(name, f"{SYSTEM}/services/istio-eastwestgateway-ambient", {"spec": {}})
        recording.add(name, SAMPLE, {"metadata": {"labels": {"a": "b"}}})
        client = recording.items(name, f"{SAMPLE}/pods", labelSelector="app=client")[0]
        client["spec"]["nodeName"] = "n"
        for selector in (
            "app=ztunnel",
            "gateway.networking.k8s.io/gateway-name=istio-eastwestgateway-ambient",
        ):
            pod = ready_pod(f"{selector.rpartition('=')[2]}-1")
            recording.add(name, f"{SYSTEM}/pods", {"items": [pod]}, labelSelector=selector)
        istiod = recording.items(name, f"{SYSTEM}/pods", labelSelector="app=istiod")[0]["metadata"]["name"]
        asked = f"istio-system {istiod} discovery pilot-discovery request GET /debug/syncz"
        recording.add_output(name, asked, '[{"proxy": "ztunnel-1.istio-system", "proxy_type": "ztunnel"}]')
        wait = "pilot-agent wait --url http://203.0.113.1:15008/ --timeoutSeconds 2"
        recording.add_output(
            name,
            f"istio-system istio-eastwestgateway-ambient-1 istio-proxy {wait} --requestTimeoutMillis 1500 "
            "--periodMillis 100",
            "",
        )


def test_of_ambient_clusters_what_ztunnel_has_is_read(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where calls have no answer: no proxy of a workload is asked for anything."""
    _make_ambient(recording)
    uid = "net-west/SplitHorizonWorkload/x"
    way = {"destination": "net-west/203.0.113.1", "hboneMtlsPort": 15008}
    dump = {
        "workloads": [{"uid": uid, "workloadIps": [], "networkGateway": way}],
        "services": [
            {
                "hostname": "helloworld.sample.svc.cluster.local",
                "endpoints": {uid: {"workloadUid": uid}},
            }
        ],
    }
    monkeypatch.setattr(RecordedApi, "ask_pod", lambda *_, **__: dump)
    facts = _read(recording, answered=False)[_EAST_WEST]
    assert facts.ambient
    assert not facts.target.has_gateway
    assert facts.target.has_hbone_gateway
    assert facts.gateways == ()
    assert facts.path == PathFacts(endpoints=("203.0.113.1:15008",), probed="203.0.113.1:15008")
    assert facts.caller.sample.namespace_labels == {"a": "b"}
    assert facts.caller.ambient
    assert facts.caller.ambient.connected == {"ztunnel-1"}
