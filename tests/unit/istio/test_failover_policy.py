"""What a DestinationRule and a VirtualService say, so that a service outlives a cluster."""

from itertools import pairwise
from typing import Any

import pytest

from mesh.config.sections.failover import FailoverSection
from mesh.config.types import Preference
from mesh.istio.failover_policy import answer_seconds, connect_seconds, destination_rule, virtual_service

_HOST = "checkout.shop.svc.cluster.local"
_NEAREST_FIRST = ["topology.istio.io/network", "topology.istio.io/cluster"]


def _section(**settings: Any) -> FailoverSection:
    return FailoverSection.model_validate({"hosts": [_HOST], "withinSeconds": 10, **settings})


def _policy(version: str = "1.31.0", **settings: Any) -> dict[str, Any]:
    return destination_rule(_HOST, _section(**settings), version)["trafficPolicy"]


def _retries(**settings: Any) -> dict[str, Any]:
    (route,) = virtual_service(_HOST, _section(**settings))["http"]
    assert route["route"] == [{"destination": {"host": _HOST}}]
    return route["retries"]


def test_both_are_for_the_host_and_for_clients_of_all_namespaces() -> None:
    """They are in another namespace than these."""
    section = _section()
    rule, route = destination_rule(_HOST, section, "1.31.0"), virtual_service(_HOST, section)
    assert (rule["host"], rule["exportTo"]) == (_HOST, ["*"])
    assert (route["hosts"], route["exportTo"]) == ([_HOST], ["*"])
    assert "gateways" not in route, "only the proxies of workloads have a default for it"


def test_times_follow_from_the_one_that_is_promised() -> None:
    """The connection, the answer, and how long an endpoint stays out at first."""
    policy = _policy()
    assert policy["connectionPool"]["tcp"]["connectTimeout"] == "2s"
    assert _retries()["perTryTimeout"] == "2.5s"
    assert policy["outlierDetection"]["baseEjectionTime"] == "10s"
    assert _retries(withinSeconds=5)["perTryTimeout"] == "1.25s"


@pytest.mark.parametrize("seconds", [5, 6, 7, 11, 60, 600])
def test_the_promise_is_kept_by_the_sum_of_the_times(seconds: int) -> None:
    """Whichever way an endpoint is found to be gone."""
    section = _section(withinSeconds=seconds)
    assert connect_seconds(section) >= 1, "a lost packet is sent again after a second (RFC 6298)"
    assert connect_seconds(section) < answer_seconds(section), "else nobody knows that it was not handled"
    policy, retries = destination_rule(_HOST, section, "1.31.0")["trafficPolicy"], _retries()
    errors = policy["outlierDetection"]["consecutiveGatewayErrors"]
    assert (errors + 1) * answer_seconds(section) <= seconds, "the last call that began before"
    assert (retries["attempts"] + 1) * answer_seconds(section) <= seconds, "a call with all its repetitions"
    probes = policy["connectionPool"]["tcp"]["tcpKeepalive"]
    idle, interval = (int(probes[key].removesuffix("s")) for key in ("time", "interval"))
    assert interval >= 1, "the kernel counts seconds"
    assert idle + probes["probes"] * interval <= seconds, "connections on which nothing is sent"
    pings = policy["connectionPool"]["http"]["http2KeepAlive"]
    assert sum(int(pings[key].removesuffix("s")) for key in ("interval", "timeout")) <= seconds


def test_an_endpoint_is_out_by_errors_that_say_that_it_is_not_there() -> None:
    """And not by what a service answers itself; and all that are out are tried, before none is."""
    detection = _policy()["outlierDetection"]
    assert (detection["consecutiveGatewayErrors"], detection["consecutive5xxErrors"]) == (3, 0)
    assert (detection["maxEjectionPercent"], detection["minHealthPercent"]) == (100, 1)


@pytest.mark.parametrize(("version", "has"), [("1.30.9", False), ("1.31.0", True), ("1.32.1-rc.0", True)])
def test_pings_are_for_versions_that_know_them(version: str, *, has: bool) -> None:
    """Others have no such field, and would refuse it or drop it."""
    assert ("http" in _policy(version)["connectionPool"]) is has


def test_near_endpoints_come_first_in_the_order_that_is_asked_for() -> None:
    """By locality, too, for regions; istiod takes the zone into account unless it is told not to."""
    orders = {p: _policy(prefer=p)["loadBalancer"]["localityLbSetting"] for p in Preference}
    assert orders[Preference.NONE] == {"enabled": False}
    assert orders[Preference.NETWORK] == {"enabled": True, "failoverPriority": _NEAREST_FIRST}
    by_region = orders[Preference.REGION]
    assert by_region["failoverPriority"] == _NEAREST_FIRST
    (unused,) = by_region["failover"]
    assert unused["from"] != unused["to"], "istiod's webhook refuses it"


def test_only_calls_that_nobody_has_handled_are_made_again_by_default() -> None:
    """What was sent and has no answer may have been."""
    unhandled = set(_retries()["retryOn"].split(","))
    assert unhandled == {"connect-failure", "refused-stream", "reset-before-request", "unavailable", "503"}
    assert set(_retries(idempotent=True)["retryOn"].split(",")) - unhandled == {"reset", "gateway-error"}


@pytest.mark.parametrize(("prefer", "leaves"), [("none", None), ("network", True), ("region", True)])
def test_a_call_is_made_again_farther_away_where_there_is_an_order(
    prefer: str, *, leaves: bool | None
) -> None:
    """Else all near ones would be tried before."""
    assert _retries(prefer=prefer).get("retryRemoteLocalities") is leaves


def test_a_longer_time_makes_everything_slower() -> None:
    """Nothing of it has a limit of its own."""
    times = [_section(withinSeconds=seconds) for seconds in (5, 10, 60)]
    for shorter, longer in pairwise(times):
        assert connect_seconds(shorter) < connect_seconds(longer)
        assert answer_seconds(shorter) < answer_seconds(longer)
