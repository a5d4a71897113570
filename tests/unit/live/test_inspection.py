"""What `mesh check` takes from what API servers answer; the answers are the least that the reader needs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kubernetes.client import Configuration

from mesh.config.types import DataPlane
from mesh.istio.addresses import PeerAddress
from mesh.live import inspection, readiness
from mesh.live.admission import read_injection, read_validation
from mesh.live.answers import ApiError, UnreachableError
from mesh.live.facts import Ambient, ClusterFacts, Gateway, HboneGateway, LinkFacts, NextRevision, Pair
from mesh.live.inspected import ClusterInspection, ExposedService, Injection, Reach, Readiness
from mesh.live.kubernetes_api import CommandOutput, KubernetesApi
from mesh.live.pairs import Connections
from mesh.live.reach import StartingPoint, Target
from mesh.mappings import Json
from tests.builders.pods import with_proxy
from tests.builders.revisions import WEBHOOKS, injecting_webhook
from tests.builders.stacks import stack_config

_SYSTEM = "/api/v1/namespaces/istio-system"
_READY = [{"type": "Ready", "status": "True"}]
_LOG = """2026-11-30T03:10:49Z\terror\tcontrollers\tretrying (retry count: 5): webhook is not ready
2026-11-30T03:10:57Z\terror\tcontrollers\tfail to update webhook: the object has been modified
2026-11-30T03:10:58Z\terror\tambient\tFailed to find service a/b.a.svc.cluster.local to coalesce workloads
2026-11-30T03:11:02Z\tinfo\tads\tADS: new connection
2026-11-30T03:12:00Z\twarn\tads\tADS:CDS: ACK ERROR istio-eastwestgateway-1 Internal:Proto constraint
"""

_WEBHOOK_OF_OTHERS: Json = {
    "metadata": {"name": "cert-manager-webhook"},
    "webhooks": [{"name": "webhook.cert-manager.io", "namespaceSelector": {}}],
}


def _pod(name: str, *, proxy: bool = True, namespace: str = "shop", **metadata: Any) -> dict[str, Any]:
    variables = {"ISTIO_META_NETWORK": "net-east", "ISTIO_META_CLUSTER_ID": "east"}
    container = {
        "name": "istio-proxy" if proxy else "app",
        "image": "istio/proxyv2:1.31.0",
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}},
    }
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": {}, **metadata},
        "spec": {"containers": [container]},
        "status": {"phase": "Running", "conditions": _READY},
    }


def _service(name: str, port: int, *, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    ports = [{"port": port}, {"port": 53, "protocol": "UDP"}]
    return {"metadata": {"namespace": namespace, "name": name}, "spec": {"ports": ports, **spec}}


class _Api(KubernetesApi):
    """Answers lists by path; what is not listed does not exist."""

    def __init__(self, lists: Mapping[str, Sequence[Json]], **answers: Any) -> None:
        super().__init__(Configuration(host="https://east.example.com:6443"))
        self.lists, self.answers = lists, answers

    def get(self, path: str, **query: str) -> Json:
        if path == "/version":
            return {"gitVersion": "v1.36.3"}
        key = f"{path}?{query['labelSelector']}" if "labelSelector" in query else path
        if key not in self.lists:
            raise ApiError(404, f"{path} not found")
        return {"items": self.lists[key]}

    def post(self, path: str, body: Json) -> Json:
        resource = body["spec"]["resourceAttributes"]["resource"]
        return {"status": {"allowed": resource not in self.answers.get("denied", ())}}

    def try_to_create(self, path: str, body: Json) -> Json:
        revision = body["metadata"].get("labels", {}).get("istio.io/rev")
        answer = self.answers["created" if revision is None else f"created as {revision}"]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def log(self, namespace: str, pod: str, container: str, *, seconds: int, most_bytes: int) -> str:
        return _LOG if container == "discovery" or pod == "gateway-1" else ""

    def clock_ahead(self) -> float | None:
        return 0.5

    def proxy_failure(self, path: str) -> str | None:
        answer = self.answers["proxied"]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, timeout: float
    ) -> CommandOutput:
        raise AssertionError("no command is run in a cluster that has no peer")


def _inspected(
    api: _Api, monkeypatch: pytest.MonkeyPatch, hosts: tuple[str, ...] = (), **config: Any
) -> ClusterInspection:
    facts = {"east": ClusterFacts(name="east", network="net-east", gateway=Gateway(hosts=hosts))}
    monkeypatch.setattr(inspection, "read_cluster_facts", lambda *_: facts)
    connections = Connections(apis={"east": api}, unreachable={}, refused={})
    return inspection.inspect(stack_config({"east": {}}, **config), connections).clusters["east"]


def test_pods_with_a_proxy_are_found_with_what_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names that kubectl has; pods without a proxy, and those that do not run, are left out."""
    starting = _pod("starting")
    starting["status"]["conditions"] = []
    replica_set = {"kind": "ReplicaSet", "name": "cart-7d9f"}
    pods = [
        _pod("cart-7d9f-x", ownerReferences=[replica_set], labels={"pod-template-hash": "7d9f"}),
        _pod("db-0", ownerReferences=[{"kind": "StatefulSet", "name": "db"}]),
        _pod("debug"),
        _pod("plain", proxy=False),
        starting,
    ]
    api = _Api({"/api/v1/pods": pods}, created=_pod("new"))
    found = _inspected(api, monkeypatch).pods
    assert [(pod.name, pod.owner) for pod in found] == [
        ("cart-7d9f-x", "deployment/cart"),
        ("db-0", "statefulset/db"),
        ("debug", "pod/debug"),
    ]
    assert {(pod.image, pod.network, pod.cluster_id) for pod in found} == {
        ("istio/proxyv2:1.31.0", "net-east", "east")
    }


def test_two_control_planes_are_asked_for_a_pod_and_what_leads_to_them_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that names no revision, and one for each that has a name."""
    new = _pod("new", annotations={"sidecar.istio.io/status": '{"revision": "r2"}'})
    ztunnel = with_proxy(_pod("ztunnel-a", namespace="istio-system"), "proxy", "ztunnel")
    lists = {
        "/api/v1/pods": [_pod("cart-1", annotations={"istio.io/rev": "r1"}), ztunnel],
        "/api/v1/namespaces": [
            {"metadata": {"name": "shop", "labels": {"istio.io/rev": "r2"}}},
            {"metadata": {"name": "plain"}},
        ],
        WEBHOOKS: [injecting_webhook("r2"), injecting_webhook("r2", tag="default"), _WEBHOOK_OF_OTHERS],
    }
    api = _Api(
        lists,
        **{"created": new, "created as r1": ApiError(500, "failed calling webhook"), "created as r2": new},
    )
    facts = ClusterFacts(
        name="east", network="net-east", revision="r1", next=NextRevision(revision="r2", version="1.32.0")
    )
    monkeypatch.setattr(inspection, "read_cluster_facts", lambda *_: {"east": facts})
    connections = Connections(apis={"east": api}, unreachable={}, refused={})
    found = inspection.inspect(stack_config({"east": {}}), connections).clusters["east"]
    assert found.injection.revision == "r2"
    assert {name: bool(one.problem) for name, one in found.named_injections.items()} == {
        "r1": True,
        "r2": False,
    }
    assert [pod.revision for pod in found.pods] == ["r1"]
    assert found.served == {"default": {"istio-system": 1}, "r1": {"shop": 1}}
    assert found.namespaces == {"shop": {"istio.io/rev": "r2"}, "plain": {}}
    assert [(one.name, one.revision, one.tag, len(one.hooks)) for one in found.injectors] == [
        ("istio-sidecar-injector-r2", "r2", None, 2),
        ("istio-revision-tag-default", "r2", "default", 4),
    ]


def test_without_revisions_one_pod_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ever."""
    found = _inspected(_Api({}, created=_pod("new")), monkeypatch)
    assert (found.injection.revision, found.named_injections) == ("default", {})


def test_what_the_stack_says_of_revisions_is_known_of_a_cluster_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may refuse one question of many."""
    api = _Api({}, created=UnreachableError("timed out"))
    following = NextRevision(revision="r2", version="1.32.0")
    facts = {"east": ClusterFacts(name="east", network="net-east", revision="r1", next=following)}
    monkeypatch.setattr(inspection, "read_cluster_facts", lambda *_: facts)
    connections = Connections(apis={"east": api}, unreachable={}, refused={})
    east = inspection.inspect(stack_config({"east": {}}), connections).clusters["east"].facts
    assert (east.unreachable, east.revision, east.next) == ("timed out", "r1", following)


def test_services_of_users_are_compared_and_those_of_the_system_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kubernetes' own, and those of Istio, differ for good reasons."""
    services = [
        _service("cart", 80),
        _service("kubernetes", 443, namespace="default"),
        _service("kube-dns", 53, namespace="kube-system"),
        _service("istio-eastwestgateway", 15443, namespace="istio-system"),
    ]
    found = _inspected(_Api({"/api/v1/services": services}, created=_pod("new")), monkeypatch)
    assert found.services == {"shop/cart": frozenset({"80/TCP", "53/UDP"})}


def test_a_service_is_called_through_the_gateway_where_it_is_exposed_and_takes_mutual_tls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By the name that it has in the cluster's own domain."""
    istiod = _pod("istiod", namespace="istio-system")
    istiod["spec"]["containers"] = [{"name": "discovery", "args": ["discovery", "--domain", "corp.local"]}]
    pods = [
        _pod("cart", labels={"app": "cart", "security.istio.io/tlsMode": "istio"}),
        _pod("plain", labels={"app": "plain"}),
    ]
    services = [_service(name, 80, selector={"app": name}) for name in ("cart", "plain", "gone")]
    lists = {
        "/api/v1/pods": pods,
        "/api/v1/services": services,
        f"{_SYSTEM}/pods?app=istiod": [istiod],
    }
    api = _Api(lists, created=_pod("new"))
    expected = (ExposedService(host="cart.shop.svc.corp.local", port=80),)
    assert _inspected(api, monkeypatch).exposed == expected
    hidden = {"hosts": ["*.other.svc.corp.local"]}
    assert _inspected(api, monkeypatch, exposure=hidden).exposed == ()


def test_errors_in_logs_are_found_but_for_those_that_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As istiod has them while it starts."""
    istiod = _pod("istiod-1", namespace="istio-system")
    api = _Api({f"{_SYSTEM}/pods?app=istiod": [istiod]}, created=_pod("new"))
    (lines,) = _inspected(api, monkeypatch).errors.values()
    assert len(lines) == 1
    assert "ACK ERROR" in lines[0]


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        (
            _pod("new"),
            Injection(image="istio/proxyv2:1.31.0", network="net-east", cluster_id="east"),
        ),
        (
            _pod("new", proxy=False),
            Injection(problem="the API server makes pods without asking istiod for a proxy"),
        ),
        (
            ApiError(500, 'Internal error occurred: failed calling webhook "x"'),
            Injection(problem='Internal error occurred: failed calling webhook "x"'),
        ),
        (ApiError(403, "pods is forbidden"), Injection(unknown="pods is forbidden")),
    ],
)
def test_a_new_pod_gets_a_proxy_or_it_is_said_why_not(created: Any, expected: Injection) -> None:
    """That the user may not try it is another thing."""
    assert read_injection(_Api({}, created=created)) == expected


@pytest.mark.parametrize(
    ("created", "wrong"),
    [
        ({"kind": "Gateway"}, True),
        (ApiError(500, "failed calling webhook: no service istiod"), True),
        (ApiError(400, "admission webhook denied the request: gateway must have at least one server"), False),
        (ApiError(403, "gateways is forbidden"), False),
        (ApiError(404, "the server could not find the requested resource"), False),
    ],
)
def test_a_wrong_object_is_refused_by_istiod_or_something_is_wrong(created: Any, *, wrong: bool) -> None:
    """What does not come to istiod at all is not known."""
    assert bool(read_validation(_Api({}, created=created))) is wrong


def _ready(lists: Mapping[str, Sequence[Json]], monkeypatch: pytest.MonkeyPatch, **answers: Any) -> Readiness:
    api = _Api(lists, **{"proxied": None, **answers})
    monkeypatch.setattr(readiness.KubernetesApi, "connect", lambda _: api)
    return readiness.read_readiness(stack_config({"east": {}}))["east"]


def test_nodes_that_are_ready_and_not_cordoned_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of four."""
    nodes = [
        {"spec": spec, "status": {"conditions": conditions}}
        for spec, conditions in (
            ({}, _READY),
            ({"providerID": "aws:///x"}, _READY),
            ({"unschedulable": True}, _READY),
            ({}, []),
        )
    ]
    assert _ready({"/api/v1/nodes": nodes}, monkeypatch).nodes == 2


def test_what_the_user_may_not_create_is_listed_with_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names that kubectl has."""
    found = _ready({}, monkeypatch, denied=("secrets", "clusterroles"))
    assert found.denied == ("secrets", "clusterroles.rbac.authorization.k8s.io")


@pytest.mark.parametrize(
    ("proxied", "expected"),
    [
        (None, None),
        ("dial tcp 10.0.0.7:8080: i/o timeout", "dial tcp 10.0.0.7:8080: i/o timeout"),
        (UnreachableError("timed out"), "timed out"),
    ],
)
def test_an_api_server_reaches_pods_or_it_is_said_why_not(
    proxied: Any, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may wait longer for a pod than this program for the server."""
    pods = {"/api/v1/pods": [_pod("dns", proxy=False)]}
    assert _ready(pods, monkeypatch, proxied=proxied).pods_unreachable == expected


def test_a_load_balancer_shows_by_an_address_or_by_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Service that has just been made may wait; one that waits for long is named."""

    def service(seconds: int, ingress: Sequence[Json]) -> dict[str, Any]:
        created = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
        return {
            "metadata": {"namespace": "shop", "name": f"web-{seconds}", "creationTimestamp": created},
            "spec": {"type": "LoadBalancer"},
            "status": {"loadBalancer": {"ingress": ingress}},
        }

    cloud = [{"spec": {"providerID": "gce://p/z/n"}}]
    kind = [{"spec": {"providerID": "kind://docker/x/y"}}]
    services = "/api/v1/services"
    assert _ready({services: [service(90, [{"ip": "203.0.113.7"}])]}, monkeypatch).load_balancer is True
    assert _ready({"/api/v1/nodes": cloud}, monkeypatch).load_balancer is True
    assert _ready({"/api/v1/nodes": kind}, monkeypatch).load_balancer is None
    waiting = _ready({services: [service(90, []), service(5, [])]}, monkeypatch)
    assert waiting.waiting == ("shop/web-90",)
    assert waiting.load_balancer is None


def test_services_with_the_labels_are_exposed_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the Gateway has them; without such a service, istiod opens no port to connect to."""
    pods = [_pod(n, labels={"app": n, "security.istio.io/tlsMode": "istio"}) for n in ("cart", "pay")]
    services = [_service(name, 80, selector={"app": name}) for name in ("cart", "pay")]
    services[0]["metadata"]["labels"] = {"a": "b", "c": "d"}
    api = _Api({"/api/v1/pods": pods, "/api/v1/services": services}, created=_pod("new"))
    early = _inspected(api, monkeypatch, ("nothing.invalid",), exposure={"labels": {"a": "b"}})
    assert (early.labelled, early.passes) == (("cart.shop.svc.cluster.local",), False)
    hosts = ("cart.shop.svc.cluster.local", "pay.shop.svc.cluster.local")
    found = _inspected(api, monkeypatch, hosts, exposure={"labels": {"a": "b"}})
    assert found.labelled == ("cart.shop.svc.cluster.local",)
    assert [service.host for service in found.exposed] == ["cart.shop.svc.cluster.local"]
    assert found.passes
    nothing = _inspected(api, monkeypatch, exposure={"labels": {"a": "c"}})
    assert (nothing.labelled, nothing.exposed, nothing.passes) == ((), (), False)
    all_of_them = _inspected(api, monkeypatch)
    assert (all_of_them.labelled, len(all_of_them.exposed), all_of_them.passes) == (None, 2, True)


def test_a_cluster_that_sees_some_should_have_remote_secrets_for_these(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others are members all the same."""
    facts = {"east": ClusterFacts(name="east", network="net-east")}
    monkeypatch.setattr(inspection, "read_cluster_facts", lambda *_: facts)
    connections = Connections(apis={"east": _Api({}, created=_pod("new"))}, unreachable={}, refused={})
    config = stack_config({"east": {"sees": ["west"]}, "west": {}, "north": {}})
    east = inspection.inspect(config, connections).clusters["east"]
    assert (east.sees, east.members) == (frozenset({"west"}), frozenset({"east", "west", "north"}))


class _Flat(_Api):
    """A cluster whose pods run commands: curl has connected to all that it was asked to."""

    def __init__(self, lists: Mapping[str, Sequence[Json]]) -> None:
        super().__init__(lists, created=_pod("new"))
        self.run_in: list[tuple[str, str, str]] = []

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, timeout: float
    ) -> CommandOutput:
        self.run_in.append((namespace, pod, command[-1]))
        return CommandOutput(stdout='{"urlnum": 0, "exitcode": 28}', stderr="")


def _flat(monkeypatch: pytest.MonkeyPatch, *pods: dict[str, Any]) -> tuple[inspection.MeshInspection, _Flat]:
    """East and west on one network without a gateway; east has these pods, and west an istiod."""
    istiod = _pod("istiod", namespace="istio-system")
    istiod["spec"]["containers"] = [{"name": "discovery"}]
    istiod["status"]["podIP"] = "10.2.0.4"
    proxies = {"/api/v1/pods?security.istio.io/tlsMode": pods}
    apis = {"east": _Flat({"/api/v1/pods": pods, **proxies}), "west": _Flat({"/api/v1/pods": [istiod]})}
    monkeypatch.setattr(
        inspection,
        "read_cluster_facts",
        lambda *_: {name: ClusterFacts(name=name, network="flat", has_gateway=False) for name in apis},
    )
    config = stack_config({name: {"network": "flat"} for name in apis})
    connections = Connections(apis=apis, unreachable={}, refused={})
    return inspection.inspect(config, connections), apis["east"]


def test_in_one_network_a_pod_connects_to_a_pod_of_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """From any pod with a proxy where there is no gateway; what it connects to is Istio's own."""
    mesh, east = _flat(monkeypatch, _pod("cart"))
    assert east.run_in == [("shop", "cart", "http://10.2.0.4:15012/version")]
    link = mesh.links[Pair(caller="east", target="west")]
    assert link.pod == Reach(address="10.2.0.4:15012", failure="timed out")
    assert link.gateways == ()


def test_without_a_pod_to_connect_from_nothing_is_said_of_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """But that it was not tried."""
    mesh, east = _flat(monkeypatch, _pod("plain", proxy=False))
    assert east.run_in == []
    assert mesh.clusters["east"].untried == "no pod with a proxy runs there"
    assert mesh.links[Pair(caller="east", target="west")].pod is None


def test_a_gateway_that_exposes_nothing_is_not_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """And which of two see each other is known."""
    facts = {
        name: ClusterFacts(
            name=name,
            network=f"net-{name}",
            gateway=Gateway(addresses=(PeerAddress(address=f"203.0.113.{number}"),)),
        )
        for number, name in enumerate(("east", "west", "north"))
    }
    tried: set[str] = set()

    def reach(_api: KubernetesApi, _pod: str, targets: Iterable[Target]) -> dict[Target, Reach]:
        tried.update(target.address for target in targets)
        return {}

    def read_links(_config: object, pairs: Iterable[Pair], _clusters: object) -> dict[Pair, LinkFacts]:
        return {pair: LinkFacts() for pair in pairs}

    monkeypatch.setattr(inspection, "read_cluster_facts", lambda *_: facts)
    monkeypatch.setattr(inspection, "read_links", read_links)
    monkeypatch.setattr(inspection, "reach", reach)
    monkeypatch.setattr(inspection, "shake_hands", lambda *_: {})
    lists = {
        "/api/v1/services": [_service("cart", 80)],
        f"{_SYSTEM}/pods?istio=eastwestgateway": [_pod("gateway", namespace="istio-system")],
    }
    apis: dict[str, KubernetesApi] = {name: _Api(lists, created=_pod("new")) for name in facts}
    config = stack_config(
        {"east": {}, "west": {"exposure": {"labels": {"a": "b"}}, "sees": ["east"]}, "north": {"sees": []}}
    )
    found = inspection.inspect(config, Connections(apis=apis, unreachable={}, refused={}))
    assert tried == {"203.0.113.0:15443", "203.0.113.2:15443"}
    assert {(p.caller, p.target): link.mutual for p, link in found.links.items()} == {
        ("east", "west"): True,
        ("east", "north"): False,
        ("west", "east"): True,
    }


def test_a_cluster_without_a_gateway_needs_no_load_balancer(monkeypatch: pytest.MonkeyPatch) -> None:
    """On one network there is none."""
    api = _Api({}, proxied=None)
    monkeypatch.setattr(readiness.KubernetesApi, "connect", lambda _: api)
    flat = stack_config({"east": {"network": "flat"}, "west": {"network": "flat"}})
    assert not readiness.read_readiness(flat)["east"].balanced
    assert readiness.read_readiness(stack_config({"east": {}, "west": {}}))["east"].balanced


_PLANES = {"east": DataPlane.AMBIENT, "west": DataPlane.AMBIENT, "north": DataPlane.SIDECAR}
_HBONE_PODS = f"{_SYSTEM}/pods?gateway.networking.k8s.io/gateway-name=istio-eastwestgateway-ambient"


def test_ambient_clusters_connect_to_each_others_gateway_from_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever is exposed; a cluster with sidecars alone does not use that gateway."""
    facts = {
        name: ClusterFacts(
            name=name,
            network=f"net-{name}",
            has_gateway=False,
            data_plane=plane,
            ambient=Ambient(
                gateway=HboneGateway(addresses=(PeerAddress(address=f"203.0.113.{number}", port=15008),))
            ),
        )
        for number, (name, plane) in enumerate(_PLANES.items())
    }
    tried: dict[str, set[str]] = {}

    def reach(api: KubernetesApi, pod: StartingPoint, targets: Iterable[Target]) -> dict[Target, Reach]:
        wanted = tuple(targets)
        tried[f"{api.server} {pod.pod}"] = {target.address for target in wanted}
        return {target: Reach(address=target.address) for target in wanted}

    def read_links(_config: object, pairs: Iterable[Pair], _clusters: object) -> dict[Pair, LinkFacts]:
        return {pair: LinkFacts() for pair in pairs}

    monkeypatch.setattr(inspection, "read_cluster_facts", lambda *_: facts)
    monkeypatch.setattr(inspection, "read_links", read_links)
    monkeypatch.setattr(inspection, "reach", reach)
    monkeypatch.setattr(inspection, "shake_hands", lambda *_: {})
    gateway = _pod("gateway-1", namespace="istio-system")
    apis: dict[str, KubernetesApi] = {
        name: _Api({_HBONE_PODS: [gateway]}, created=_pod("new")) for name in facts
    }
    config = stack_config(
        {
            name: {"dataPlane": plane.value, "exposure": {"labels": {"a": "b"}}}
            for name, plane in _PLANES.items()
        }
    )
    found = inspection.inspect(config, Connections(apis=apis, unreachable={}, refused={}))
    link = found.links[Pair(caller="east", target="west")]
    assert link.gateways == (Reach(address="203.0.113.1:15008"),)
    assert found.links[Pair(caller="north", target="west")].gateways == ()
    assert all(key.endswith(" gateway-1") for key in tried)
    assert {name: list(c.errors) for name, c in found.clusters.items()} == {
        "east": ["gateway-1"],
        "west": ["gateway-1"],
        "north": [],
    }


def test_ambient_clusters_expose_by_mesh_configuration_and_not_by_a_gateway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So no Service that has the labels is missed in a Gateway."""
    services = [_service("cart", 80)]
    services[0]["metadata"]["labels"] = {"a": "b"}
    facts = {"east": ClusterFacts(name="east", network="net-east", has_gateway=False)}
    monkeypatch.setattr(inspection, "read_cluster_facts", lambda *_: facts)
    api = _Api({"/api/v1/services": services}, created=_pod("new"))
    connections = Connections(apis={"east": api}, unreachable={}, refused={})
    settings = {"dataPlane": "ambient", "exposure": {"labels": {"a": "b"}}}
    found = inspection.inspect(stack_config({"east": settings}), connections).clusters["east"]
    assert found.labelled is None
    assert list(found.ambient.services) == []


def test_an_ambient_cluster_needs_more_rights_and_an_address_for_its_gateway(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """DaemonSets, and Gateways of the Gateway API."""
    api = _Api({}, proxied=None, denied=("daemonsets", "gateways"))
    monkeypatch.setattr(readiness.KubernetesApi, "connect", lambda _: api)
    planes = {"east": "ambient", "west": "sidecar"}
    config = stack_config({name: {"dataPlane": plane} for name, plane in planes.items()})
    found = readiness.read_readiness(config)
    assert found["east"].denied == (
        "gateways.networking.istio.io",
        "daemonsets.apps",
        "gateways.gateway.networking.k8s.io",
    )
    assert found["west"].denied == ("gateways.networking.istio.io",)
    alone = stack_config({name: {"dataPlane": "ambient"} for name in planes})
    assert readiness.read_readiness(alone)["east"].balanced
