"""From what API servers and pods answer to the reason that `mesh verify` gives: all of it but the network."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mesh.config.resolved import Connection, StackConfig
from mesh.health.diagnosis import diagnose
from mesh.health.finding import Finding, Reason
from mesh.health.verification import expected_pairs
from mesh.live import pairs, proxies
from mesh.live.facts import Answers, Pair
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.sample import call
from mesh.load import load
from mesh.pki.revocation import revocation_list
from tests.builders.certificates import authority
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.servers import Server
from tests.recordings.recorded import CALLS, SAMPLE, SYSTEM, Recording, reader_of
from tests.unit.health.test_diagnosis import EXPLANATIONS, FAULTS

_GATEWAY = f"{SYSTEM}/services/istio-eastwestgateway"
_GATEWAYS = "/apis/networking.istio.io/v1/namespaces/istio-system/gateways"
_CACERTS = f"{SYSTEM}/secrets/cacerts"
_PUBLISHED = f"{SYSTEM}/configmaps/istio-ca-root-cert"
_LISTS = f"{SYSTEM}/configmaps/istio-ca-crl"
_SERVICE = f"{SAMPLE}/services/helloworld"
_UNRESOLVED = "curl: (6) Could not resolve host: helloworld.sample |000|"
_BY_ITSELF = "Hello version: east, instance: helloworld-east-1 |200|"
_TLS = "upstream connect error: TLS_error:|268435581:SSL routines:CERTIFICATE_VERIFY_FAILED |503|"

Edit = Callable[[Recording], object]


def _pods(recording: Recording, cluster: str, app: str) -> list[dict[str, Any]]:
    namespace = SYSTEM if app in ("app=istiod", "istio=eastwestgateway") else SAMPLE
    return recording.items(cluster, f"{namespace}/pods", labelSelector=app)


def _secrets(recording: Recording) -> list[dict[str, Any]]:
    return recording.items("east", f"{SYSTEM}/secrets", fieldSelector="type=Opaque")


def _remote_secret(recording: Recording) -> dict[str, Any]:
    return next(s for s in _secrets(recording) if s["metadata"]["name"] == "istio-remote-secret-west")


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _expose_something_else(recording: Recording) -> None:
    (gateway,) = recording.items("west", _GATEWAYS)
    gateway["spec"]["servers"][0]["hosts"] = ["*.shop.svc.cluster.local"]
    recording.settings["west"] = {"exposure": {"namespaces": ["shop"]}}
    recording.answer_calls("east", _BY_ITSELF)


def _drop_mesh_config(recording: Recording) -> None:
    def without_metadata(text: str) -> str:
        loaded = json.loads(text) if text else {}
        loaded.get("defaultConfig", {}).pop("proxyMetadata", None)
        return json.dumps(loaded)

    recording.change_output("west", "/debug/mesh", without_metadata)


def _remove_remote_secret(recording: Recording) -> None:
    _secrets(recording).remove(_remote_secret(recording))


def _misspell_remote_secret(recording: Recording) -> None:
    secret = _remote_secret(recording)
    secret["data"] = {"wets": secret["data"]["west"]}


def _deny(recording: Recording) -> None:
    for review in recording.reviews(reader_of("west")):
        review["status"] = {"allowed": False}


def _break_remote_kubeconfig(recording: Recording) -> None:
    _remote_secret(recording)["data"]["west"] = _encoded("apiVersion: v1\nkind: Config\n")
    recording.answer_calls("east", _BY_ITSELF)


def _lose_peer(recording: Recording) -> None:
    recording.disconnect(reader_of("west"))
    recording.answer_calls("east", _BY_ITSELF)


def _sync(status: str) -> Edit:
    def edit(recording: Recording) -> None:
        entries = [{"id": "east", "syncStatus": "synced"}, {"id": "west", "syncStatus": status}]
        recording.change_output(
            "east", "clusterz", lambda _: json.dumps([e for e in entries if status or e["id"] == "east"])
        )

    return edit


def _without_address(kind: str) -> Edit:
    def edit(recording: Recording) -> None:
        service = recording.object("west", _GATEWAY)
        service["spec"]["type"] = kind
        service["status"] = {"loadBalancer": {}}
        if kind != "LoadBalancer":
            recording.answer_calls("east", _BY_ITSELF)

    return edit


def _relabel(recording: Recording) -> None:
    """The stack gives an address, and the Service has its own, too."""
    recording.settings["west"] = {"gateway": {"addresses": [{"address": "198.51.100.7"}]}}


def _give_addresses(recording: Recording) -> None:
    """The Service has no network's label any more, and istiod of the caller is not told the address."""
    _relabel(recording)
    del recording.object("west", _GATEWAY)["metadata"]["labels"]["topology.istio.io/network"]


def _block_port(recording: Recording) -> None:
    text = "Error: Last error: Get: context deadline exceeded (Client.Timeout exceeded)"
    recording.change_output("east", "pilot-agent wait", lambda _: text)
    recording.answer_calls("east", _BY_ITSELF)


def _hide_endpoints(recording: Recording) -> None:
    recording.change_output("east", "clusters?format=json", lambda text: text and '{"cluster_statuses": []}')
    recording.answer_calls("east", _BY_ITSELF)


def _resolve_nothing(recording: Recording) -> None:
    recording.answer_calls("east", _UNRESOLVED)


def _capture_nothing(recording: Recording) -> None:
    recording.remove("east", _SERVICE)
    [pod] = _pods(recording, "east", "app=client")
    for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", [])):
        container["env"] = [e for e in container.get("env", []) if e["name"] != "ISTIO_META_DNS_CAPTURE"]
    recording.answer_calls("east", _UNRESOLVED)


def _remove_sidecar(recording: Recording) -> None:
    [pod] = _pods(recording, "west", "app=helloworld")
    for containers in ("containers", "initContainers"):
        pod["spec"][containers] = [c for c in pod["spec"].get(containers, []) if c["name"] != "istio-proxy"]


def _remove_service(recording: Recording) -> None:
    recording.remove("west", _SERVICE)
    recording.answer_calls("east", _BY_ITSELF)


def _give_the_lists_of_others(recording: Recording) -> None:
    other = authority("another root")
    lists = revocation_list(other.pem, other.key_pem, [])
    recording.add("east", _LISTS, {"data": {"ca-crl.pem": lists}})


def _intermediate(days: tuple[float, float]) -> Edit:
    def edit(recording: Recording) -> None:
        root = authority("a root", days=(-9, 9))
        intermediate = authority("west", issuer=root, days=days).pem
        recording.object("west", _CACERTS)["data"]["ca-cert.pem"] = _encoded(intermediate)

    return edit


def _replace_trust(recording: Recording) -> None:
    root = authority("another root", days=(-9, 9))
    intermediate = authority("west", issuer=root, days=(-9, 9)).pem
    recording.object("west", _CACERTS)["data"] |= {
        "ca-cert.pem": _encoded(intermediate),
        "cert-chain.pem": _encoded(intermediate + root.pem),
        "root-cert.pem": _encoded(root.pem),
    }
    recording.object("west", _PUBLISHED)["data"]["root-cert.pem"] = root.pem


def _load_another_root(recording: Recording) -> None:
    recording.object("east", _PUBLISHED)["data"]["root-cert.pem"] = authority("another root").pem


_CASES: dict[str, tuple[Edit, Reason, str]] = {
    "no answer": (lambda r: r.disconnect("west"), Reason.API_SERVER_UNREACHABLE, "west"),
    "HTTP 401": (lambda r: r.refuse("west", 401, "Unauthorized"), Reason.API_SERVER_REFUSES, "west"),
    "HTTP 403": (
        lambda r: r.refuse("east", 403, "forbidden", only="secrets"),
        Reason.API_SERVER_REFUSES,
        "east",
    ),
    "a login page": (lambda r: r.show_a_login_page("west"), Reason.API_SERVER_REFUSES, "west"),
    "a login page for peers": (
        lambda r: r.show_a_login_page(reader_of("west")),
        Reason.PEER_API_SERVER_REFUSES,
        "west",
    ),
    "no istiod": (lambda r: _pods(r, "west", "app=istiod").clear(), Reason.ISTIOD_DOWN, "west"),
    "istiod not ready": (
        lambda r: _pods(r, "east", "app=istiod")[0]["status"].pop("conditions"),
        Reason.ISTIOD_DOWN,
        "east",
    ),
    "remote secret deleted": (_remove_remote_secret, Reason.REMOTE_SECRET_MISSING, "east"),
    "remote secret without its label": (
        lambda r: _remote_secret(r)["metadata"].pop("labels"),
        Reason.REMOTE_SECRET_LABEL,
        "east",
    ),
    "remote secret with another key": (_misspell_remote_secret, Reason.REMOTE_SECRET_KEY, "east"),
    "remote secret without data": (lambda r: _remote_secret(r).pop("data"), Reason.REMOTE_SECRET_KEY, "east"),
    "mesh configuration dropped": (_drop_mesh_config, Reason.MESH_CONFIG_NOT_LOADED, "west"),
    "token revoked": (
        lambda r: r.refuse(reader_of("west"), 401, "Unauthorized"),
        Reason.TOKEN_REFUSED,
        "west",
    ),
    "rights removed": (_deny, Reason.READER_DENIED, "west"),
    "not synced": (_sync("timeout"), Reason.REMOTE_CLUSTER_NOT_SYNCED, "east"),
    "not known to istiod": (_sync(""), Reason.REMOTE_CLUSTER_NOT_SYNCED, "east"),
    "peer not reachable from here": (_lose_peer, Reason.PEER_API_SERVER_NOT_CHECKED, "east"),
    "kubeconfig of a peer broken": (_break_remote_kubeconfig, Reason.PEER_API_SERVER_NOT_CHECKED, "east"),
    "no gateway": (lambda r: r.remove("west", _GATEWAY), Reason.GATEWAY_DOWN, "west"),
    "no gateway pod": (
        lambda r: _pods(r, "west", "istio=eastwestgateway").clear(),
        Reason.GATEWAY_DOWN,
        "west",
    ),
    "load balancer without address": (
        _without_address("LoadBalancer"),
        Reason.GATEWAY_WITHOUT_ADDRESS,
        "west",
    ),
    "service without address": (_without_address("ClusterIP"), Reason.GATEWAY_WITHOUT_ADDRESS, "west"),
    "addresses that are not told": (_give_addresses, Reason.GATEWAY_ADDRESSES_NOT_USED, "east"),
    "addresses beside those of the Service": (_relabel, Reason.GATEWAY_ADDRESSES_NOT_USED, "west"),
    "port blocked": (_block_port, Reason.GATEWAY_PORT_UNREACHABLE, "west"),
    "nothing exposed": (
        lambda r: r.items("west", _GATEWAYS).clear(),
        Reason.CROSS_NETWORK_GATEWAY_MISSING,
        "west",
    ),
    "something else exposed": (_expose_something_else, Reason.SAMPLE_NOT_EXPOSED, "west"),
    "no definition of gateways": (
        lambda r: r.remove("west", _GATEWAYS),
        Reason.CROSS_NETWORK_GATEWAY_MISSING,
        "west",
    ),
    "no network label": (
        lambda r: r.object("west", SYSTEM)["metadata"]["labels"].pop("topology.istio.io/network"),
        Reason.NETWORK_LABEL_MISSING,
        "west",
    ),
    "cacerts deleted": (lambda r: r.remove("west", _CACERTS), Reason.CACERTS_UNUSABLE, "west"),
    "cacerts not base64": (
        lambda r: r.object("west", _CACERTS)["data"].update({"ca-cert.pem": "!"}),
        Reason.CACERTS_UNUSABLE,
        "west",
    ),
    "intermediate expired": (_intermediate((-9, -8)), Reason.INTERMEDIATE_EXPIRED, "west"),
    "intermediate not valid yet": (_intermediate((8, 9)), Reason.INTERMEDIATE_NOT_YET_VALID, "west"),
    "cacerts replaced": (_replace_trust, Reason.DIFFERENT_ROOTS, "west"),
    "no CRL of the peer's CAs": (_give_the_lists_of_others, Reason.CRL_MISSING, "east"),
    "root not loaded": (_load_another_root, Reason.ROOT_NOT_LOADED, "east"),
    "no sidecar": (_remove_sidecar, Reason.SIDECAR_MISSING, "west"),
    "no server": (
        lambda r: _pods(r, "west", "app=helloworld").clear(),
        Reason.SAMPLE_NOT_RUNNING,
        "west",
    ),
    "no service": (_remove_service, Reason.SERVICE_MISSING, "west"),
    "no DNS answer": (_resolve_nothing, Reason.NAME_NOT_RESOLVED, "east"),
    "DNS not captured": (_capture_nothing, Reason.DNS_NOT_CAPTURED, "east"),
    "no endpoints": (_hide_endpoints, Reason.ENDPOINTS_MISSING, "east"),
    "TLS": (lambda r: r.answer_calls("east", _TLS), Reason.TLS_REFUSED, "west"),
    "nothing found": (lambda r: r.answer_calls("east", _BY_ITSELF), Reason.NO_ANSWER, "west"),
}


def _findings(recording: Recording, config: StackConfig | None = None) -> dict[Pair, tuple[Finding, ...]]:
    """What `mesh verify` finds for each pair, at the time of the recording."""
    config = config or recording.config
    connections = pairs.connect(config, config.clusters)
    answers = {
        name: call(connections.apis[name], CALLS)
        if name in connections.apis
        else Answers(problem=connections.problem(name))
        for name in config.clusters
    }
    return {
        pair: diagnose(facts, answered=bool(facts.answers.by.get(pair.target)), now=recording.time)
        for pair, facts in pairs.read_pairs(config, expected_pairs(config), answers, connections).items()
    }


def test_nothing_is_found_in_the_mesh_as_it_was_recorded(recording: Recording) -> None:
    """All four pairs pass."""
    assert set(_findings(recording).values()) == {()}


@pytest.mark.parametrize(("edit", "reason", "cluster"), _CASES.values(), ids=_CASES)
def test_a_fault_has_its_reason(recording: Recording, edit: Edit, reason: Reason, cluster: str) -> None:
    """It is the first that is found for the pair, and it names the cluster."""
    edit(recording)
    first = _findings(recording)[Pair(caller="east", target="west")][0]
    assert (first.reason, first.cluster) == (reason, cluster), first


def test_a_login_page_in_front_of_an_api_server_is_named(recording: Recording, server: Server) -> None:
    """Here with the real client, for one cluster: it answers everything with HTTP 200 and HTML."""
    server.answers["/version"] = (200, b"<!DOCTYPE html><title>Log in</title>")
    text = kubeconfig({"east": server.url, "west": server.url})
    clusters = {
        name: replace(cluster, connection=Connection(context=name, path="unused", contents=text))
        for name, cluster in recording.config.clusters.items()
    }
    config = replace(recording.config, clusters=clusters)
    with pytest.MonkeyPatch.context() as real:
        real.setattr(pairs, "KubernetesApi", KubernetesApi)
        [finding] = _findings(recording, config)[Pair(caller="east", target="west")]
    assert (finding.reason, finding.cluster) == (Reason.API_SERVER_REFUSES, "east")
    assert "expected an API server, and not a login page" in finding.message


def test_a_kubeconfig_that_can_no_longer_be_used_is_named(recording: Recording, tmp_path: Path) -> None:
    """Its login command fails, for example; the other cluster is read."""
    command = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "false"}
    for name, user in (("east", None), ("west", {"exec": command})):
        (tmp_path / name).write_text(kubeconfig({name: f"https://{name}.example.com"}, user=user))
    clusters = {name: {"context": name, "kubeconfig": str(tmp_path / name)} for name in ("east", "west")}
    config = load({"mesh": {"id": "dev"}, "helloWorld": True, "clusters": clusters}).valid()
    found = _findings(recording, config)
    [finding] = found[Pair(caller="east", target="west")]
    assert (finding.reason, finding.cluster) == (Reason.API_SERVER_REFUSES, "west")
    assert "its login command false fails: it ends with 1" in finding.message
    assert found[Pair(caller="east", target="east")] == ()


def test_a_pod_of_the_same_network_that_is_not_reached_is_named(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both clusters are on one network, so the client's proxy has the server's own address."""
    config = recording.config
    flat = {name: replace(cluster, network="flat") for name, cluster in config.clusters.items()}
    for name in flat:
        recording.object(name, SYSTEM)["metadata"]["labels"]["topology.istio.io/network"] = "flat"
    [server] = _pods(recording, "west", "app=helloworld")
    server["status"]["podIP"] = "10.2.0.4"
    recording.answer_calls("east", _BY_ITSELF)
    refused = "Error: Last error: dial tcp 10.2.0.4:5000: i/o timeout"
    monkeypatch.setattr(proxies, "probe", lambda *_: refused)
    found = _findings(recording, replace(config, clusters=flat))[Pair(caller="east", target="west")][0]
    assert (found.reason, found.cluster, found.peer) == (Reason.NETWORK_ROUTE_MISSING, "east", "west")
    assert "10.2.0.4:5000" in found.message


def test_every_reason_of_a_pair_is_reached_from_a_recording() -> None:
    """A reason that no answer leads to would be dead."""
    of_pairs = {reason for _, (reason, _) in [*FAULTS.values(), *EXPLANATIONS.values()]}
    of_others = {Reason.NETWORK_ROUTE_MISSING, Reason.CONTROL_PLANE_NOT_CHECKED}
    assert {reason for _, reason, _ in _CASES.values()} | of_others == of_pairs
