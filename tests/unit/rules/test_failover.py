"""Failover that stops nothing, and clients for which it does nothing."""

from typing import Any

import pytest

from mesh.plan import cluster_plan, leads_sidecars
from mesh.rules.failover import warnings
from tests.builders.stacks import stack_config

_ENTRY = {"hosts": ["checkout.shop.svc.cluster.local"], "withinSeconds": 10}
_SAMPLE = {"hosts": ["helloworld.sample.svc.cluster.local"], "withinSeconds": 10}


def _config(clusters: dict[str, dict[str, Any]], *entries: dict[str, Any], **sections: Any):
    return stack_config(clusters, failover=list(entries or [_ENTRY]), **sections)


def test_it_is_configured_where_a_control_plane_reads_it() -> None:
    """A remote has that of its primary; an ambient cluster has no proxy that would do something with it."""
    config = _config(
        {
            "east": {"network": "one"},
            "remote": {"network": "one", "controlPlane": "east"},
            "ambient": {"dataPlane": "ambient"},
            "both": {"dataPlane": "both"},
        }
    )
    assert {name for name in config.clusters if leads_sidecars(config, name)} == {"east", "both"}
    assert {name: len(cluster_plan(config, name).failover) for name in config.clusters} == {
        "east": 1,
        "remote": 0,
        "ambient": 0,
        "both": 1,
    }


def test_clients_that_get_nothing_are_named() -> None:
    """Of a cluster with clients of both kinds, the ambient ones."""
    mixed: dict[str, dict[str, Any]] = {
        "east": {},
        "west": {"dataPlane": "ambient"},
        "north": {"dataPlane": "both"},
    }
    (warning,) = warnings(_config(mixed))
    assert str(warning).startswith(
        "failover: does nothing for ambient clients, such as those in west, north: ztunnel ejects no "
        "endpoints"
    )
    assert list(warnings(_config({"east": {}}))) == []
    assert list(warnings(stack_config(mixed))) == []


@pytest.mark.parametrize(
    ("entry", "sections"),
    [
        ({**_SAMPLE, "prefer": "none"}, {"helloWorld": {"enabled": True}}),
        (_SAMPLE, {}),
        (_ENTRY, {"exposure": {"clusterLocal": ["*.payments.svc.cluster.local"]}}),
    ],
    ids=["the sample, from all clusters", "without the sample", "other calls stay inside"],
)
def test_what_contradicts_nothing_is_taken(entry: dict[str, Any], sections: dict[str, Any]) -> None:
    """Or `stack_config` would refuse it."""
    assert len(_config({"east": {}, "west": {}}, entry, **sections).failover) == 1


def test_hosts_are_those_of_the_clusters_own_domain() -> None:
    """Whichever that is."""
    values = {"istiod": {"global": {"proxy": {"clusterDomain": "example.org"}}}}
    entry = {"hosts": ["checkout.shop.svc.example.org"], "withinSeconds": 10}
    assert _config({"east": {}}, entry, istio={"values": values}).failover[0].hosts == tuple(entry["hosts"])
