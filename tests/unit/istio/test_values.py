"""What Istio's charts are told."""

from typing import Any

import pytest

from mesh.istio import values
from mesh.istio.addresses import ways
from tests.builders.stacks import stack_config


def _istiod(**user: Any) -> dict[str, Any]:
    config = stack_config({"east": {"istio": {"values": {"istiod": user}}}})
    return values.istiod(config.clusters["east"], config.mesh)


def test_istiod_is_told_mesh_cluster_network_and_trust_domain() -> None:
    """The three that matter for discovery, and the name of the identities."""
    given = _istiod()
    assert given["global"] == {
        "meshID": "dev",
        "multiCluster": {"clusterName": "east"},
        "network": "net-east",
    }
    assert given["meshConfig"]["trustDomain"] == "cluster.local"


def test_roots_can_be_rotated_and_remote_names_resolve_from_the_first_day() -> None:
    """Turned on later, each of these would ask for a restart of every workload."""
    given = _istiod()
    assert given["env"]["ISTIO_MULTIROOT_MESH"] == "true"
    metadata = given["meshConfig"]["defaultConfig"]["proxyMetadata"]
    assert metadata == {"ISTIO_META_DNS_CAPTURE": "true", "PROXY_CONFIG_XDS_AGENT": "true"}


def test_user_values_are_merged_key_by_key() -> None:
    """They stand beside ours, and win over what is only a default."""
    given = _istiod(
        env={"PILOT_TRACE_SAMPLING": "1"},
        meshConfig={"defaultConfig": {"proxyMetadata": {"ISTIO_META_DNS_CAPTURE": "false"}}},
    )
    assert given["env"] == {"ISTIO_MULTIROOT_MESH": "true", "PILOT_TRACE_SAMPLING": "1"}
    metadata = given["meshConfig"]["defaultConfig"]["proxyMetadata"]
    assert metadata == {"ISTIO_META_DNS_CAPTURE": "false", "PROXY_CONFIG_XDS_AGENT": "true"}


def test_a_value_equal_to_ours_is_no_conflict() -> None:
    """Set twice to one value, it is what it must be."""
    assert _istiod(**{"global": {"meshID": "dev"}})["global"]["meshID"] == "dev"


def test_gateway_carries_its_network_and_opens_its_ports_to_network_policies() -> None:
    """The chart's NetworkPolicy reads `service.ports`; 15443 must be there for other clusters."""
    given = values.gateway(stack_config({"east": {}}).clusters["east"])
    assert given["name"] == "istio-eastwestgateway"
    assert given["networkGateway"] == "net-east"
    assert {port["port"] for port in given["service"]["ports"]} == {15021, 15443, 15012, 15017}


def _settings(
    exposure: dict[str, Any], user: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]] | None:
    own = {"meshConfig": {"serviceSettings": user}} if user is not None else {}
    config = stack_config({"east": {"istio": {"values": {"istiod": own}}, "exposure": exposure}})
    return values.istiod(config.clusters["east"], config.mesh)["meshConfig"].get("serviceSettings")


def test_calls_that_stay_inside_are_a_setting_after_the_users_own() -> None:
    """Where there is nothing to keep inside, what the user has is left alone."""
    own = [{"settings": {"clusterLocal": True}, "hosts": ["a.b"]}]
    ours = {"settings": {"clusterLocal": True}, "hosts": ["c.d", "*.e.f"]}
    assert _settings({"clusterLocal": ["c.d", "*.e.f"]}) == [ours]
    assert _settings({"clusterLocal": ["c.d", "*.e.f"]}, own) == [*own, ours]
    assert _settings({}, own) == own
    assert _settings({}) is None


_PORTS = {"status-port": 15021, "tls": 15443, "tls-istiod": 15012, "tls-webhook": 15017}


def _gateway(section: dict[str, Any], **user: Any) -> dict[str, Any]:
    east = {"gateway": section, "istio": {"values": {"gateway": user}}}
    return values.gateway(stack_config({"east": east}).clusters["east"])


def _ports(given: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {port["name"]: (port["port"], port["targetPort"]) for port in given["service"]["ports"]}


def test_without_settings_of_its_own_a_gateway_gets_these_values() -> None:
    """What is added here restarts the gateways of every mesh that is there, once."""
    assert values.gateway(stack_config({"east": {}}).clusters["east"]) == {
        "name": "istio-eastwestgateway",
        "networkGateway": "net-east",
        "service": {
            "ports": [
                {"name": name, "port": port, "protocol": "TCP", "targetPort": port}
                for name, port in _PORTS.items()
            ]
        },
        "readinessProbe": {
            "httpGet": {"path": "/healthz/ready", "port": 15021},
            "periodSeconds": 2,
            "timeoutSeconds": 3,
            "failureThreshold": 30,
        },
        "env": {"EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true"},
        "terminationGracePeriodSeconds": values.GATEWAY_DRAIN_SECONDS,
    }


def test_with_addresses_of_its_own_the_service_is_no_gateway_to_istiod() -> None:
    """While it has the network's label, istiod never looks at those addresses."""
    given = _gateway({"addresses": [{"address": "198.51.100.7"}]})
    assert given["networkGateway"] == ""
    assert "labels" not in given
    assert given["env"]["ISTIO_META_REQUESTED_NETWORK_VIEW"] == "net-east"
    assert _ports(given) == {name: (port, port) for name, port in _PORTS.items()}


def test_another_port_leads_to_the_gateways_own_and_has_its_label() -> None:
    """The label is how istiod knows the port; the chart can neither set it nor a node port by itself."""
    given = _gateway({"port": 443})
    assert given["networkGateway"] == ""
    assert given["labels"] == {
        "topology.istio.io/network": "net-east",
        "networking.istio.io/gatewayPort": "443",
    }
    assert _ports(given) == {**{n: (p, p) for n, p in _PORTS.items()}, "tls": (443, 15443)}


@pytest.mark.parametrize(("selector", "annotation"), [({}, "{}"), ({"role": "edge"}, '{"role": "edge"}')])
def test_node_ports_come_with_the_annotation_that_gives_them_addresses(
    selector: dict[str, str], annotation: str
) -> None:
    """A port that is asked for is that of the gateway's port alone."""
    service = {"type": "NodePort", "nodePort": 31443, "nodeSelector": selector}
    given = _gateway({"service": service})
    assert given["service"]["type"] == "NodePort"
    assert given["service"]["annotations"] == {"traffic.istio.io/nodeSelector": annotation}
    assert given["labels"] == {"topology.istio.io/network": "net-east"}
    assert {p["name"]: p["nodePort"] for p in given["service"]["ports"] if "nodePort" in p} == {"tls": 31443}


def test_node_ports_behind_given_addresses_need_no_node() -> None:
    """Peers use the given ones."""
    given = _gateway({"service": {"type": "NodePort"}, "addresses": [{"address": "198.51.100.7"}]})
    assert "annotations" not in given["service"]


@pytest.mark.parametrize(
    ("preset", "annotations"),
    [
        (
            "aws-internal",
            {
                "service.beta.kubernetes.io/aws-load-balancer-type": "external",
                "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
                "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
            },
        ),
        (
            "gcp-internal",
            {
                "networking.gke.io/load-balancer-type": "Internal",
                "networking.gke.io/internal-load-balancer-allow-global-access": "true",
            },
        ),
        ("azure-internal", {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}),
    ],
)
def test_a_preset_is_the_annotations_that_a_cloud_documents(preset: str, annotations: dict[str, str]) -> None:
    """Above them stand the user's own, and they change nothing else."""
    plain = values.gateway(stack_config({"east": {}}).clusters["east"])
    assert _gateway({"service": {"preset": preset}}) == {
        **plain,
        "service": {**plain["service"], "annotations": annotations},
    }
    first = next(iter(annotations))
    own = _gateway({"service": {"preset": preset, "annotations": {first: "other", "a": "b"}}})
    assert own["service"]["annotations"] == {**annotations, first: "other", "a": "b"}


def test_what_the_section_says_of_the_service_stands_beside_the_users_values() -> None:
    """Under the names that the chart has for it."""
    section = {
        "sourceRanges": ["198.51.100.0/24"],
        "ipFamilies": ["IPv6", "IPv4"],
        "ipFamilyPolicy": "PreferDualStack",
        "annotations": {"a": "b"},
    }
    user = {"externalTrafficPolicy": "Local", "annotations": {"c": "d"}}
    given = _gateway({"service": section}, service=user)["service"]
    del given["ports"]
    assert given == {
        "loadBalancerSourceRanges": ["198.51.100.0/24"],
        "ipFamilies": ["IPv6", "IPv4"],
        "ipFamilyPolicy": "PreferDualStack",
        "annotations": {"a": "b", "c": "d"},
        "externalTrafficPolicy": "Local",
    }


def test_several_pods_are_spread_and_drained_one_at_a_time() -> None:
    """At least so many: the chart's autoscaler stays on, and without it the number is exact."""
    given = _gateway({"replicas": 2})
    assert given["replicaCount"] == 2
    assert given["autoscaling"] == {"minReplicas": 2}
    assert given["podDisruptionBudget"] == {"maxUnavailable": 1}
    spread = given["topologySpreadConstraints"]
    assert [s["topologyKey"] for s in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert {s["whenUnsatisfiable"] for s in spread} == {"ScheduleAnyway"}
    assert {s["labelSelector"]["matchLabels"]["istio"] for s in spread} == {"eastwestgateway"}


def test_one_pod_needs_neither_spread_nor_budget() -> None:
    """A budget would keep its node from being drained."""
    given = _gateway({"replicas": 1})
    assert {"podDisruptionBudget", "topologySpreadConstraints"}.isdisjoint(given)


def test_a_budget_of_the_users_own_is_left_alone() -> None:
    """Kubernetes takes minAvailable or maxUnavailable, not both; more pods than five raise the most, too."""
    given = _gateway({"replicas": 7}, podDisruptionBudget={"minAvailable": 6})
    assert given["podDisruptionBudget"] == {"minAvailable": 6}
    assert given["autoscaling"] == {"minReplicas": 7, "maxReplicas": 7}


def test_a_pod_that_goes_waits_for_its_connections_unless_the_user_says_how_long() -> None:
    """Beside other variables: those of the user, and the network of a gateway with addresses of its own."""
    shorter = _gateway(
        {"addresses": [{"address": "198.51.100.7"}]}, terminationGracePeriodSeconds=30, env={"A": "b"}
    )
    assert shorter["terminationGracePeriodSeconds"] == 30
    assert shorter["env"].keys() == {
        "A",
        "EXIT_ON_ZERO_ACTIVE_CONNECTIONS",
        "ISTIO_META_REQUESTED_NETWORK_VIEW",
    }


def test_a_network_policy_is_the_charts_own() -> None:
    """It opens the ports of `service.ports`, the gateway's among them."""
    assert _gateway({"networkPolicy": True})["global"] == {"networkPolicy": {"enabled": True}}


def test_istiod_is_told_the_gateways_that_it_cannot_find() -> None:
    """Beside what the user says of networks; without any, nothing of the kind is there."""
    addresses = [{"address": "198.51.100.7", "port": 31443}, {"address": "gw.example.com"}]
    user = {"net-west": {"endpoints": [{"fromCidr": "10.0.0.0/8"}]}, "net-x": {"gateways": []}}
    config = stack_config(
        {
            "east": {"istio": {"values": {"istiod": {"global": {"meshNetworks": user}}}}},
            "west": {"gateway": {"addresses": addresses}},
        }
    )
    east, west = config.clusters["east"], config.clusters["west"]
    assert values.istiod(east, config.mesh, ways(config, "east"))["global"]["meshNetworks"] == {
        "net-west": {
            "endpoints": [{"fromCidr": "10.0.0.0/8"}],
            "gateways": [
                {"address": "198.51.100.7", "port": 31443},
                {"address": "gw.example.com", "port": 15443},
            ],
        },
        "net-x": {"gateways": []},
    }
    assert values.istiod(west, config.mesh, ways(config, "west")) == values.istiod(west, config.mesh)


def test_istiod_restarts_when_it_is_told_other_gateways() -> None:
    """It would lose those with node ports; the user's own annotations stay."""
    istiod = {"podAnnotations": {"team": "mesh"}}
    config = stack_config(
        {
            "east": {"istio": {"values": {"istiod": istiod}}},
            "west": {"gateway": {"addresses": [{"address": "198.51.100.7", "port": 31443}]}},
        }
    )
    east, west = config.clusters["east"], config.clusters["west"]
    told = values.istiod(east, config.mesh, ways(config, "east"))["podAnnotations"]
    assert told == {"team": "mesh", "istio-mesh/mesh-networks": "net-west=198.51.100.7:31443"}
    assert "podAnnotations" not in values.istiod(west, config.mesh, ways(config, "west"))
