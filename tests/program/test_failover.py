"""What the program registers, and refuses, for services that outlive a cluster."""

import functools
import json
from typing import Any

import pulumi
import pytest

from mesh.istio.addresses import Node
from mesh.live import gateways, traffic_rules
from mesh.live.facts import TrafficRule, TrafficRules
from tests.builders.stack_files import decrypted
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, Recording, run_config

_RULE = "kubernetes:networking.istio.io/v1:DestinationRule"
_ROUTE = "kubernetes:networking.istio.io/v1:VirtualService"
_EXAMPLE = PROJECT / "examples" / "failover.yaml"
_CHECKOUT, _SEARCH = (f"{name}.shop.svc.cluster.local" for name in ("checkout", "search"))


def _run(**sections: Any) -> Recording:
    """Run the example with other sections in place of its own; None takes one out."""
    values = {**decrypted(_EXAMPLE), **{f"istio-mesh:{name}": value for name, value in sections.items()}}
    write_kubeconfigs(values["istio-mesh:clusters"])
    return run_config({key: json.dumps(value) for key, value in values.items() if value is not None})


@functools.cache
def _example() -> Recording:
    return _run()


@pytest.mark.parametrize("cluster", ["east", "west", "north"])
def test_every_cluster_has_both_objects_of_each_host_in_istios_namespace(cluster: str) -> None:
    """They are read where the client is, and the service may have no namespace there."""
    for host, connect, answer in ((_CHECKOUT, "2s", "2.5s"), (_SEARCH, "1s", "1.25s")):
        rule = _example().one(_RULE, f"{cluster}-failover-{host}-destination-rule")
        route = _example().one(_ROUTE, f"{cluster}-failover-{host}-virtual-service")
        for found in (rule, route):
            metadata = found.inputs["metadata"]
            assert (metadata["namespace"], metadata["name"]) == ("istio-system", f"failover-{host}")
            assert f"{cluster}-istiod" in _example().before(found), "its webhook would not answer"
        assert rule.inputs["spec"]["trafficPolicy"]["connectionPool"]["tcp"]["connectTimeout"] == connect
        assert route.inputs["spec"]["http"][0]["retries"]["perTryTimeout"] == answer


def test_what_is_promised_is_an_output() -> None:
    """With the clusters whose clients have it; and there is none where nothing is promised."""
    clients = ["east", "west", "north"]
    assert _example().outputs["failover"][_SEARCH] == {
        "withinSeconds": 5,
        "prefer": "region",
        "clients": clients,
    }
    assert set(_example().outputs["failover"]) == {_CHECKOUT, _SEARCH, "catalogue.shop.svc.cluster.local"}
    assert "failover" not in _run(failover=None).outputs


def test_without_the_setting_nothing_is_made() -> None:
    """Nor is anything else another."""
    without, names = _run(failover=None), {r.urn for r in _example().resources}
    more = names - {r.urn for r in without.resources}
    assert {r.urn for r in without.resources} < names
    assert all("-failover-" in urn for urn in more)


def test_a_remote_and_its_primary_have_them_once() -> None:
    """In the primary, whose istiod leads the proxies of both."""
    clusters = {"east": {"context": "east"}, "far": {"context": "far", "controlPlane": "east"}}
    recording = _run(clusters=clusters)
    assert {r.name.partition("-")[0] for r in recording.of_type(_RULE)} == {"east"}
    assert recording.outputs["failover"][_CHECKOUT]["clients"] == ["east", "far"]


def test_a_rule_of_a_user_for_the_same_host_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is registered, with its name."""
    rule = TrafficRule(kind="VirtualService", namespace="shop", name="canary", hosts=(_CHECKOUT,))
    monkeypatch.setattr(traffic_rules, "read_traffic_rules", lambda _: TrafficRules(rules=(rule,)))
    with pytest.raises(pulumi.RunError, match="nothing was changed") as refused:
        _run()
    assert "istio-mesh:failover.0.hosts.0: " in str(refused.value)
    assert "north has VirtualService shop/canary" in str(refused.value)


def test_nodes_without_a_region_get_a_warning_where_the_order_goes_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And their addresses count no more than before."""
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message, *_args, **_kwargs: said.append(message))
    monkeypatch.setattr(gateways, "read_nodes_of", lambda _: (Node(),))
    _run()
    assert sum("have no label topology.kubernetes.io/region" in text for text in said) == 3
    said.clear()
    _run(failover=[{"hosts": [_CHECKOUT], "withinSeconds": 10}])
    assert not [text for text in said if "region" in text]
