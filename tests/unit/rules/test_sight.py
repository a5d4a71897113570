"""Who may be selected by `sees`, and what is exposed to somebody."""

from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from tests.builders.stacks import stack_config

_HUB = {"labels": {"tier": "hub"}}


def _refused(clusters: dict[str, dict[str, Any]], **sections: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        stack_config(clusters, **sections)
    return [str(problem) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("clusters", "sees"),
    [
        ({"hub": {"sees": ["one", "two"]}, "one": {}, "two": {}}, ["hub"]),
        ({"hub": {**_HUB, "sees": ["one"]}, "one": {}}, ["tier=hub"]),
        ({"hub": {"sees": []}, "one": {}}, ["hub"]),
        ({"one": {"sees": ["elsewhere"]}}, ["elsewhere"]),
        ({"one": {"labels": {"a": "b"}, "sees": ["a=b"]}, "two": {"labels": {"a": "b"}}}, ["one"]),
    ],
)
def test_what_is_there_may_be_selected(clusters: dict[str, dict[str, Any]], sees: list[str]) -> None:
    """For all, a cluster among them may be selected that has no use for it; none at all may be, too."""
    peers = {"elsewhere": {"stack": "organization/istio-mesh/elsewhere"}}
    assert stack_config(clusters, sees=sees, peers=peers)


def test_a_mistake_for_all_is_told_once() -> None:
    """By the path for all."""
    assert _refused({"a": {}, "b": {}, "c": {}}, sees=["d"]) == [
        "sees.0: there is no cluster 'd'; expected names in clusters and peers, or a label as region=eu: "
        "a, b, c"
    ]


def test_a_label_that_an_invalid_cluster_may_have_is_left_to_that_cluster() -> None:
    """One mistake makes no second one."""
    clusters = {"hub": {**_HUB, "kubeconfig": 1, "network": "_"}, "one": {"sees": ["tier=hub"]}}
    assert [message.partition(":")[0] for message in _refused(clusters)] == ["clusters.hub.network"]


@pytest.mark.parametrize(
    ("exposure", "own"),
    [
        ({"clusterLocal": ["*.shop.svc.cluster.local"]}, {}),
        ({"namespaces": ["shop"], "clusterLocal": ["cart.shop.svc.cluster.local"]}, {}),
        ({"namespaces": ["shop"]}, {"exposure": {"clusterLocal": ["*.local"]}}),
    ],
)
def test_a_host_may_be_kept_inside_that_some_may_call(exposure: dict[str, Any], own: dict[str, Any]) -> None:
    """A part of what is exposed, or by one of the clusters alone."""
    assert stack_config({"a": own, "b": {}, "c": {}}, exposure=exposure)


def test_a_setting_of_the_users_own_beside_ours_is_right() -> None:
    """The same, and one for another host."""
    settings = [
        {"settings": {"clusterLocal": True}, "hosts": ["a.shop.svc.cluster.local"]},
        {"settings": {"clusterLocal": False}, "hosts": ["b.shop.svc.cluster.local"]},
    ]
    values = {"istiod": {"meshConfig": {"serviceSettings": settings}}}
    assert stack_config(
        {"a": {}}, istio={"values": values}, exposure={"clusterLocal": ["a.shop.svc.cluster.local"]}
    )


def test_an_address_that_nobody_uses_is_not_looked_at() -> None:
    """Of a cluster that nobody sees, peers do not read the API server."""
    local = {"apiServer": {"server": "https://127.0.0.1:6443"}}
    assert stack_config({"hub": {}, "edge": local}, sees=["hub"])
    assert "clusters.edge.apiServer.server" in _refused({"hub": {}, "edge": local})[0]
    with_kiali = {"sees": ["hub"], "kiali": {"cluster": "hub"}}
    assert "clusters.edge.apiServer.server" in _refused({"hub": {}, "edge": local}, **with_kiali)[0]
