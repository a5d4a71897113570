"""What ambient workloads need, from what API servers and istiod answer."""

import json
from typing import Any

import pytest

from mesh.istio.addresses import PeerAddress
from mesh.live.ambient import read_ambient
from mesh.live.enrolment import read_enrolment
from mesh.live.facts import Ambient, Daemon, HboneGateway, Workload, Ztunnel
from mesh.live.inspected import AmbientInspection, AmbientService, Policy
from mesh.live.pods import has_proxy, workload
from mesh.live.sample import read_sample
from tests.builders.pods import AnsweringApi, ready_pod, with_proxy
from tests.builders.stacks import stack_config

_SYSTEM = "/api/v1/namespaces/istio-system"
_API = "/apis/gateway.networking.k8s.io/v1"
_SETS = "/apis/apps/v1/namespaces/istio-system/daemonsets"
_OWN = f"{_API}/namespaces/istio-system/gateways/istio-eastwestgateway-ambient"
_GATEWAY_PODS = f"{_SYSTEM}/pods?gateway.networking.k8s.io/gateway-name=istio-eastwestgateway-ambient"
_PROGRAMMED = [{"type": "Accepted", "status": "True"}, {"type": "Programmed", "status": "True"}]
_ISTIOD = [ready_pod("istiod-1")]
_ENROLLED: dict[str, Any] = {"annotations": {"ambient.istio.io/redirection": "enabled"}}


def _daemon_set(wanted: int, ready: int, **variables: str) -> dict[str, Any]:
    env = [
        {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        *({"name": key, "value": value} for key, value in variables.items()),
    ]
    return {
        "spec": {"template": {"spec": {"containers": [{"name": "istio-proxy", "env": env}]}}},
        "status": {"desiredNumberScheduled": wanted, "numberReady": ready},
    }


def _gateway(**more: Any) -> dict[str, Any]:
    listener = {"name": "mesh", "port": 15008, "protocol": "HBONE", "tls": {"mode": "Terminate"}}
    return {
        "metadata": {
            "namespace": "istio-system",
            "name": "istio-eastwestgateway-ambient",
            "labels": {"topology.istio.io/network": "net-east"},
        },
        "spec": {"gatewayClassName": "istio-east-west", "listeners": [listener]},
        "status": {
            "conditions": _PROGRAMMED,
            "addresses": [{"type": "IPAddress", "value": "203.0.113.8"}],
        },
        **more,
    }


def _remote(network: str, account: str = "istio-eastwestgateway-ambient") -> dict[str, Any]:
    """What is in a reading cluster for the gateway of a network behind NAT."""
    return {
        "metadata": {
            "namespace": "istio-system",
            "name": f"to-{network}",
            "labels": {"topology.istio.io/network": network},
            "annotations": {"gateway.istio.io/service-account": account},
        },
        "spec": {
            "gatewayClassName": "istio-remote",
            "addresses": [{"type": "IPAddress", "value": "198.51.100.7"}],
            "listeners": [{"port": 25008, "protocol": "HBONE", "tls": {"mode": "Passthrough"}}],
        },
    }


def _objects(**changes: Any) -> dict[str, Any]:
    found = {
        _API: {"resources": [{"name": "gatewayclasses"}, {"name": "gateways"}, {"name": "gateways/status"}]},
        f"{_SETS}/istio-cni-node": _daemon_set(2, 1),
        f"{_SETS}/ztunnel": _daemon_set(2, 2, ISTIO_META_CLUSTER_ID="east", NETWORK="net-east"),
        f"{_SYSTEM}/pods?app=ztunnel": [ready_pod("ztunnel-a"), ready_pod("ztunnel-b")],
        _OWN: _gateway(),
        f"{_API}/gateways": [_gateway(), _remote("net-west"), _remote("net-north", "default")],
        f"{_SYSTEM}/services/istio-eastwestgateway-ambient": {"spec": {"loadBalancerIP": "203.0.113.8"}},
        _GATEWAY_PODS: [with_proxy(ready_pod("gateway-1"), "proxy", "waypoint")],
    }
    return {key: value for key, value in {**found, **changes}.items() if value is not None}


_CLIENTS = [
    {"proxy": "ztunnel-a.istio-system", "proxy_type": "ztunnel", "cluster_id": "east"},
    {"proxy": "gateway-1.istio-system", "proxy_type": "waypoint", "cluster_id": "east"},
]


def _read(objects: dict[str, Any], istiod: dict[str, str] | None = None, **cluster: Any) -> Ambient:
    config = stack_config({"east": {"dataPlane": "ambient", **cluster}, "west": {"dataPlane": "ambient"}})
    pods = {"istiod-1": json.dumps(_CLIENTS)} if istiod is None else istiod
    return read_ambient(AnsweringApi(objects, pods), config.clusters["east"], _ISTIOD)


def test_all_of_it_is_read() -> None:
    """DaemonSets, the gateway, those of other networks, and who is connected to istiod."""
    assert _read(_objects()) == Ambient(
        cni=Daemon(wanted=2, ready=1),
        ztunnel=Ztunnel(daemon=Daemon(wanted=2, ready=2), cluster_id="east", network="net-east"),
        gateway=HboneGateway(
            network="net-east",
            listens=True,
            programmed=True,
            addresses=(PeerAddress(address="203.0.113.8", port=15008),),
            requested="203.0.113.8",
            workload=Workload(pods=1, ready=1, injected=1),
        ),
        told={"net-west": (PeerAddress(address="198.51.100.7", port=25008),)},
        ztunnels=("ztunnel-a", "ztunnel-b"),
        connected=frozenset({"ztunnel-a"}),
    )


def test_what_is_not_there_is_none() -> None:
    """Without the Gateway API nothing of it is asked for."""
    without = {key: None for key in _objects() if "gateway" in key or key.startswith(_SETS)}
    assert _read(_objects(**without)) == Ambient(
        gateway_api=False, ztunnels=("ztunnel-a", "ztunnel-b"), connected=frozenset({"ztunnel-a"})
    )
    half = _read(_objects(**{_API: {"resources": [{"name": "gateways"}]}}))
    assert not half.gateway_api
    assert _read(_objects(**{_OWN: None})).gateway is None


def test_a_chart_without_cluster_and_network_says_so() -> None:
    """The chart has a name of its own for the cluster, and none for the network."""
    found = _read(_objects(**{f"{_SETS}/ztunnel": _daemon_set(1, 1, ISTIO_META_CLUSTER_ID="Kubernetes")}))
    assert found.ztunnel == Ztunnel(daemon=Daemon(wanted=1, ready=1), cluster_id="Kubernetes")


@pytest.mark.parametrize(
    ("conditions", "problem"),
    [
        ([], "istiod has not said anything of it"),
        ([{"type": "Programmed", "status": "False", "message": "address pending"}], "address pending"),
        ([{"type": "Accepted", "status": "Unknown", "reason": "Pending"}], "Pending"),
    ],
)
def test_a_gateway_that_is_not_programmed_says_why(conditions: list[dict[str, str]], problem: str) -> None:
    """In istiod's words."""
    gateway = _read(_objects(**{_OWN: _gateway(status={"conditions": conditions})})).gateway
    assert gateway
    assert (gateway.programmed, gateway.problem, gateway.addresses) == (False, problem, ())


@pytest.mark.parametrize(
    "listener",
    [
        {"port": 15008, "protocol": "HBONE", "tls": {"mode": "Passthrough"}},
        {"port": 15009, "protocol": "HBONE", "tls": {"mode": "Terminate"}},
        {"port": 15008, "protocol": "TLS", "tls": {"mode": "Terminate"}},
        {"port": 15008, "protocol": "HBONE"},
    ],
)
def test_only_one_listener_makes_a_gateway_of_a_network(listener: dict[str, Any]) -> None:
    """What peers' istiods take for one, and connect to."""
    gateway = _read(_objects(**{_OWN: _gateway(spec={"listeners": [listener]})})).gateway
    assert gateway
    assert not gateway.listens


def test_a_given_address_counts_in_place_of_the_gateways_own() -> None:
    """One: istiod takes no more for a network."""
    addresses = [{"address": "198.51.100.9", "port": 25008}]
    gateway = _read(_objects(), gateway={"addresses": addresses}).gateway
    assert gateway
    assert (gateway.given, gateway.addresses) == (True, (PeerAddress(address="198.51.100.9", port=25008),))


@pytest.mark.parametrize("istiod", [{}, {"istiod-1": "not JSON"}, {"istiod-1": "[1]"}, {"istiod-1": "{}1"}])
def test_where_istiod_cannot_be_asked_nobody_counts_as_lost(istiod: dict[str, str]) -> None:
    """Its other pods may have the rest."""
    assert _read(_objects(), istiod).connected is None


def test_where_one_of_several_istiods_cannot_be_asked_nobody_counts_as_lost() -> None:
    """Whom the others do not know may be connected to that one."""
    config = stack_config({"east": {"dataPlane": "ambient"}, "west": {"dataPlane": "ambient"}})
    both = [ready_pod("istiod-1"), ready_pod("istiod-2")]

    def connected(**pods: str) -> frozenset[str] | None:
        printed = {name.replace("_", "-"): text for name, text in pods.items()}
        return read_ambient(AnsweringApi(_objects(), printed), config.clusters["east"], both).connected

    other = json.dumps([{"proxy": "ztunnel-b.istio-system", "proxy_type": "ztunnel"}])
    assert connected(istiod_1=json.dumps(_CLIENTS)) is None
    assert connected(istiod_1=json.dumps(_CLIENTS), istiod_2=other) == {"ztunnel-a", "ztunnel-b"}


def test_ztunnel_is_no_proxy_though_its_container_has_the_name() -> None:
    """It has neither an agent nor curl, and no network of its own."""
    assert has_proxy(with_proxy(ready_pod("a"), "proxy", "sidecar"))
    assert has_proxy(with_proxy(ready_pod("a"), "proxy", "waypoint"))
    assert not has_proxy(with_proxy(ready_pod("a"), "proxy", "ztunnel"))


@pytest.mark.parametrize(
    ("own", "namespace", "labelled"),
    [("ambient", "", True), ("", "ambient", True), ("none", "ambient", False), ("", "", False)],
)
def test_a_pods_own_label_counts_before_its_namespaces(own: str, namespace: str, labelled: bool) -> None:
    """As the plugin has it."""
    key = "istio.io/dataplane-mode"
    pod = ready_pod("a", labels={key: own} if own else {})
    assert workload([pod], {key: namespace} if namespace else {}).labelled == labelled


def test_enrolled_is_what_the_plugin_has_said_so_of() -> None:
    """A pod that waits for it is not."""
    pending: dict[str, Any] = {"annotations": {"ambient.istio.io/redirection": "pending"}}
    assert workload([ready_pod("a", **_ENROLLED), ready_pod("b", **pending)]).enrolled == 1


def test_the_sample_of_an_ambient_cluster_has_labels_of_its_namespace() -> None:
    """And the waypoint that they name; and the node of its client, whose ztunnel is asked."""
    sample = "/api/v1/namespaces/sample"
    label = {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "waypoint"}
    service = {"namespace": "sample", "labels": {"istio.io/global": "true"}}
    objects = {
        sample: {"metadata": {"name": "sample", "labels": label}},
        f"{sample}/services/helloworld": {"metadata": service},
        f"{sample}/pods?app=client": [ready_pod("client-1", **_ENROLLED)],
        f"{sample}/pods?app=helloworld": [],
        f"{sample}/pods?gateway.networking.k8s.io/gateway-name=waypoint": [
            with_proxy(ready_pod("w"), "proxy", "waypoint")
        ],
    }
    found = read_sample(AnsweringApi(objects, {}), ambient=True)
    assert (found.namespace_labels, found.labels) == (label, {"istio.io/global": "true"})
    assert found.client == Workload(pods=1, ready=1, labelled=1, enrolled=1)
    assert found.client_node == "n"
    assert found.waypoint == "sample/waypoint"
    assert found.waypoint_pods == Workload(pods=1, ready=1, injected=1)


def _service(name: str, labels: dict[str, str] | None = None, *, namespace: str = "shop") -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": labels or {}},
        "spec": {"selector": {"app": name}},
    }


def _policy(name: str, spec: dict[str, Any], **conditions: str) -> dict[str, Any]:
    said = [{"type": key, "status": "False", "message": value} for key, value in conditions.items()]
    return {
        "metadata": {"namespace": "shop", "name": name},
        "spec": spec,
        "status": {"conditions": said},
    }


def test_services_waypoints_and_policies_are_read() -> None:
    """A Service's label for a waypoint counts before its namespace's; of policies those with targets."""
    target = {"targetRefs": [{"kind": "Service", "name": "cart"}]}
    waypoint = {
        "metadata": {"namespace": "shop", "name": "waypoint"},
        "spec": {"gatewayClassName": "istio-waypoint"},
    }
    use = {"istio.io/use-waypoint": "waypoint"}
    objects = {
        f"{_API}/gateways": [waypoint, _gateway()],
        "/apis/security.istio.io/v1/authorizationpolicies": [
            _policy("deny", target),
            _policy("plain", {"action": "DENY"}),
            _policy("unbound", target, WaypointAccepted="not bound"),
            _policy("l7", {"rules": []}, ZtunnelAccepted="ztunnel does not support HTTP"),
        ],
    }
    pods = [
        ready_pod("cart-1", namespace="shop", labels={"app": "cart"}, **_ENROLLED),
        with_proxy(ready_pod("cart-2", namespace="shop", labels={"app": "cart"})),
        ready_pod("cart-3", namespace="other", labels={"app": "cart"}),
        ready_pod("w", namespace="shop", labels={"gateway.networking.k8s.io/gateway-name": "waypoint"}),
    ]
    services = [
        _service("cart"),
        _service("plain", {"istio.io/use-waypoint": "none"}),
        _service("far", {"istio.io/use-waypoint": "w", "istio.io/use-waypoint-namespace": "infra"}),
        _service("istiod", namespace="istio-system"),
    ]
    assert read_enrolment(AnsweringApi(objects, {}), pods, services, {"shop": use}) == AmbientInspection(
        services={
            "shop/cart": AmbientService(
                namespace_labels=use, pods=2, enrolled=1, injected=1, waypoint="shop/waypoint"
            ),
            "shop/plain": AmbientService(labels={"istio.io/use-waypoint": "none"}, namespace_labels=use),
            "shop/far": AmbientService(
                labels=services[2]["metadata"]["labels"], namespace_labels=use, waypoint="infra/w"
            ),
        },
        waypoints={"shop/waypoint": 1},
        policies={
            "AuthorizationPolicy shop/deny": Policy(spec=target, waypoint=True),
            "AuthorizationPolicy shop/unbound": Policy(spec=target, waypoint=True, refused="not bound"),
            "AuthorizationPolicy shop/l7": Policy(
                spec={"rules": []}, refused="ztunnel does not support HTTP"
            ),
        },
    )


def test_pods_that_should_be_enrolled_and_are_not_are_missed() -> None:
    """But for those that the plugin leaves alone: with a proxy, on the node's network, of the system."""
    label = {"istio.io/dataplane-mode": "ambient"}
    on_node = ready_pod("node", namespace="shop")
    on_node["spec"]["hostNetwork"] = True
    starting = ready_pod("starting", namespace="shop")
    starting["status"]["conditions"] = []
    pods = [
        ready_pod("missed", namespace="shop"),
        ready_pod("in", namespace="shop", **_ENROLLED),
        ready_pod("out", namespace="shop", labels={"istio.io/dataplane-mode": "none"}),
        with_proxy(ready_pod("sidecar", namespace="shop")),
        on_node,
        starting,
        ready_pod("dns", namespace="kube-system"),
    ]
    namespaces = {"shop": label, "kube-system": label}
    assert read_enrolment(AnsweringApi({}, {}), pods, [], namespaces).missed == ("shop/missed",)
