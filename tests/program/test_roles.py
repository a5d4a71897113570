"""What the program registers for clusters that share a network, and for a remote and its primary."""

import functools
import json
from typing import Any

import pulumi
import pytest
import yaml

from mesh.preflight import definitions
from tests.program import recording as recording_module
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, Recording, run, run_config

_RELEASE = "kubernetes:helm.sh/v3:Release"
_SECRET = "kubernetes:core/v1:Secret"
_GATEWAY = "kubernetes:networking.istio.io/v1:Gateway"


@functools.cache
def _run(example: str) -> Recording:
    path = PROJECT / "examples" / f"{example}.yaml"
    write_kubeconfigs(yaml.safe_load(path.read_text(encoding="utf-8"))["config"]["istio-mesh:clusters"])
    return run(path)


def _names(recording: Recording, type_: str) -> list[str]:
    return [r.name for r in recording.of_type(type_)]


def _release(recording: Recording, name: str) -> Any:
    return recording.one(_RELEASE, name).inputs["values"]


def test_on_one_network_there_is_no_gateway() -> None:
    """And a remote secret waits for none."""
    recording = _run("single-network")
    assert [name for name in _names(recording, _RELEASE) if "gateway" in name] == []
    assert _names(recording, _GATEWAY) == []
    assert recording.outputs["clusters"]["blue"]["gatewayAddresses"] == []
    assert "green-reader-token-g1" in recording.before(
        recording.one(_SECRET, "blue-sees-green-remote-secret")
    )


def test_clusters_that_share_a_network_say_so_to_istiod_and_to_their_gateways() -> None:
    """The third one has its own."""
    recording = _run("shared-network")
    networks = {
        name: (
            _release(recording, f"{name}-istiod")["global"]["network"],
            _release(recording, f"{name}-istio-eastwestgateway")["networkGateway"],
        )
        for name in ("blue", "green", "far")
    }
    assert networks == {"blue": ("eu", "eu"), "green": ("eu", "eu"), "far": ("us", "us")}


def test_a_remote_has_what_leads_to_its_primary_and_no_ca_of_its_own() -> None:
    """The address is that of the gateway, which is known only once that is there."""
    recording = _run("primary-remote")
    values = _release(recording, "worker-istiod")
    assert values["istiodRemote"] == {
        "enabled": True,
        "injectionPath": "/inject/cluster/worker/net/net-worker",
    }
    assert values["global"]["remotePilotAddress"] == "203.0.113.7"
    assert "worker-cacerts" not in _names(recording, _SECRET)
    namespace = recording.one("kubernetes:core/v1:Namespace", "worker-istio-system").inputs["metadata"]
    assert namespace["annotations"]["topology.istio.io/controlPlaneClusters"] == "hub"
    assert recording.outputs["clusters"]["worker"]["role"] == "remote"
    assert recording.outputs["clusters"]["worker"]["controlPlane"] == "hub"
    assert "role" not in recording.outputs["clusters"]["hub"]


def test_a_primary_serves_its_remote_through_its_gateway() -> None:
    """To proxies and API servers that call istiod by its name, and to nobody else."""
    recording = _run("primary-remote")
    assert _release(recording, "hub-istiod")["global"]["externalIstiod"] is True
    servers = recording.one(_GATEWAY, "hub-istiod-gateway").inputs["spec"]["servers"]
    assert [(s["port"]["number"], s["tls"]["mode"], s["hosts"]) for s in servers] == [
        (15012, "PASSTHROUGH", ["istiod.istio-system.svc"]),
        (15017, "PASSTHROUGH", ["istiod.istio-system.svc"]),
    ]
    assert _names(recording, _GATEWAY) == ["hub-cross-network-gateway", "hub-istiod-gateway"]


def test_pods_of_a_remote_wait_until_its_primary_sees_it() -> None:
    """Else they would get no proxy, and their proxies no certificate; the primary waits for nothing."""
    recording = _run("primary-remote")
    needed = {
        "hub-sees-worker-remote-secret",
        "hub-istiod-gateway",
        "hub-istiod-gateway-route",
        "worker-istiod",
    }
    for name in ("worker-istio-eastwestgateway", "worker-istio-base"):
        before = recording.before(recording.one(_RELEASE, name))
        assert needed <= before or name == "worker-istio-base", needed - before
    server = recording.one("kubernetes:apps/v1:Deployment", "worker-hello-world-server-deployment")
    assert needed <= recording.before(server)
    for registration in recording.resources:
        if registration.name.startswith("hub-") and "-sees-" not in registration.name:
            assert not any(n.startswith("worker") for n in recording.before(registration))


def test_every_primary_sees_every_remote_and_a_remote_sees_nothing_by_itself() -> None:
    """Its primary sees for it."""
    recording = _run("mixed")
    links = [name.removesuffix("-remote-secret") for name in _names(recording, _SECRET) if "-sees-" in name]
    assert {link for link in links if link.endswith("-sees-worker")} == {
        "blue-sees-worker",
        "green-sees-worker",
        "far-sees-worker",
    }
    assert not any(link.startswith("worker-") for link in links)


@pytest.mark.parametrize("example", ["primary-remote", "mixed"])
def test_each_remote_secret_is_there_once(example: str) -> None:
    """That of the primary is made with its remote, and not again with the others."""
    names = [name for name in _names(_run(example), _SECRET) if "-sees-" in name]
    assert len(names) == len({*names})


def _configured(change: dict[str, Any], **sections: Any) -> Recording:
    """The mesh of hub and worker, with some settings of its clusters changed."""
    document = yaml.safe_load((PROJECT / "examples/primary-remote.yaml").read_text(encoding="utf-8"))
    config = document["config"] | {f"istio-mesh:{key}": value for key, value in sections.items()}
    for name, settings in change.items():
        config["istio-mesh:clusters"][name] |= settings
    write_kubeconfigs(config["istio-mesh:clusters"])
    return run_config({key: json.dumps(value) for key, value in config.items()})


@pytest.mark.parametrize(
    ("change", "address"),
    [
        ({"worker": {"controlPlaneAddress": "198.51.100.9"}}, "198.51.100.9"),
        ({"hub": {"gateway": {"addresses": [{"address": "198.51.100.7", "port": 31443}]}}}, "198.51.100.7"),
    ],
)
def test_an_address_that_is_given_counts_for_more(change: dict[str, Any], address: str) -> None:
    """That of the remote first, then that of the gateway."""
    assert _release(_configured(change), "worker-istiod")["global"]["remotePilotAddress"] == address


def test_a_primary_that_is_reached_otherwise_needs_no_gateway_on_one_network() -> None:
    """Whatever leads there leads to istiod itself."""
    flat = {"network": "flat"}
    recording = _configured({"hub": flat, "worker": {**flat, "controlPlaneAddress": "198.51.100.9"}})
    assert not [name for name in _names(recording, _RELEASE) if "gateway" in name]
    assert _names(recording, _GATEWAY) == []
    assert _release(recording, "hub-istiod")["global"]["externalIstiod"] is True


def test_on_one_network_a_primary_has_a_gateway_for_its_control_plane_alone() -> None:
    """It exposes no service."""
    recording = _configured({"hub": {"network": "flat"}, "worker": {"network": "flat"}})
    assert [n for n in _names(recording, _RELEASE) if "gateway" in n] == ["hub-istio-eastwestgateway"]
    assert _names(recording, _GATEWAY) == ["hub-istiod-gateway"]


def test_the_least_rights_of_a_reader_are_more_in_a_remote() -> None:
    """The primary writes its roots, and the CA of the webhook."""
    recording = _configured({}, reader={"role": "minimal"}, istio={"version": "1.31.1"})

    def written(cluster: str) -> set[str]:
        kind = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole"
        rules = recording.one(kind, f"{cluster}-reader-minimal-role").inputs["rules"]
        return {r for rule in rules if "update" in rule["verbs"] for r in rule["resources"]}

    assert written("hub") == set()
    assert written("worker") == {"configmaps", "mutatingwebhookconfigurations"}


def test_policies_of_mutual_tls_are_those_of_the_primary() -> None:
    """In a remote, istiod reads none."""
    names = _names(_run("primary-remote"), "kubernetes:security.istio.io/v1:PeerAuthentication")
    assert names == ["hub-hello-world-strict-mtls"]


def test_a_remote_is_not_asked_for_a_control_plane_by_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a cluster without a gateway for one."""
    monkeypatch.setattr(definitions, "problems", lambda *_: [])
    monitored = {"observability": {"enabled": True}}
    recording = _configured({"hub": {"network": "flat"}, "worker": {"network": "flat"}}, **monitored)
    alerts = {
        r.name: [a["alert"] for a in r.inputs["spec"]["groups"][0]["rules"] if a["alert"].endswith("Down")]
        for r in recording.of_type("kubernetes:monitoring.coreos.com/v1:PrometheusRule")
    }
    assert alerts == {
        "hub-monitoring-rules": ["IstioMeshIstiodDown", "IstioMeshGatewayDown"],
        "worker-monitoring-rules": [],
    }


def test_a_gateway_with_host_names_alone_leads_no_remote_to_its_primary(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The message says where to give an address."""
    original = recording_module._service  # noqa: SLF001 - what a cloud answers

    def with_a_name(values: Any) -> dict[str, Any]:
        found = original(values)
        ingress = [{"hostname": "gateway.example.com"}]
        return {
            **found,
            "spec": {**found["spec"], "externalIPs": []},
            "status": {"loadBalancer": {"ingress": ingress}},
        }

    monkeypatch.setattr(recording_module, "_service", with_a_name)
    with pytest.raises(pulumi.RunError, match=r"whose gateway has host names only: gateway\.example\.com"):
        _configured({})
