"""What the mesh stands on in the manifests of the charts: each thing that is taken away is found."""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from mesh.istio.addresses import PeerAddress
from mesh.preflight.rendered.expected import Expected, object_names
from mesh.preflight.rendered.faults import faults
from mesh.preflight.rendered.gateway import exposes
from mesh.preflight.rendered.istiod import cluster_domain
from tests.builders.charts import Manifests

_EAST = Expected(cluster="east", network="net-east", mesh_id="dev", trust_domain="cluster.local")
_GATEWAY = "istio-eastwestgateway"
Change = Callable[[Manifests], Any]


def _found(chart: str, change: Change, expected: Expected = _EAST) -> list[str]:
    manifests = Manifests(chart)
    change(manifests)
    return [fault.message for fault in faults(chart, manifests, expected)]


@pytest.mark.parametrize("chart", ["base", "istiod", "gateway"])
def test_the_charts_have_no_fault_with_the_programs_own_values(chart: str) -> None:
    """As they were recorded."""
    assert _found(chart, lambda manifests: None) == []


def _reading(folder: str, *files: str) -> Change:
    """Istiod with the variable that names a folder of kubeconfigs, and with files in another one."""

    def change(manifests: Manifests) -> None:
        pod = manifests.pod("Deployment", "istiod")["spec"]
        sources = [{"secret": {"name": "s", "items": [{"key": "k", "path": file}]}} for file in files]
        pod["volumes"].append({"name": "k", "projected": {"sources": sources}})
        (discovery,) = pod["containers"]
        discovery["volumeMounts"].append({"name": "k", "mountPath": "/kubeconfigs"})
        discovery["env"].append({"name": "PILOT_MULTICLUSTER_KUBECONFIG_PATH", "value": folder})

    return change


def test_istiod_looks_for_other_clusters_where_the_mesh_has_them() -> None:
    """In a folder it finds no remote secrets, and without one no kubeconfigs of somebody else's."""
    west = dataclasses.replace(_EAST, kubeconfig_folder=frozenset({"west"}))
    assert _found("istiod", _reading("/kubeconfigs", "west.yaml"), west) == []
    (message,) = _found("istiod", _reading("/kubeconfigs", "west.yaml"))
    assert message == "lets istiod read /kubeconfigs, and no remote secrets"
    for change in (
        lambda _: None,
        _reading("/kubeconfigs", "north.yaml"),
        _reading("/elsewhere", "west.yaml"),
    ):
        assert _found("istiod", change, west) == ["keeps the kubeconfigs of west from istiod"]


def _set(document: dict[str, Any], *path: str, to: object) -> None:
    *outer, last = path
    for key in outer:
        document = document[key]
    document[last] = to


def _without(kind: str, name: str) -> Change:
    return lambda manifests: manifests.remove(manifests.one(kind, name))


def _service(*path: str, to: object) -> Change:
    return lambda manifests: _set(manifests.one("Service", _GATEWAY), *path, to=to)


def _pod(*path: str, to: object) -> Change:
    return lambda manifests: _set(manifests.pod("Deployment", _GATEWAY), *path, to=to)


def _proxy(**changes: object) -> Change:
    return lambda manifests: manifests.pod("Deployment", _GATEWAY)["spec"]["containers"][0].update(changes)


def _variable(name: str, value: str) -> Change:
    def change(manifests: Manifests) -> None:
        (proxy,) = manifests.pod("Deployment", _GATEWAY)["spec"]["containers"]
        proxy["env"].append({"name": name, "value": value})

    return change


def _policy(*ports: int) -> Change:
    policy = {
        "kind": "NetworkPolicy",
        "metadata": {"name": _GATEWAY, "namespace": "istio-system"},
        "spec": {
            "podSelector": {"matchLabels": {"istio": "eastwestgateway"}},
            "ingress": [{"ports": [{"port": port}]} for port in ports],
        },
    }
    return lambda manifests: manifests.append(policy)


def _only_https(manifests: Manifests) -> None:
    manifests.one("Service", _GATEWAY)["spec"]["ports"] = [{"port": 443, "targetPort": 15443}]


def _elsewhere(manifests: Manifests) -> None:
    manifests.one("Service", _GATEWAY)["spec"]["ports"] = [{"port": 15443, "targetPort": 8443}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("Service", _GATEWAY), "leaves the gateway without the Service istio-eastwestgateway"),
        (_service("metadata", "namespace", to="default"), "leaves the gateway without the Service"),
        (
            _service("spec", "type", to="ClusterIP"),
            "makes the gateway's Service a ClusterIP, which gives peers no",
        ),
        (
            _service("spec", "type", to="NodePort"),
            "makes the gateway's Service a NodePort without the annotation",
        ),
        (
            _service("spec", "selector", to={"istio": "other"}),
            "makes the gateway's Service select other pods",
        ),
        (_service("spec", "selector", to=None), "makes the gateway's Service select other pods"),
        (_service("metadata", "annotations", to={"a": True}), "expected text as the annotation a of Service"),
        (
            _service("metadata", "labels", "topology.istio.io/network", to="x"),
            "makes label topology.istio.io/net",
        ),
        (_only_https, "closes port 15443 of the gateway's Service, which peers call"),
        (_elsewhere, "leads port 15443 of the gateway to 8443; expected 15443"),
        (
            _pod("metadata", "labels", "topology.istio.io/network", to="x"),
            "makes label topology.istio.io/network",
        ),
        (
            _pod("metadata", "labels", "sidecar.istio.io/inject", to="false"),
            "takes the label sidecar.istio.io/inj",
        ),
        (_pod("metadata", "labels", "istio.io/rev", to="canary"), "gives the gateway the revision 'canary'"),
        (_pod("metadata", "annotations", to={}), "makes the gateway's pods get the templates 'sidecar'"),
        (_proxy(image="proxyv2:1"), "makes the image of the gateway 'proxyv2:1'; expected 'auto'"),
        (
            _variable("ISTIO_META_NETWORK", "x"),
            "makes ISTIO_META_NETWORK 'x'; expected the cluster's network",
        ),
        (_variable("ISTIO_META_REQUESTED_NETWORK_VIEW", ""), "makes ISTIO_META_REQUESTED_NETWORK_VIEW ''"),
        (_policy(15021), "makes the gateway's NetworkPolicy close port 15443"),
    ],
)
def test_a_gateway_that_peers_could_not_use_is_a_fault(change: Change, message: str) -> None:
    """Whatever it is called in the values."""
    found = _found("gateway", change)
    assert len(found) == 1, found
    assert found[0].startswith(message)


def test_a_gateway_that_is_missing_is_the_first_fault() -> None:
    """The rest follows from it."""
    assert _found("gateway", _without("Deployment", _GATEWAY))[0].startswith(
        "leaves istio-system without the"
    )


def _port_by_label(manifests: Manifests) -> None:
    service = manifests.one("Service", _GATEWAY)
    service["metadata"]["labels"]["networking.istio.io/gatewayPort"] = "443"
    service["spec"]["ports"] = [{"port": 443, "targetPort": 15443}]


def _node_ports(manifests: Manifests) -> None:
    service = manifests.one("Service", _GATEWAY)
    service["spec"]["type"] = "NodePort"
    service["metadata"]["annotations"] = {"traffic.istio.io/nodeSelector": "{}"}


def _external(manifests: Manifests) -> None:
    manifests.one("Service", _GATEWAY)["spec"].update(type="ClusterIP", externalIPs=["203.0.113.7"])


@pytest.mark.parametrize(
    "change",
    [
        _port_by_label,
        _node_ports,
        _external,
        _policy(15021, 15443),
        lambda manifests: manifests.append({"kind": "NetworkPolicy", "spec": {"podSelector": {}}}),
        _pod("metadata", "labels", "istio.io/rev", to="default"),
    ],
)
def test_another_way_that_istiod_takes_is_no_fault(change: Change) -> None:
    """Another port by its label, nodes, external addresses, a policy that lets peers in."""
    assert _found("gateway", change) == []


def test_a_gateway_without_its_label_is_found_by_nobody() -> None:
    """Neither by the Gateway that exposes services nor, with the chart's selector, by the Service."""
    found = _found("gateway", _pod("metadata", "labels", "istio", to="ingress"))
    assert [message.partition(" ")[0] for message in found] == ["takes", "makes"]


def _istiod_variable(name: str, value: object) -> Change:
    def change(manifests: Manifests) -> None:
        manifests.pod("Deployment", "istiod")["spec"]["containers"][0]["env"].append(
            {"name": name, "value": value}
        )

    return change


def _mesh_config(**changes: object) -> Change:
    def change(manifests: Manifests) -> None:
        config_map = manifests.one("ConfigMap", "istio")
        config_map["data"]["mesh"] = yaml.safe_dump({**yaml.safe_load(config_map["data"]["mesh"]), **changes})

    return change


def _injected(**changes: object) -> Change:
    def change(manifests: Manifests) -> None:
        data = manifests.one("ConfigMap", "istio-sidecar-injector")["data"]
        values = json.loads(data["values"])
        values["global"].update(changes)
        data["values"] = json.dumps(values)

    return change


def _webhook_elsewhere(manifests: Manifests) -> None:
    for entry in manifests.one("MutatingWebhookConfiguration", "istio-sidecar-injector")["webhooks"]:
        entry["clientConfig"] = {"url": "https://example.com/inject"}


def _no_ports(manifests: Manifests) -> None:
    manifests.one("Service", "istiod")["spec"]["ports"] = [{"port": 15012}]


def _no_cacerts(manifests: Manifests) -> None:
    volumes = manifests.pod("Deployment", "istiod")["spec"]["volumes"]
    volumes[:] = [volume for volume in volumes if volume["name"] != "cacerts"]


def _hidden(selector: dict[str, Any]) -> Change:
    return _mesh_config(discoverySelectors=[selector])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_istiod_variable("CLUSTER_ID", "west"), "gives istiod the cluster ID 'west'; expected 'east'"),
        (_istiod_variable("REVISION", "canary"), "gives istiod the revision 'canary'"),
        (_istiod_variable("POD_NAMESPACE", "default"), "tells istiod that it runs in 'default'"),
        (_istiod_variable("ENABLE_CA_SERVER", "false"), "turns istiod's CA off"),
        (_injected(caAddress="csr:443"), "sends workloads to csr:443 for certificates"),
        (_no_cacerts, "keeps the Secret cacerts from istiod"),
        (_no_ports, "closes port 443 of the Service istiod"),
        (_without("Service", "istiod"), "leaves istiod's pods without the Service istiod"),
        (_without("ConfigMap", "istio"), "leaves istiod without the ConfigMap istio"),
        (_mesh_config(trustDomain="other"), "makes trustDomain of the mesh configuration 'other'"),
        (
            _mesh_config(trust_domain="other"),
            "makes trustDomain of the mesh configuration 'cluster.local' and 'ot",
        ),
        (
            _mesh_config(enableTracing="yes"),
            "makes a mesh configuration in which enableTracing: expected true or",
        ),
        (
            _mesh_config(defaultConfig={"meshId": "dev"}),
            "makes defaultConfig.discoveryAddress of the mesh config",
        ),
        (_hidden({"matchLabels": {"a": "b"}}), "keeps the namespace istio-system from istiod"),
        (
            _hidden({"matchExpressions": [{"key": "a", "operator": "Exists"}]}),
            "keeps the namespace istio-system from istiod",
        ),
        (
            _without("MutatingWebhookConfiguration", "istio-sidecar-injector"),
            "leaves the cluster without the web",
        ),
        (_webhook_elsewhere, "leaves the cluster without the webhook istio-sidecar-injector to istiod"),
        (_injected(network="x"), "gives proxies global.network 'x'; expected 'net-east'"),
        (_injected(istioNamespace="x"), "gives proxies global.istioNamespace 'x'"),
        (
            _without("ClusterRoleBinding", "istio-reader-clusterrole-istio-system"),
            "leaves istio-reader-service-a",
        ),
    ],
)
def test_a_control_plane_that_is_no_member_of_the_mesh_is_a_fault(change: Change, message: str) -> None:
    """Each is accepted by the chart without a word."""
    found = _found("istiod", change)
    assert len(found) == 1, found
    assert found[0].startswith(message)


@pytest.mark.parametrize(
    "selector",
    [
        {"matchLabels": {"kubernetes.io/metadata.name": "istio-system"}},
        {"matchLabels": {"topology.istio.io/network": "net-east"}},
        {"matchExpressions": [{"key": "topology.istio.io/network", "operator": "Exists"}]},
        {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]},
        {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["istio-system"]}
            ]
        },
        {"matchExpressions": [{"key": "team", "operator": "DoesNotExist"}]},
    ],
)
def test_selectors_that_let_istiod_see_its_own_namespace_are_no_fault(selector: dict[str, Any]) -> None:
    """As Kubernetes reads them."""
    assert _found("istiod", _hidden(selector)) == []


def test_an_istiod_under_another_name_is_a_fault() -> None:
    """As a revision makes it: nothing that knows the control plane by its name would find it."""
    found = _found("istiod", _without("Deployment", "istiod"))
    assert found[0].startswith("leaves istio-system without the Deployment istiod")


def test_an_account_that_peers_read_by_is_a_fault_where_it_is_missing_and_wanted() -> None:
    """Not where the user gives peers a kubeconfig of their own."""
    account = _without("ServiceAccount", "istio-reader-service-account")
    assert _found("base", account)[0].startswith("leaves istio-system without the account")
    own = Expected(
        cluster="east", network="net-east", mesh_id="dev", trust_domain="cluster.local", reader=False
    )
    assert _found("base", account, own) == []


def test_a_definition_that_exposes_services_is_a_fault_where_it_is_missing() -> None:
    """Without it the cross-network gateway cannot be created."""
    missing = _without("CustomResourceDefinition", "gateways.networking.istio.io")
    assert _found("base", missing)[0].startswith(
        "leaves the cluster without the definition of Istio's Gateway"
    )


def test_the_minimal_role_of_the_reader_is_not_the_charts() -> None:
    """The program makes it itself."""
    minimal = Expected(
        cluster="east", network="net-east", mesh_id="dev", trust_domain="cluster.local", reader_role=False
    )
    binding = _without("ClusterRoleBinding", "istio-reader-clusterrole-istio-system")
    assert _found("istiod", binding, minimal) == []


def test_the_clusters_domain_is_what_istiod_is_told() -> None:
    """None where there is no istiod."""
    assert cluster_domain(Manifests("istiod")) == "cluster.local"
    assert cluster_domain(Manifests("base")) is None


@pytest.mark.parametrize(
    ("host", "exposed"),
    [
        ("*", True),
        ("*.local", True),
        ("*.cluster.local", True),
        ("*.svc.cluster.local", True),
        ("*.shop.svc.cluster.local", True),
        ("cart.shop.svc.cluster.local", True),
        ("*.example.com", False),
        ("shop.example.com", False),
        ("*.uster.local", False),
        ("*.svc.corp.example", False),
    ],
)
def test_a_host_exposes_services_if_they_are_below_it(host: str, *, exposed: bool) -> None:
    """Their names end with svc and the cluster's domain."""
    assert exposes([host], "cluster.local") is exposed


_GIVEN = replace(_EAST, given=True)


def _unlabelled(manifests: Manifests) -> None:
    """As the chart makes it without `networkGateway`."""
    del manifests.one("Service", _GATEWAY)["metadata"]["labels"]["topology.istio.io/network"]
    del manifests.pod("Deployment", _GATEWAY)["metadata"]["labels"]["topology.istio.io/network"]


def _behind_something(manifests: Manifests) -> None:
    _unlabelled(manifests)
    manifests.one("Service", _GATEWAY)["spec"]["type"] = "ClusterIP"


@pytest.mark.parametrize("change", [_unlabelled, _behind_something])
def test_a_gateway_whose_addresses_are_given_needs_no_label_and_no_address(change: Change) -> None:
    """Its pods have their network from the namespace."""
    assert _found("gateway", change, _GIVEN) == []
    assert _found("gateway", change), "without given addresses nobody would find it"


def test_a_label_by_which_given_addresses_do_not_count_is_a_fault() -> None:
    """Istiod prefers those of the Service."""
    (message,) = _found("gateway", lambda manifests: None, _GIVEN)
    assert message.startswith("gives the gateway's Service the label topology.istio.io/network, by which")


def test_the_port_behind_given_addresses_must_lead_to_the_gateway() -> None:
    """It has no label, so the stack says which it is."""

    def only_https(manifests: Manifests) -> None:
        _unlabelled(manifests)
        _only_https(manifests)

    assert _found("gateway", only_https, replace(_GIVEN, port=443)) == []
    (message,) = _found("gateway", only_https, _GIVEN)
    assert message.startswith("closes port 15443 of the gateway's Service")


def test_a_network_policy_that_the_chart_does_not_make_is_a_fault() -> None:
    """As in older versions: the setting would do nothing."""
    wanted = replace(_EAST, network_policy=True)
    (message,) = _found("gateway", lambda manifests: None, wanted)
    assert message == "makes no NetworkPolicy for the gateway, and gateway.networkPolicy asks for one"
    assert _found("gateway", _policy(15021, 15443), wanted) == []


@pytest.mark.parametrize(
    ("told", "right"),
    [
        ("networks: {net-west: {gateways: [{address: 198.51.100.7, port: 31443}]}}", True),
        ("networks: {net-west: {gateways: [{address: 198.51.100.7, port: 15443}]}}", False),
        ("networks: {}", False),
        ("networks: {", False),
    ],
)
def test_istiod_that_is_not_told_a_gateway_is_a_fault(told: str, right: bool) -> None:
    """Nothing else tells it."""
    ways = {"net-west": (PeerAddress(address="198.51.100.7", port=31443),)}
    found = _found(
        "istiod",
        lambda manifests: _set(manifests.one("ConfigMap", "istio"), "data", "meshNetworks", to=told),
        replace(_EAST, ways=ways),
    )
    fault = "keeps the gateways of the network net-west from istiod; expected 198.51.100.7:31443"
    assert found == ([] if right else [fault])


_REMOTE = dataclasses.replace(_EAST, remote=True)


def _found_in_remote(change: Change) -> list[str]:
    manifests = Manifests("istiod-remote")
    change(manifests)
    return [fault.message for fault in faults("istiod", manifests, _REMOTE)]


def _right_taken(manifests: Manifests, resource: str, verb: str) -> None:
    for rule in manifests.one("ClusterRole", "istio-reader-clusterrole-istio-system")["rules"]:
        if resource in rule["resources"]:
            rule["verbs"] = [v for v in rule["verbs"] if v != verb]


def _remove(manifests: Manifests, kind: str, name: str) -> None:
    manifests.remove(manifests.one(kind, name))


def _asks_elsewhere(manifests: Manifests) -> None:
    for webhook in manifests.one("MutatingWebhookConfiguration", "istio-sidecar-injector")["webhooks"]:
        webhook["clientConfig"]["service"]["path"] = "/inject"


def test_a_remote_has_no_fault_with_the_programs_own_values() -> None:
    """It has no istiod, and none is missed."""
    assert _found_in_remote(lambda _: None) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: _remove(m, "EndpointSlice", "istiod"),
            "leaves the remote without the Service istiod, which leads to the control plane of its primary",
        ),
        (
            lambda m: m.one("Service", "istiod")["spec"].update(ports=[{"port": 15012}]),
            "leaves the remote without the Service istiod, which leads to the control plane of its primary",
        ),
        (
            _asks_elsewhere,
            "leaves the cluster without the webhook istio-sidecar-injector to "
            "/inject/cluster/east/net/net-east: no pod would get a proxy",
        ),
        (
            lambda m: _right_taken(m, "configmaps", "create"),
            "keeps the primary from the right to create configmaps in the remote",
        ),
        (
            lambda m: _right_taken(m, "mutatingwebhookconfigurations", "update"),
            "keeps the primary from the right to update mutatingwebhookconfigurations in the remote",
        ),
        (
            lambda m: _remove(m, "ConfigMap", "istio"),
            "leaves istiod without the ConfigMap istio: it would run with defaults",
        ),
    ],
)
def test_what_a_remote_stands_on_is_found_missing(change: Change, message: str) -> None:
    """Each is one fault."""
    assert _found_in_remote(change) == [message]


def test_an_istiod_that_serves_remotes_knows_that_it_does() -> None:
    """Else it gives them neither its root nor its webhook's CA."""
    primary = dataclasses.replace(_EAST, serves=True)

    def told(value: str) -> Change:
        def change(manifests: Manifests) -> None:
            (discovery,) = manifests.pod("Deployment", "istiod")["spec"]["containers"]
            discovery["env"].append({"name": "EXTERNAL_ISTIOD", "value": value})

        return change

    assert _found("istiod", told("true"), primary) == []
    (message,) = _found("istiod", told("false"), primary)
    assert (
        message == "gives istiod EXTERNAL_ISTIOD 'false'; expected 'true', without which it serves no remote"
    )


_AMBIENT = dataclasses.replace(_EAST, ambient=True)


def _found_in_ambient(chart: str, change: Change) -> list[str]:
    recording = "istiod-ambient" if chart == "istiod" else chart
    manifests = Manifests(recording)
    change(manifests)
    return [fault.message for fault in faults(chart, manifests, _AMBIENT)]


def _agent(**data: str) -> Change:
    return lambda manifests: manifests.one("ConfigMap", "istio-cni-config")["data"].update(data)


def _ztunnel(name: str, value: str | None) -> Change:
    def change(manifests: Manifests) -> None:
        (proxy,) = manifests.pod("DaemonSet", "ztunnel")["spec"]["containers"]
        proxy["env"] = [entry for entry in proxy["env"] if entry["name"] != name]
        if value is not None:
            proxy["env"].append({"name": name, "value": value})

    return change


def _no_volumes(name: str) -> Change:
    return lambda manifests: manifests.pod("DaemonSet", name)["spec"].update(volumes=[])


def _ztunnel_label(key: str, value: str) -> Change:
    return lambda manifests: manifests.pod("DaemonSet", "ztunnel")["metadata"]["labels"].update({key: value})


def _no_hbone(manifests: Manifests) -> None:
    _mesh_config(defaultConfig={"meshId": "dev", "discoveryAddress": "istiod.istio-system.svc:15012"})(
        manifests
    )


@pytest.mark.parametrize("chart", ["istiod", "cni", "ztunnel"])
def test_the_charts_of_an_ambient_cluster_have_no_fault_with_the_programs_own_values(chart: str) -> None:
    """As they were recorded."""
    assert _found_in_ambient(chart, lambda manifests: None) == []


@pytest.mark.parametrize(
    ("chart", "change", "message"),
    [
        (
            "istiod",
            _istiod_variable("PILOT_ENABLE_AMBIENT", "false"),
            "gives istiod PILOT_ENABLE_AMBIENT 'false'",
        ),
        (
            "istiod",
            _istiod_variable("AMBIENT_ENABLE_MULTI_NETWORK", "no"),
            "gives istiod AMBIENT_ENABLE_MULTI_NETWORK 'no'",
        ),
        ("istiod", _no_hbone, "gives proxies ISTIO_META_ENABLE_HBONE None; expected 'true'"),
        (
            "cni",
            _without("DaemonSet", "istio-cni-node"),
            "leaves istio-system without the DaemonSet istio-cni",
        ),
        ("cni", _agent(AMBIENT_ENABLED="false"), "gives the agents AMBIENT_ENABLED 'false'; expected 'true'"),
        ("cni", _agent(AMBIENT_ENABLEMENT_SELECTOR="[]"), "makes the agents select pods without the label"),
        (
            "cni",
            _no_volumes("istio-cni-node"),
            "takes the node's folder /var/run/ztunnel from istio-cni-node",
        ),
        ("ztunnel", _without("DaemonSet", "ztunnel"), "leaves istio-system without the DaemonSet ztunnel"),
        ("ztunnel", _ztunnel("NETWORK", None), "gives ztunnel NETWORK None; expected 'net-east'"),
        ("ztunnel", _ztunnel("ISTIO_META_CLUSTER_ID", "x"), "gives ztunnel ISTIO_META_CLUSTER_ID 'x'"),
        ("ztunnel", _ztunnel("XDS_ADDRESS", "x:1"), "gives ztunnel XDS_ADDRESS 'x:1'"),
        (
            "ztunnel",
            _ztunnel("TRUST_DOMAIN", "x"),
            "gives ztunnel TRUST_DOMAIN 'x'; expected 'cluster.local'",
        ),
        ("ztunnel", _no_volumes("ztunnel"), "takes the node's folder /var/run/ztunnel from ztunnel"),
        ("ztunnel", _ztunnel_label("app", "x"), "takes the label app=ztunnel from ztunnel's pods"),
        (
            "ztunnel",
            _ztunnel_label("istio.io/dataplane-mode", "ambient"),
            "makes ztunnel's pods ambient themselves",
        ),
    ],
)
def test_an_ambient_cluster_that_would_not_be_one_is_a_fault(
    chart: str, change: Change, message: str
) -> None:
    """Each is accepted by the charts without a word, and most by Istio too."""
    found = _found_in_ambient(chart, change)
    assert found, "nothing was found"
    assert found[0].startswith(message), found


def test_without_ztunnel_istiod_may_be_as_it_likes() -> None:
    """Nothing is ambient."""
    assert _found("istiod", _istiod_variable("PILOT_ENABLE_AMBIENT", "false")) == []


# Revisions.

_REVISED = replace(_EAST, revision="1-31-0", ambient=True)
_LEFT = replace(_EAST, led=True)


@pytest.mark.parametrize("chart", ["base", "istiod", "gateway", "ztunnel"])
def test_the_charts_of_a_revision_have_no_fault_with_the_programs_own_values(chart: str) -> None:
    """And each has one for a control plane without it, and the other way round."""
    assert list(faults(chart, Manifests(f"{chart}-revision"), _REVISED)) == []
    assert list(faults(chart, Manifests(f"{chart}-revision"), replace(_REVISED, revision="")))
    assert list(faults(chart, Manifests(chart), replace(_EAST, revision="1-31-0")))


def test_a_control_plane_that_leaves_its_webhook_to_the_tag_makes_none() -> None:
    """With both, pods would be given their proxy twice; with none of them, never."""
    assert list(faults("istiod", Manifests("istiod-left"), _LEFT)) == []
    (beside,) = faults("istiod", Manifests("istiod"), _LEFT)
    assert beside.message.startswith(
        "makes the webhook istio-sidecar-injector beside that of the tag default"
    )
    (neither,) = faults("istiod", Manifests("istiod-left"), _EAST)
    assert neither.message.endswith("no pod would get a proxy")


def test_what_two_releases_would_make_is_found() -> None:
    """Helm refuses the second one half way."""
    tag = ("MutatingWebhookConfiguration", "", "istio-sidecar-injector")
    (found,) = faults("istiod", Manifests("istiod"), replace(_EAST, taken={tag: "the tag default"}))
    assert found.message == (
        "makes the MutatingWebhookConfiguration istio-sidecar-injector, which the tag default makes, too"
    )


def test_istios_objects_are_checked_by_a_control_plane_that_is_there() -> None:
    """Else nobody could write one any more."""
    (found,) = _found("base", lambda _: None, replace(_EAST, revision="1-31-0"))
    assert found == (
        "makes the API server ask istiod, which does not exist, about Istio's objects; expected istiod-1-31-0"
    )


def test_two_control_planes_of_a_cluster_have_no_object_in_common() -> None:
    """As the chart has them."""
    assert not set(object_names(Manifests("istiod-left"))) & set(object_names(Manifests("istiod-revision")))
