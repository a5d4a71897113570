"""What Istio's charts are told."""

from typing import Any

from mesh.istio import values
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
