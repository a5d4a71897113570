"""What the program registers for clusters with ambient workloads."""

import functools
import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest
import yaml

from mesh.config.resolved import Connection
from mesh.istio import gateway_api_manifest as manifests
from mesh.live import gateway_api, objects
from mesh.live.facts import FoundGatewayApi, FoundObject, FoundObjects, GatewayDefinition, ObjectAddress
from mesh.stacks import state
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, Recording, as_recorded, run, run_config

_RELEASE = "kubernetes:helm.sh/v3:Release"
_SECRET = "kubernetes:core/v1:Secret"
_GATEWAY = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
_PODS = "kubernetes:apps/v1:DeploymentPatch"
_DEPLOYMENT = "kubernetes:apps/v1:Deployment"
_SERVICE = "kubernetes:core/v1:Service"
_DEFINITION = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
_HBONE = "istio-eastwestgateway-ambient"
_NETWORK = "topology.istio.io/network"


def _file(example: str) -> dict[str, Any]:
    return yaml.safe_load((PROJECT / "examples" / f"{example}.yaml").read_text(encoding="utf-8"))["config"]


@functools.cache
def _example(example: str) -> Recording:
    write_kubeconfigs(_file(example)["istio-mesh:clusters"])
    return run(PROJECT / "examples" / f"{example}.yaml")


def _run(example: str, **sections: Any) -> Recording:
    """Run an example with other sections in place of its own."""
    values = {**_file(example), **{f"istio-mesh:{name}": value for name, value in sections.items()}}
    write_kubeconfigs(values["istio-mesh:clusters"])
    return run_config({key: json.dumps(value) for key, value in values.items()})


def _values(recording: Recording, name: str) -> Any:
    return recording.one(_RELEASE, name).inputs["values"]


def _names(recording: Recording, type_: str) -> list[str]:
    return [found.name for found in recording.of_type(type_)]


# Order


def test_each_part_of_an_ambient_cluster_waits_for_the_one_before() -> None:
    """And is gone before it: pods without a ztunnel have no network."""
    recording = _example("ambient")
    istiod = recording.one(_RELEASE, "east-istiod")
    definitions = {f"east-gateway-api-{kind}.{manifests.GROUP}" for kind in ("gateways", "gatewayclasses")}
    assert definitions <= recording.before(istiod)
    assert "east-istiod" in recording.before(recording.one(_RELEASE, "east-istio-cni"))
    assert "east-istio-cni" in recording.before(recording.one(_RELEASE, "east-ztunnel"))
    server = recording.one(_DEPLOYMENT, "east-hello-world-server-deployment")
    assert "east-ztunnel" in recording.before(server)


def test_a_remote_secret_waits_for_the_pods_of_the_gateway_behind_it() -> None:
    """`Programmed` says nothing of them; calls to a dead gateway fail."""
    recording = _example("ambient")
    secret = recording.one(_SECRET, "west-sees-east-remote-secret")
    address = recording.one(f"{_SERVICE}Patch", "east-hbone-gateway-service-address")
    assert {f"east-{_HBONE}-pods", address.name} <= recording.before(secret)
    assert f"east-{_HBONE}-pods" in recording.before(address)
    assert address.inputs["metadata"]["annotations"]["pulumi.com/waitFor"] == (
        "jsonpath={.status.loadBalancer.ingress[0]}"
    )
    pods = recording.one(_PODS, f"east-{_HBONE}-pods")
    assert f"east-{_HBONE}" in recording.before(pods)
    assert pods.inputs["metadata"]["name"] == _HBONE
    waits = recording.one(_GATEWAY, f"east-{_HBONE}").inputs["metadata"]["annotations"]["pulumi.com/waitFor"]
    assert json.loads(waits) == ["condition=Programmed", "jsonpath={.status.addresses[0].value}"]


def test_the_gateway_comes_up_without_a_ztunnel() -> None:
    """It passes connections on."""
    recording = _example("ambient")
    pods = recording.one(_PODS, f"east-{_HBONE}-pods")
    assert not {"east-ztunnel", "east-istio-cni"} & recording.before(pods)


def test_the_sample_of_a_cluster_goes_after_what_others_know_of_it() -> None:
    """The gateway resets calls to a pod that was told to end, as long as they are sent there."""
    recording = _example("ambient")
    secret = recording.one(_SECRET, "west-sees-east-remote-secret")
    assert "east-hello-world-server-deployment" in recording.before(secret)


# The gateway


def test_a_gateway_is_found_by_its_network_and_says_nothing_of_pulumi_to_istiod() -> None:
    """Annotations of the Gateway would be copied to all that istiod makes, and be waited for there."""
    gateway = _example("ambient").one(_GATEWAY, f"east-{_HBONE}").inputs
    assert gateway["metadata"]["labels"] == {_NETWORK: "net-east"}
    assert gateway["spec"]["gatewayClassName"] == "istio-east-west"
    (listener,) = gateway["spec"]["listeners"]
    assert (listener["port"], listener["protocol"], listener["tls"]["mode"]) == (15008, "HBONE", "Terminate")
    infrastructure = gateway["spec"]["infrastructure"]
    assert infrastructure["labels"] == {_NETWORK: "net-east"}
    assert [key for key in infrastructure["annotations"] if "pulumi.com" in key] == []
    assert infrastructure["annotations"]


def test_the_outputs_have_the_addresses_that_peers_use() -> None:
    """With their port, which is another than that of gateways for sidecars."""
    assert _example("ambient").outputs["clusters"]["east"]["gatewayAddresses"] == ["203.0.113.8:15008"]
    both = _example("ambient-migration").outputs["clusters"]["west"]["gatewayAddresses"]
    assert both == ["203.0.113.7", "gateway.example.com", "198.51.100.1", "203.0.113.8:15008"]
    nat = _example("ambient-nat").outputs["clusters"]
    assert nat["east"]["gatewayAddresses"] == ["198.51.100.7:25008"]


def test_given_addresses_are_told_to_the_readers_with_the_account_that_answers_there() -> None:
    """Without the account, ztunnel refuses the gateway's certificate."""
    recording = _example("ambient-nat")
    told = recording.one(_GATEWAY, f"west-{_HBONE}-net-east").inputs
    assert told["metadata"]["labels"] == {_NETWORK: "net-east"}
    assert told["metadata"]["annotations"]["gateway.istio.io/service-account"] == _HBONE
    assert told["spec"]["gatewayClassName"] == "istio-remote"
    assert told["spec"]["addresses"] == [{"type": "IPAddress", "value": "198.51.100.7"}]
    assert [listener["port"] for listener in told["spec"]["listeners"]] == [25008]
    by_name = recording.one(_GATEWAY, f"east-{_HBONE}-net-west").inputs["spec"]["addresses"]
    assert by_name == [{"type": "Hostname", "value": "gateway.example.com"}]


def test_a_gateway_whose_address_is_given_is_found_by_nothing_else() -> None:
    """Of two addresses of a network, istiod takes one, and says no more of it."""
    gateway = _example("ambient-nat").one(_GATEWAY, f"east-{_HBONE}").inputs
    assert _NETWORK not in gateway["metadata"].get("labels", {})
    assert gateway["spec"]["infrastructure"]["labels"] == {_NETWORK: "net-east"}


def test_settings_of_the_gateway_are_patches_that_istiod_merges() -> None:
    """The Gateway names the ConfigMap that has them, and comes after it."""
    recording = _example("ambient-nat")
    found = recording.one("kubernetes:core/v1:ConfigMap", "west-hbone-gateway-settings")
    gateway = recording.one(_GATEWAY, f"west-{_HBONE}")
    reference = gateway.inputs["spec"]["infrastructure"]["parametersRef"]
    assert reference == {"group": "", "kind": "ConfigMap", "name": found.inputs["metadata"]["name"]}
    assert found.name in recording.before(gateway)
    service = json.loads(found.inputs["data"]["service"])
    assert service["spec"] == {"type": "NodePort", "ports": [{"port": 15008, "nodePort": 31508}]}
    east = recording.one("kubernetes:core/v1:ConfigMap", "east-hbone-gateway-settings").inputs["data"]
    assert json.loads(east["service"]) == {
        "metadata": {"annotations": {"example.com/pool": "mesh"}},
        "spec": {"loadBalancerSourceRanges": ["198.51.100.0/24"]},
    }
    assert json.loads(east["horizontalPodAutoscaler"])["spec"]["minReplicas"] == 2


# Both data planes


def test_without_sidecars_there_is_no_gateway_for_them() -> None:
    """Nor anything else of theirs."""
    recording = _example("ambient")
    assert [n for n in _names(recording, _RELEASE) if n.endswith("eastwestgateway")] == []
    assert _names(recording, "kubernetes:networking.istio.io/v1:Gateway") == []


def test_a_cluster_of_both_kinds_has_all_of_both() -> None:
    """And one with sidecars alone has nothing for ambient workloads."""
    recording = _example("ambient-migration")
    releases = _names(recording, _RELEASE)
    assert [name.partition("-")[0] for name in releases if name.endswith("ztunnel")] == ["east", "west"]
    gateways = [name for name in releases if name.endswith("istio-eastwestgateway")]
    assert gateways == [f"{name}-istio-eastwestgateway" for name in ("east", "north", "west")]
    assert _names(recording, _GATEWAY) == [f"{name}-{_HBONE}" for name in ("east", "west")]
    assert [n for n in _names(recording, _DEFINITION) if n.startswith("north")] == []


def test_istiod_knows_of_ambient_workloads_where_there_are_some() -> None:
    """Elsewhere it gets what it always got."""
    recording = _example("ambient-migration")
    for name in ("east", "west"):
        values = _values(recording, f"{name}-istiod")
        assert values["profile"] == "ambient"
        assert values["env"]["AMBIENT_ENABLE_MULTI_NETWORK"] == "true"
        assert values["meshConfig"]["serviceScopeConfigs"]
    north = _values(recording, "north-istiod")
    assert "profile" not in north
    assert "serviceScopeConfigs" not in north["meshConfig"]
    assert north["env"] == {"ISTIO_MULTIROOT_MESH": "true"}


# HelloWorld


def _template(recording: Recording, cluster: str) -> dict[str, str]:
    deployment = recording.one(_DEPLOYMENT, f"{cluster}-hello-world-server-deployment").inputs
    return deployment["spec"]["template"]["metadata"]["labels"]


def _sample_labels(recording: Recording, cluster: str) -> dict[str, str]:
    return recording.one(_SERVICE, f"{cluster}-hello-world-service").inputs["metadata"]["labels"]


def test_hello_world_is_ambient_where_there_are_no_sidecars() -> None:
    """By labels of its pods, which an update replaces one by one; they never have a proxy, too."""
    recording = _example("ambient-migration")
    assert _template(recording, "east") == {
        "app": "helloworld",
        "version": "east",
        "istio.io/dataplane-mode": "ambient",
        "sidecar.istio.io/inject": "false",
    }
    assert _template(recording, "west") == {"app": "helloworld", "version": "west"}


def test_the_namespace_of_hello_world_stays_as_it_is_when_a_cluster_changes_sides() -> None:
    """An update of it would drop the annotations that kubectl made, by which calls are kept inside."""
    recording = _example("ambient-migration")
    made = [
        recording.one("kubernetes:core/v1:Namespace", f"{name}-hello-world-namespace").inputs
        for name in ("east", "west")
    ]
    assert made[0] == made[1]


def test_hello_world_keeps_its_selector_when_it_changes_sides() -> None:
    """A Deployment whose selector changes is replaced, with all of its pods at once."""
    deployment = _example("ambient").one(_DEPLOYMENT, "east-hello-world-server-deployment").inputs
    assert deployment["spec"]["selector"]["matchLabels"] == {"app": "helloworld", "version": "east"}


def test_hello_world_is_called_over_networks_where_it_is_of_one_kind() -> None:
    """Else calls would end at pods that refuse them."""
    assert _sample_labels(_example("ambient"), "east")["istio.io/global"] == "true"
    mixed = _example("ambient-migration")
    assert {_sample_labels(mixed, n)["istio.io/global"] for n in ("east", "west", "north")} == {"false"}
    sidecars = _run("ambient-migration", clusters={n: {"context": n} for n in ("east", "west")})
    assert "istio.io/global" not in _sample_labels(sidecars, "east")


# Services that other clusters have


def test_a_stub_is_a_service_without_pods() -> None:
    """It is global, and nothing waits for its pods."""
    recording = _example("ambient-stubs")
    (name,) = [name for name in _names(recording, "kubernetes:core/v1:Service") if name.endswith("-stub")]
    assert name == "west-sample-cart-stub"
    stub = recording.one("kubernetes:core/v1:Service", name).inputs
    assert (stub["metadata"]["namespace"], stub["metadata"]["name"]) == ("sample", "cart")
    assert stub["metadata"]["labels"] == {"istio.io/global": "true"}
    assert stub["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"
    assert stub["spec"]["ports"] == [{"name": "http", "port": 80}]
    assert stub["spec"]["selector"]["app.kubernetes.io/component"] == "stub"


def test_a_namespace_for_a_stub_must_be_there() -> None:
    """In the cluster that has the stub."""
    stub = {"namespace": "shop", "name": "cart", "ports": {"http": 80}}
    clusters = {"east": {"context": "east"}, "west": {"context": "west", "stubs": [stub]}}
    with pytest.raises(pulumi.RunError, match="west has no namespace shop; expected it in this") as refused:
        _run("ambient", clusters=clusters)
    assert "istio-mesh:clusters.west.stubs.0.namespace" in str(refused.value)


# Waypoints


def test_calls_go_through_a_waypoint_once_its_pods_are_ready() -> None:
    """And the Service of the waypoint is called over networks as those behind it are."""
    recording = _example("ambient-waypoints")
    waypoint = recording.one(_GATEWAY, "east-sample-waypoint").inputs
    assert waypoint["metadata"]["namespace"] == "sample"
    assert waypoint["spec"]["gatewayClassName"] == "istio-waypoint"
    assert waypoint["spec"]["infrastructure"]["labels"] == {"istio.io/global": "true"}
    label = recording.one("kubernetes:core/v1:NamespacePatch", "east-sample-use-waypoint")
    assert label.inputs["metadata"]["labels"] == {"istio.io/use-waypoint": "waypoint"}
    assert "east-sample-waypoint-pods" in recording.before(label)
    assert "east-hello-world-namespace" in recording.before(recording.one(_GATEWAY, "east-sample-waypoint"))


def test_two_patches_of_one_namespace_have_managers_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one, each would take away the labels of the other."""
    _there(monkeypatch, "/api/v1/namespaces/sample")
    recording = _run("ambient-waypoints")
    managers = {
        name: recording.one(state.NAMESPACE_PATCH, name).inputs["metadata"]["annotations"][
            "pulumi.com/patchFieldManager"
        ]
        for name in ("east-hello-world-namespace", "east-sample-use-waypoint")
    }
    assert len(set(managers.values())) == 2


def test_a_namespace_for_a_waypoint_must_be_there() -> None:
    """The program would make an empty one, and nobody would know whose it is."""
    with pytest.raises(pulumi.RunError, match="east has no namespace shop") as refused:
        _run("ambient", waypoints=["shop"])
    assert "istio-mesh:waypoints.0" in str(refused.value)


def test_a_namespace_that_is_there_gets_its_waypoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the ambient clusters alone."""
    _there(monkeypatch, "/api/v1/namespaces/shop")
    recording = _run("ambient-migration", waypoints=["shop"])
    assert [name for name in _names(recording, _GATEWAY) if name.endswith("waypoint")] == [
        "east-shop-waypoint",
        "west-shop-waypoint",
    ]


def _there(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    address = ObjectAddress(path=path)
    found = FoundObjects(by_address={address: FoundObject(maker="kubectl-create")})
    monkeypatch.setattr(
        objects,
        "find_objects",
        lambda _, addresses: found if address in set(addresses) else FoundObjects(),
    )


# The Gateway API


def _found(monkeypatch: pytest.MonkeyPatch, found: FoundGatewayApi) -> None:
    def read_gateway_api(connection: Connection) -> FoundGatewayApi:
        return found if connection.context == "east" else FoundGatewayApi()

    monkeypatch.setattr(gateway_api, "read_gateway_api", read_gateway_api)


_COMPLETE = {
    "gatewayclasses": GatewayDefinition(bundle="v1.4.0", maker="kubectl", versions=("v1",)),
    "gateways": GatewayDefinition(
        bundle="v1.4.0", maker="kubectl", versions=("v1",), fields=frozenset({"infrastructure"})
    ),
}


def test_definitions_stay_when_the_stack_goes() -> None:
    """Others in the cluster may have come to use them."""
    found = _example("ambient").of_type(_DEFINITION)
    assert len(found) == 4
    assert all(definition.retained for definition in found)


def test_definitions_of_others_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the cluster that has them."""
    _found(monkeypatch, FoundGatewayApi(definitions=_COMPLETE))
    names = _names(_run("ambient"), _DEFINITION)
    assert [name for name in names if name.startswith("east")] == []
    assert len(names) == 2


def test_definitions_that_the_stack_has_made_stay_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the second update would take them out of the stack."""
    name = "east-gateway-api-gateways.gateway.networking.k8s.io"
    resources = [{"type": _DEFINITION, "urn": f"urn:pulumi:dev::istio-mesh::{_DEFINITION}::{name}"}]
    monkeypatch.setattr(state, "export", lambda *_: {"deployment": {"resources": resources}})
    _found(monkeypatch, FoundGatewayApi(definitions=_COMPLETE))
    assert name in _names(_run("ambient"), _DEFINITION)


@pytest.mark.parametrize(
    ("definitions", "words"),
    [
        ({"gateways": _COMPLETE["gateways"]}, "lacks gatewayclasses"),
        (
            {**_COMPLETE, "gateways": GatewayDefinition(versions=("v1beta1",))},
            "no v1 of gateways",
        ),
        (
            {**_COMPLETE, "gateways": GatewayDefinition(bundle="v1.1.0", maker="kubectl", versions=("v1",))},
            "v1.1.0 is too old",
        ),
    ],
    ids=["incomplete", "another version", "old"],
)
def test_definitions_of_others_that_are_not_enough_are_refused(
    monkeypatch: pytest.MonkeyPatch, definitions: Mapping[str, GatewayDefinition], words: str
) -> None:
    """The gateway would not come up, and nothing would say why."""
    _found(monkeypatch, FoundGatewayApi(definitions=definitions))
    with pytest.raises(pulumi.RunError, match=words) as refused:
        _run("ambient")
    assert "istio-mesh:clusters.east.dataPlane" in str(refused.value)


def test_what_an_interrupted_update_has_made_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state does not have it yet."""
    half = {"gateways": GatewayDefinition(maker="pulumi-kubernetes-1a2b", versions=("v1",))}
    _found(monkeypatch, FoundGatewayApi(definitions=half))
    assert len(_names(_run("ambient"), _DEFINITION)) == 4


def test_a_manifest_that_cannot_be_read_is_refused_before_anything_is_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With its setting; where no cluster needs it, it is not read."""

    def read_manifest(place: str) -> None:
        raise manifests.ManifestError(f"cannot read {place}")

    monkeypatch.setattr(manifests, "read_manifest", read_manifest)
    with pytest.raises(pulumi.RunError, match=r"istio-mesh:gatewayApi\.manifest: cannot read gateway-api"):
        _run("ambient", gatewayApi={"manifest": "gateway-api.yaml"})
    monkeypatch.setattr(
        gateway_api, "read_gateway_api", lambda _connection: FoundGatewayApi(definitions=_COMPLETE)
    )
    assert _names(_run("ambient"), _DEFINITION) == []


# More clusters, and fewer


def test_a_third_ambient_cluster_changes_nothing_of_the_others() -> None:
    """All that two clusters have is there unchanged with three."""
    clusters = {name: {"context": name} for name in ("east", "west", "north")}
    more = _run("ambient", clusters=clusters)
    after = {r.urn: r for r in more.resources}
    two = {name: clusters[name] for name in ("east", "west")}
    for before in _run("ambient", clusters=two).resources:
        if not before.name.startswith("mesh"):
            assert after[before.urn] == before


def test_ambient_clusters_forget_one_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of their calls would go to its gateway, and fail, for as long as it is away."""
    clusters: dict[str, dict[str, Any]] = {name: {"context": name} for name in ("east", "west", "north")}
    before = _run("ambient", clusters=clusters)
    assert "west-sees-east-remote-secret" in _names(before, _SECRET)
    resources = [as_recorded(found) for found in before.resources]
    monkeypatch.setattr(state, "export", lambda *_: {"deployment": {"resources": resources}})
    clusters["east"]["offline"] = True
    after = _names(_run("ambient", clusters=clusters), _SECRET)
    assert [name for name in after if name.endswith("-sees-east-remote-secret")] == []
    assert "east-sees-west-remote-secret" in after
    assert "west-sees-north-remote-secret" in after
