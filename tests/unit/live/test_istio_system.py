"""The control plane, its CA, remote secrets and reader tokens, read from the recorded mesh."""

import base64
import copy
import json
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from cryptography import x509

from mesh.istio.addresses import PeerAddress
from mesh.live.facts import Cacerts, Istiod, ObservedCluster, ObservedControlPlane, ObservedTrust, TokenCheck
from mesh.live.istio_system import (
    check_token,
    read_clusters,
    read_istiod_pods,
    read_istiods,
    read_reader_tokens,
    read_remote_secrets,
    read_signing,
    read_trust,
    token_secrets,
)
from mesh.live.kubernetes_api import CommandOutput, KubernetesApi
from tests.recordings.recorded import SYSTEM, Recording, reader_of

_CACERTS = f"{SYSTEM}/secrets/cacerts"
_KUBE_SYSTEM = "/api/v1/namespaces/kube-system"
_PUBLISHED = f"{SYSTEM}/configmaps/istio-ca-root-cert"
_MESH_CONFIG = f"{SYSTEM}/configmaps/istio"
_INJECTOR = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/istio-sidecar-injector"
_DEPLOYMENTS = {"path": "/apis/apps/v1/namespaces/istio-system/deployments", "labelSelector": "app=istiod"}
_OPAQUE = {"path": f"{SYSTEM}/secrets", "fieldSelector": "type=Opaque"}
_TOKENS = {"path": f"{SYSTEM}/secrets", "fieldSelector": "type=kubernetes.io/service-account-token"}
_ISTIOD_PODS = {"path": f"{SYSTEM}/pods", "labelSelector": "app=istiod"}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _remote_secret(recording: Recording, cluster: str) -> dict[str, dict[str, Any]]:
    """The remote secret in a cluster, to be edited."""
    [secret] = [s for s in recording.items(cluster, **_OPAQUE) if s["metadata"]["name"].startswith("istio-r")]
    return secret


def _kubeconfig(recording: Recording) -> str:
    """The kubeconfig by which east reads west."""
    [secret] = read_remote_secrets(recording.api("east"))
    return secret.kubeconfigs["west"]


# A cluster as an update finds it


def test_a_member_has_its_network_identity_and_tokens(recording: Recording) -> None:
    """All that the preflight goes by, for every cluster of the stack."""
    found = read_clusters(recording.config)
    assert list(found) == ["east", "west"]
    for name, remote in (("east", "west"), ("west", "east")):
        assert found[name].unreachable is None
        assert found[name].network == f"net-{name}"
        running = found[name].control_plane
        assert running is not None
        assert (running.cluster_id, running.mesh_id) == (name, "dev")
        assert (running.multi_root, running.xds_agent) == (True, True)
        assert running.network == f"net-{name}"
        assert (running.cluster_domain, running.mesh_config["trustDomain"]) == (
            "cluster.local",
            "cluster.local",
        )
        assert found[name].token_secrets == {remote: "istio-reader-token-g1"}
        assert found[name].trust == read_trust(recording.api(name), private_key=True)


def test_a_cluster_without_istio_has_nothing(recording: Recording) -> None:
    """Nothing else is asked there."""
    recording.remove("west", SYSTEM)
    recording.object("west", _KUBE_SYSTEM)["metadata"]["uid"] = "uid-west"
    assert read_clusters(recording.config)["west"] == ObservedCluster(identity="uid-west")


def test_clusters_are_told_apart_by_the_uids_of_their_namespaces(recording: Recording) -> None:
    """Of the one that every cluster has, and of the one that the mesh is in."""
    recording.object("west", _KUBE_SYSTEM)["metadata"]["uid"] = "uid-1"
    recording.object("west", SYSTEM)["metadata"]["uid"] = "uid-2"
    west = read_clusters(recording.config)["west"]
    assert (west.identity, west.namespace_uid) == ("uid-1", "uid-2")


def test_a_user_who_may_not_read_kube_system_has_clusters_without_an_identity(recording: Recording) -> None:
    """Everything else is read as ever."""
    recording.refuse("west", 403, 'namespaces "kube-system" is forbidden', only=_KUBE_SYSTEM)
    west = read_clusters(recording.config)["west"]
    assert west.unreachable is None
    assert west.identity is None
    assert west.network == "net-west"


def test_a_namespace_alone_is_not_a_control_plane(recording: Recording) -> None:
    """As where an administrator has put `cacerts` there beforehand."""
    recording.items("west", **_DEPLOYMENTS).clear()
    west = read_clusters(recording.config)["west"]
    assert west.control_plane is None
    assert west.trust.cacerts is not None


def test_two_control_planes_are_both_seen_with_their_own_settings(recording: Recording) -> None:
    """By the ConfigMaps of their revisions; what an update needs of a control plane, it needs of both."""
    deployments = recording.items("west", **_DEPLOYMENTS)
    second = copy.deepcopy(deployments[0])
    second["metadata"] |= {"name": "istiod-r2", "labels": {"app": "istiod", "istio.io/rev": "r2"}}
    [container] = second["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "CLUSTER_ID", "value": "west"}]
    deployments.append(second)
    recording.add("west", f"{_MESH_CONFIG}-r2", {"data": {"mesh": "defaultConfig: {meshId: dev}"}})
    values = json.dumps({"global": {"network": "net-2"}})
    recording.add("west", f"{_MESH_CONFIG}-sidecar-injector-r2", {"data": {"values": values}})
    west = read_clusters(recording.config)["west"]
    old, new = west.control_planes
    assert west.control_plane == old
    assert (old.cluster_id, old.mesh_id, old.network, old.multi_root) == ("west", "dev", "net-west", True)
    assert (new.cluster_id, new.mesh_id, new.network, new.multi_root) == ("west", "dev", "net-2", False)
    recording.object("west", f"{_MESH_CONFIG}-r2")["data"]["mesh"] = "a: {"
    refused = read_clusters(recording.config)["west"].refused
    assert refused is not None
    assert "the ConfigMap istio-system/istio-r2 has" in refused
    assert "get manifest istiod-r2`" in refused


def test_each_istiod_says_when_its_intermediate_expires(recording: Recording) -> None:
    """By its metrics; one that does not have it, or cannot be asked, is left out."""
    (pod,) = read_istiod_pods(recording.api("east"))
    name, command = pod["metadata"]["name"], "discovery pilot-discovery request GET /metrics"
    metric = "# TYPE a gauge\n{}a_total 1\ncitadel_server_cert_chain_expiry_timestamp_of 3\n"
    expiry = "citadel_server_cert_chain_expiry_timestamp"
    for labels in ("", '{otel_scope_name="istio"}'):
        printed = metric.format(f"{expiry}{labels} 1.796102345e+09\n")
        recording.add_output("east", f"istio-system {name} {command}", printed)
        assert read_signing(recording.api("east")) == {
            "default": {name: datetime.fromtimestamp(1796102345, UTC)}
        }
    recording.add_output("east", f"istio-system {name} {command}", metric.format(""))
    assert read_signing(recording.api("east")) == {}
    recording.fail_commands("east", "/metrics")
    assert read_signing(recording.api("east")) == {}


def test_a_remote_says_whose_control_plane_serves_it(recording: Recording) -> None:
    """By an annotation of its namespace; its network is in the path by which its webhook asks."""
    recording.items("west", **_DEPLOYMENTS).clear()
    annotations = {"topology.istio.io/controlPlaneClusters": "east"}
    recording.object("west", SYSTEM)["metadata"]["annotations"] = annotations
    service = {"name": "istiod", "path": "/inject/cluster/west/net/net-1"}
    recording.add("west", _INJECTOR, {"webhooks": [{"clientConfig": {"service": service}}]})
    west = read_clusters(recording.config)["west"]
    assert (west.primary, west.injected_network, west.control_plane) == ("east", "net-1", None)
    assert read_clusters(recording.config)["east"].primary is None


def test_an_istiod_that_does_not_say_who_it_is_has_no_identity(recording: Recording) -> None:
    """Nor can it rotate a root."""
    [deployment] = recording.items("west", **_DEPLOYMENTS)
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "CLUSTER_ID", "value": ""}, {"name": "REVISION", "valueFrom": {}}]
    container["args"] = ["discovery", "--domain"]
    recording.object("west", f"{_MESH_CONFIG}-sidecar-injector")["data"]["values"] = "{"
    recording.object("west", _MESH_CONFIG)["data"]["mesh"] = "accessLogFile: /dev/stdout\n"
    mesh_config = {"accessLogFile": "/dev/stdout"}
    assert read_clusters(recording.config)["west"].control_plane == ObservedControlPlane(
        mesh_config=mesh_config
    )
    recording.remove("west", _MESH_CONFIG)
    assert read_clusters(recording.config)["west"].control_plane == ObservedControlPlane()


def test_a_mesh_configuration_that_is_not_yaml_is_named(recording: Recording) -> None:
    """Somebody may have edited it; which mesh the cluster belongs to is then not known."""
    recording.object("west", _MESH_CONFIG)["data"]["mesh"] = "defaultConfig: {"
    found = read_clusters(recording.config)
    assert "ConfigMap istio-system/istio" in str(found["west"].refused)
    assert found["east"].unreachable is None


@pytest.mark.parametrize(
    ("status", "message", "only"),
    [
        (401, "Unauthorized", ""),
        (403, "secrets is forbidden", "secrets"),
        (500, "etcd is gone", "deployments"),
    ],
)
def test_a_cluster_that_refuses_a_question_is_not_unreachable(
    recording: Recording, status: int, message: str, only: str
) -> None:
    """With the server's words; the others are read all the same."""
    recording.refuse("west", status, message, only=only)
    found = read_clusters(recording.config)
    assert found["west"] == ObservedCluster(refused=message)
    assert found["east"].network == "net-east"


def test_a_cluster_that_gives_no_answer_is_unreachable(recording: Recording) -> None:
    """With the reason."""
    recording.disconnect("west")
    assert "timed out" in str(read_clusters(recording.config)["west"].unreachable)


# Its CA


def test_cacerts_are_read_as_pem_without_the_key(recording: Recording) -> None:
    """The key only for those who ask for it."""
    trust = read_trust(recording.api("east"))
    assert trust.cacerts is not None
    [intermediate] = x509.load_pem_x509_certificates(trust.cacerts.certificate.encode())
    [root] = x509.load_pem_x509_certificates(trust.cacerts.roots.encode())
    intermediate.verify_directly_issued_by(root)
    assert x509.load_pem_x509_certificates(trust.cacerts.chain.encode()) == [intermediate, root]
    assert x509.load_pem_x509_certificates(trust.published_roots.encode()) == [root]
    assert trust.cacerts.private_key == ""
    with_key = read_trust(recording.api("east"), private_key=True).cacerts
    assert with_key is not None
    assert with_key.private_key == "made-up ca-key.pem"
    assert with_key.private_key not in repr(with_key)


def test_cacerts_of_the_type_tls_are_read_as_istiod_reads_them(recording: Recording) -> None:
    """As cert-manager writes them: `tls.crt` wins, whatever else there is, and `ca.crt` ends the chain."""
    secret = recording.object("west", _CACERTS)
    secret["data"] |= {k: _encoded(f"{k}\n") for k in ("tls.crt", "tls.key", "ca.crt")}
    assert read_trust(recording.api("west"), private_key=True).cacerts == Cacerts(
        certificate="tls.crt\n",
        chain="tls.crt\nca.crt\n",
        roots="ca.crt\n",
        private_key="tls.key\n",
        tls=True,
    )


def test_missing_parts_of_the_trust_are_empty(recording: Recording) -> None:
    """Before istiod has started, and where the Secret has other keys."""
    recording.remove("west", _PUBLISHED)
    recording.object("west", _CACERTS)["data"] = {"tls.crt": _encoded("a certificate")}
    assert read_trust(recording.api("west")) == ObservedTrust(
        cacerts=Cacerts(certificate="a certificate", chain="a certificate", roots="", tls=True)
    )
    recording.remove("west", _CACERTS)
    assert read_trust(recording.api("west")) == ObservedTrust()


# What istiod says


def _istiod(api: KubernetesApi) -> Istiod:
    """The control plane without a revision."""
    return read_istiods(api, read_istiod_pods(api), ())["default"] if read_istiod_pods(api) else Istiod()


def test_istiod_has_synced_with_itself_and_the_other_cluster(recording: Recording) -> None:
    """By the page that `istioctl remote-clusters` shows."""
    api = recording.api("east")
    assert list(_istiod(api).remotes.values()) == [{"east": "synced", "west": "synced"}]


def test_every_istiod_is_asked(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of several may not have heard of a cluster."""
    api = recording.api("east")
    (first,) = read_istiod_pods(api)
    second = copy.deepcopy(first)
    second["metadata"]["name"] = "istiod-second"
    execute = api.execute

    def as_the_first(namespace: str, _pod: str, *arguments: Any, **options: Any) -> CommandOutput:
        return execute(namespace, first["metadata"]["name"], *arguments, **options)

    monkeypatch.setattr(api, "execute", as_the_first)
    found = read_istiods(api, [first, second], ())["default"].remotes
    assert found.keys() == {first["metadata"]["name"], "istiod-second"}


@pytest.mark.parametrize("printed", ["", "<html>", "null", "{}x", '[{"id": "west"}]', '["west"]'])
def test_a_page_that_cannot_be_read_is_not_known(recording: Recording, printed: str) -> None:
    """Which is another thing than a cluster that istiod ignores."""
    recording.change_output("east", "clusterz", lambda _: printed)
    api = recording.api("east")
    assert _istiod(api).remotes == {}


def test_an_istiod_that_does_not_run_is_not_asked(recording: Recording) -> None:
    """Nor one in which nothing can be run."""
    api = recording.api("east")
    recording.fail_commands("east", "clusterz")
    assert _istiod(api).remotes == {}
    recording.items("east", **_ISTIOD_PODS).clear()
    assert _istiod(api).remotes == {}


# Remote secrets and tokens


def test_a_remote_secret_has_a_kubeconfig_by_the_clusters_name(recording: Recording) -> None:
    """Other Secrets, such as `cacerts`, are none."""
    [secret] = read_remote_secrets(recording.api("east"))
    assert (secret.name, secret.labelled, list(secret.kubeconfigs)) == (
        "istio-remote-secret-west",
        True,
        ["west"],
    )
    assert yaml.safe_load(secret.kubeconfigs["west"])["users"][0]["user"]["token"] not in repr(secret)


def test_a_remote_secret_without_its_label_is_found_by_its_name(recording: Recording) -> None:
    """So that it can be said what it lacks; its token does not count."""
    _remote_secret(recording, "east")["metadata"]["labels"].pop("istio/multiCluster")
    secrets = read_remote_secrets(recording.api("east"))
    assert [secret.labelled for secret in secrets] == [False]
    assert token_secrets(secrets) == {}


def test_a_remote_secret_by_another_name_is_found_by_its_label(recording: Recording) -> None:
    """As istiod finds it."""
    _remote_secret(recording, "east")["metadata"]["name"] = "by-hand"
    assert [secret.name for secret in read_remote_secrets(recording.api("east"))] == ["by-hand"]


@pytest.mark.parametrize("data", [None, {}, {"west": "not base64"}, {"west": _encoded("{")}])
def test_a_remote_secret_without_a_kubeconfig_names_no_token(
    recording: Recording, data: dict[str, str] | None
) -> None:
    """Whatever is in it instead."""
    _remote_secret(recording, "east")["data"] = data  # type: ignore[assignment]
    assert token_secrets(read_remote_secrets(recording.api("east"))) == {}


def test_a_reader_token_has_its_generation_and_time(recording: Recording) -> None:
    """Tokens of other accounts do not count."""
    items = recording.items("east", **_TOKENS)
    [created] = [item["metadata"]["creationTimestamp"] for item in items]
    items.append({"metadata": {"name": "another-token", "creationTimestamp": "2026-01-01T00:00:00Z"}})
    items.append({"metadata": {"name": "istio-reader-token-g2", "creationTimestamp": "2026-01-01T00:00:00Z"}})
    assert read_reader_tokens(recording.api("east")) == {
        1: datetime.fromisoformat(created),
        2: datetime(2026, 1, 1, tzinfo=UTC),
    }


def test_a_reader_may_list_what_istiod_needs(recording: Recording) -> None:
    """Its own API server says so."""
    assert check_token(_kubeconfig(recording)) == TokenCheck()


def test_a_right_that_the_reader_lacks_is_named(recording: Recording) -> None:
    """By what istiod would list."""
    for review in recording.reviews(reader_of("west")):
        attributes = review["spec"]["resourceAttributes"]
        review["status"]["allowed"] = attributes["resource"] not in ("endpointslices", "nodes")
    assert check_token(_kubeconfig(recording)) == TokenCheck(denied=("list nodes", "list endpointslices"))


@pytest.mark.parametrize("allowed", [True, False])
def test_for_ambient_workloads_a_reader_may_list_gateways_too(recording: Recording, allowed: bool) -> None:
    """Else istiod waits for them, and finds no way to other networks."""
    recording.add_review(reader_of("west"), "gateway.networking.k8s.io", "gateways", allowed=allowed)
    denied = () if allowed else ("list gateways",)
    assert check_token(_kubeconfig(recording), ambient=True) == TokenCheck(denied=denied)


def test_a_token_that_was_revoked_is_refused(recording: Recording) -> None:
    """HTTP 401, and nothing else, means that."""
    recording.refuse(reader_of("west"), 401, "Unauthorized")
    assert check_token(_kubeconfig(recording)) == TokenCheck(refused=True)
    recording.refuse(reader_of("west"), 403, "no reviews for you")
    assert check_token(_kubeconfig(recording)) == TokenCheck(problem="no reviews for you")


def test_a_server_that_cannot_be_asked_from_here_is_a_problem(recording: Recording) -> None:
    """It need not be one for the peers."""
    recording.disconnect(reader_of("west"))
    assert "timed out" in str(check_token(_kubeconfig(recording)).problem)


@pytest.mark.parametrize("text", ["", "{", "[]", "kind: Config", "users: [{name: a, user: {exec: {}}}]"])
@pytest.mark.usefixtures("recording")
def test_a_broken_kubeconfig_is_a_problem(text: str) -> None:
    """Nothing is tried with it."""
    assert check_token(text).problem


# The mesh configuration that it has loaded


def test_each_istiod_says_which_mesh_configuration_it_has_loaded(recording: Recording) -> None:
    """By its debug page, and beside it its ConfigMap has one; an istiod that cannot be asked is left out."""
    api = recording.api("east")
    config_map, pod = found = _istiod(api).mesh_configs
    assert config_map == "the ConfigMap istio"
    assert pod.startswith("istiod-")
    for loaded in found.values():
        assert loaded["defaultConfig"]["proxyMetadata"]["PROXY_CONFIG_XDS_AGENT"] == "true"
    recording.change_output("east", "/debug/mesh", lambda _: "404 page not found")
    assert list(_istiod(api).mesh_configs) == ["the ConfigMap istio"]
    recording.fail_commands("east", "/debug/mesh")
    assert list(_istiod(api).mesh_configs) == ["the ConfigMap istio"]
    recording.object("east", _MESH_CONFIG)["data"]["mesh"] = "a: {"
    assert read_istiods(api, [], ["default"])["default"].mesh_configs == {"the ConfigMap istio": {}}


def test_two_control_planes_are_read_apart(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its own pods, its own ConfigMap, and its version; one that the stack has may have no pods."""
    api = recording.api("east")
    (first,) = read_istiod_pods(api)
    second: Any = copy.deepcopy(first)
    second["metadata"] |= {"name": "istiod-r2-1", "labels": {"app": "istiod", "istio.io/rev": "r2"}}
    second["spec"]["containers"][0]["image"] = "registry.example.com:5000/pilot:1.32.0@sha256:0"
    execute = api.execute

    def answer(namespace: str, pod: str, container: str, command: Any, *, timeout: float) -> CommandOutput:
        output = execute(namespace, first["metadata"]["name"], container, command, timeout=timeout)
        if pod == "istiod-r2-1" and "clusterz" in command[-1]:
            return CommandOutput(stdout='[{"id": "west", "syncStatus": "timeout"}]', stderr="")
        return output

    monkeypatch.setattr(api, "execute", answer)
    networks = "networks: {net-west: {gateways: [{address: 198.51.100.7, port: 15443}]}}"
    recording.add(
        "east", f"{_MESH_CONFIG}-r2", {"data": {"mesh": "trustDomain: b", "meshNetworks": networks}}
    )
    recording.remove("east", f"{_MESH_CONFIG}-r3")
    found = read_istiods(api, [first, second], ["default", "r3"])
    assert list(found) == ["default", "r3", "r2"]
    old, missing, new = found.values()
    assert (old.versions, missing.versions, new.versions) == (("1.31.0",), (), ("1.32.0",))
    assert [one.workload.pods for one in (old, missing, new)] == [1, 0, 1]
    assert list(old.remotes.values()) == [{"east": "synced", "west": "synced"}]
    assert new.remotes == {"istiod-r2-1": {"west": "timeout"}}
    assert missing.mesh_configs == {"the ConfigMap istio-r3": {}}
    assert list(new.mesh_configs) == ["the ConfigMap istio-r2", "istiod-r2-1"]
    assert new.mesh_configs["the ConfigMap istio-r2"] == {"trustDomain": "b"}
    assert (old.told, new.told) == ({}, {"net-west": (PeerAddress(address="198.51.100.7"),)})
