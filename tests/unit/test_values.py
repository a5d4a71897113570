"""What Istio's charts are told."""

from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from mesh.istio import values
from tests.unit.builders import stack_config


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


@pytest.mark.parametrize(
    ("chart", "user", "path", "instead"),
    [
        ("istiod", {"global": {"meshID": "other"}}, "istiod.global.meshID", "mesh.id"),
        ("istiod", {"global": {"network": "n"}}, "istiod.global.network", "the cluster's network"),
        (
            "istiod",
            {"global": {"multiCluster": {"clusterName": "x"}}},
            "istiod.global.multiCluster.clusterName",
            "the cluster's name",
        ),
        ("istiod", {"meshConfig": {"trustDomain": "x"}}, "istiod.meshConfig.trustDomain", "mesh.trustDomain"),
        ("istiod", {"global": "text"}, "istiod.global.meshID", "mesh.id"),
        ("gateway", {"networkGateway": "n"}, "gateway.networkGateway", "the cluster's network"),
        ("gateway", {"name": "gw"}, "gateway.name", "peers find the gateway by this name"),
        ("base", {"_internal_defaults_do_not_set": {}}, "base._internal_defaults_do_not_set", ""),
    ],
)
def test_a_value_that_would_break_the_mesh_is_refused_by_its_key(
    chart: str, user: dict[str, Any], path: str, instead: str
) -> None:
    """The message names the key and what to change instead."""
    with pytest.raises(ConfigurationError) as refused:
        stack_config({"east": {"istio": {"values": {chart: user}}}})
    problem = refused.value.problems[0]
    assert problem.path == f"clusters.east.istio.values.{path}"
    assert instead in problem.message


def test_a_value_for_all_clusters_is_refused_where_it_stands() -> None:
    """Not once for each cluster."""
    with pytest.raises(ConfigurationError) as refused:
        stack_config(
            {"east": {}, "west": {}}, istio={"values": {"istiod": {"meshConfig": {"trustDomain": "x"}}}}
        )
    assert [p.path for p in refused.value.problems] == ["istio.values.istiod.meshConfig.trustDomain"]


def test_a_value_equal_to_ours_is_no_conflict() -> None:
    """Said twice is not said wrong."""
    assert _istiod(**{"global": {"meshID": "dev"}})["global"]["meshID"] == "dev"


def test_gateway_carries_its_network_and_opens_its_ports_to_network_policies() -> None:
    """The chart's NetworkPolicy reads `service.ports`; 15443 must be there for other clusters."""
    given = values.gateway(stack_config({"east": {}}).clusters["east"])
    assert given["name"] == "istio-eastwestgateway"
    assert given["networkGateway"] == "net-east"
    assert {port["port"] for port in given["service"]["ports"]} == {15021, 15443, 15012, 15017}
