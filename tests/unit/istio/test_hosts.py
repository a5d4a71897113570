"""Which services a cluster exposes, as hosts."""

from typing import Any

import pytest

from mesh.config.resolved import ClusterConfig
from mesh.istio.hosts import covers, exposed_hosts
from tests.builders.stacks import stack_config


@pytest.mark.parametrize(
    ("host", "other", "covered"),
    [
        ("*", "a.local", True),
        ("*.local", "*.svc.cluster.local", True),
        ("*.local", "a.local", True),
        ("a.local", "a.local", True),
        ("*.a.local", "*.local", False),
        ("*.a.local", "*.ba.local", False),
        ("a.local", "b.a.local", False),
    ],
)
def test_a_wildcard_covers_what_is_below_it(host: str, other: str, covered: bool) -> None:
    """As Istio reads hosts of a Gateway."""
    assert covers(host, other) is covered


def _cluster(exposure: dict[str, Any], **values: Any) -> ClusterConfig:
    entry = {"exposure": exposure, "istio": {"values": {"istiod": values}}}
    return stack_config({"east": entry}).clusters["east"]


@pytest.mark.parametrize(
    ("exposure", "hosts"),
    [
        ({}, ("*.local",)),
        ({"clusterLocal": ["a.b"]}, ("*.local",)),
        ({"hosts": ["*.shop.example.com"]}, ("*.shop.example.com",)),
        ({"namespaces": ["shop", "shop"]}, ("*.shop.svc.corp.local",)),
        ({"labels": {"a": "b"}}, ("cart.web.svc.corp.local",)),
        (
            {"hosts": ["x.y"], "namespaces": ["shop"], "labels": {"a": "b"}},
            ("x.y", "*.shop.svc.corp.local", "cart.web.svc.corp.local"),
        ),
    ],
)
def test_what_is_selected_is_exposed_and_all_only_where_nothing_is(
    exposure: dict[str, Any], hosts: tuple[str, ...]
) -> None:
    """Each host once, below the domain of the cluster."""
    cluster = _cluster(exposure, **{"global": {"proxy": {"clusterDomain": "corp.local"}}})
    labelled = ["cart.web.svc.corp.local"] if "labels" in exposure else []
    assert exposed_hosts(cluster, labelled) == hosts


def test_where_no_service_has_the_labels_nothing_is_exposed() -> None:
    """Istio's webhook refuses a Gateway without a host; this one is nobody's."""
    assert exposed_hosts(_cluster({"labels": {"a": "b"}}), ()) == ("nothing.invalid",)


def test_a_cluster_that_selects_replaces_what_is_selected_for_all() -> None:
    """Else it would expose more than its entry says; what stays inside is another question."""
    config = stack_config(
        {
            "east": {"exposure": {"namespaces": ["web"]}},
            "west": {"exposure": {"clusterLocal": ["c.d"]}},
            "north": {"exposure": {"labels": {"x": "y"}, "clusterLocal": []}},
        },
        exposure={"hosts": ["a.b"], "labels": {"a": "b"}, "clusterLocal": ["e.f"]},
    )
    found = {name: cluster.exposure for name, cluster in config.clusters.items()}
    assert {name: (e.listed_hosts, e.namespaces, e.labels, e.cluster_local) for name, e in found.items()} == {
        "east": ((), ("web",), {}, ("e.f",)),
        "west": (("a.b",), (), {"a": "b"}, ("c.d",)),
        "north": ((), (), {"x": "y"}, ()),
    }
