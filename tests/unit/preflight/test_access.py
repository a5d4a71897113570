"""Whether the program gets into the clusters, and peers into each other's API servers."""

from dataclasses import replace
from typing import Any

import pytest

from mesh.config.resolved import PeersKubeconfig
from mesh.live.facts import AccessFault, ObservedCluster, PeerAccess, Way
from mesh.preflight.access import peer_problems, problems, unchecked
from tests.builders.stacks import stack_config

_CONFIG = stack_config({"east": {}})


def test_an_answer_that_refuses_stops_an_update_and_no_answer_does_not() -> None:
    """A cluster that is away is left to the provider, which skips it or fails there alone."""
    clusters = {
        "east": ObservedCluster(),
        "west": ObservedCluster(unreachable="timed out"),
        "north": ObservedCluster(refused="HTTP 401"),
    }
    assert [str(problem) for problem in problems(clusters)] == ["clusters.north: HTTP 401"]


@pytest.mark.parametrize(
    ("access", "key", "expected"),
    [
        ({}, "server", "a certificate that is valid"),
        ({"fault": AccessFault.TIME}, "server", "a certificate that is valid"),
        (
            {"fault": AccessFault.AUTHORITY, "public": True},
            "certificateAuthority",
            "expected `public`",
        ),
        (
            {"fault": AccessFault.AUTHORITY},
            "certificateAuthority",
            "the CA of what answers there (",
        ),
        (
            {"fault": AccessFault.NAMES, "names": ("a", "b")},
            "tlsServerName",
            "certificate has: a, b",
        ),
        ({"fault": AccessFault.NAMES}, "tlsServerName", "a name that its certificate has ("),
        ({"fault": AccessFault.CLIENT}, "clientCertificate", "with its key, that what answers there takes ("),
        ({"fault": AccessFault.PROXY}, "proxyUrl", "a proxy that connects to it ("),
    ],
)
def test_what_keeps_peers_out_is_refused_with_the_setting_that_lets_them_in(
    access: dict[str, Any], key: str, expected: str
) -> None:
    """By its path in the stack file."""
    [problem] = peer_problems(_CONFIG, {Way(cluster="east"): PeerAccess(refused="why", **access)})
    assert problem.path == f"clusters.east.apiServer.{key}"
    assert problem.message.startswith("no peer would get in: why; expected ")
    assert expected in problem.message


def test_the_clusters_own_ca_is_not_that_of_a_front() -> None:
    """Where the stack file has another address and no CA."""
    east = replace(
        _CONFIG.clusters["east"],
        api_server=replace(_CONFIG.clusters["east"].api_server, certificate_authority=None),
    )
    found = {Way(cluster="east"): PeerAccess(refused="why", fault=AccessFault.AUTHORITY)}
    [problem] = peer_problems(replace(_CONFIG, clusters={"east": east}), found)
    assert "it is not that of the cluster" in problem.message


def test_a_kubeconfig_for_peers_is_named_where_it_does_not_let_them_in() -> None:
    """Not the section that it replaces."""
    given = PeersKubeconfig(text="k")
    east = replace(_CONFIG.clusters["east"], kubeconfig=given, settings=frozenset({"reader.kubeconfig"}))
    [problem] = peer_problems(
        replace(_CONFIG, clusters={"east": east}), {Way(cluster="east"): PeerAccess(refused="why")}
    )
    assert problem.path == "clusters.east.reader.kubeconfig"


def test_a_single_reader_that_would_not_get_in_is_named_with_its_own_setting() -> None:
    """The others do, by what is set for all."""
    config = stack_config(
        {"east": {}, "west": {"apiServer": {"from": {"east": {"server": "https://10.0.0.10:6443"}}}}}
    )
    found = {
        Way(cluster="west"): PeerAccess(),
        Way(cluster="west", reader="east"): PeerAccess(refused="why", fault=AccessFault.NAMES),
    }
    [problem] = peer_problems(config, found)
    assert problem.path == "clusters.west.apiServer.from.east.tlsServerName"
    assert problem.message.startswith("east would not get in: why; expected a name")
    away = {Way(cluster="west", reader="east"): PeerAccess(unreachable="timed out")}
    [warning] = unchecked(away)
    assert warning.startswith("whether east gets into the API server of west is not checked: timed out")


def test_what_only_peers_reach_is_a_warning() -> None:
    """Nothing is wrong that is known."""
    found = {Way(cluster="east"): PeerAccess(unreachable="timed out"), Way(cluster="west"): PeerAccess()}
    assert list(peer_problems(_CONFIG, {Way(cluster="east"): found[Way(cluster="east")]})) == []
    [warning] = unchecked(found)
    assert "API server of east is not checked: timed out" in warning
