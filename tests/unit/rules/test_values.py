"""Helm values of the user's that contradict what the mesh stands on."""

from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from tests.builders.stacks import stack_config


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


def test_a_value_for_all_is_not_reported_for_a_cluster_that_overrides_something_else() -> None:
    """The place to solve it is the section of all."""
    with pytest.raises(ConfigurationError) as refused:
        stack_config(
            {"east": {"istio": {"version": "1.30.3"}}},
            istio={"values": {"istiod": {"global": {"meshID": "other"}}}},
        )
    assert [p.path for p in refused.value.problems] == ["istio.values.istiod.global.meshID"]


@pytest.mark.parametrize(
    ("mesh_config", "path", "message"),
    [
        (
            {"defaultConfig": {"proxyMetadata": {"PROXY_CONFIG_XDS_AGENT": True}}},
            "defaultConfig.proxyMetadata.PROXY_CONFIG_XDS_AGENT",
            "istiod would drop the whole mesh configuration",
        ),
        ({"accessLogFil": "/dev/stdout"}, "accessLogFil", "did you mean accessLogFile?"),
        ({"extensionProviders": [{"nam": "x"}]}, "extensionProviders[0].nam", "did you mean name?"),
    ],
)
def test_a_mesh_configuration_that_istiod_does_not_take_is_refused_by_its_key(
    mesh_config: dict[str, Any], path: str, message: str
) -> None:
    """In the cluster's own entry or in that of all, wherever it stands, and once."""
    istio = {"values": {"istiod": {"meshConfig": mesh_config}}}
    for own, of_all, begin in (({}, istio, ""), ({"istio": istio}, {}, "clusters.east.")):
        with pytest.raises(ConfigurationError) as refused:
            stack_config({"east": own, "west": {}}, istio=of_all)
        (problem,) = refused.value.problems
        assert problem.path == f"{begin}istio.values.istiod.meshConfig.{path}"
        assert message in problem.message


def test_a_setting_that_may_have_come_with_a_later_istio_is_accepted_there() -> None:
    """The definition is that of one version: what it does not know yet is not wrong."""
    values = {"istiod": {"meshConfig": {"brandNew": True}}}
    stack_config({"east": {}}, istio={"version": "1.32.0", "values": values})
    with pytest.raises(ConfigurationError, match="brandNew"):
        stack_config({"east": {}}, istio={"version": "1.31.0", "values": values})
