"""Whether the program gets into the clusters, and peers into each other's API servers."""

from dataclasses import replace
from typing import Any

import pytest

from mesh.live.facts import CertificateFault, ObservedCluster, PeerAccess
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
        ({"certificate": CertificateFault.TIME}, "server", "a certificate that is valid"),
        (
            {"certificate": CertificateFault.AUTHORITY, "public": True},
            "certificateAuthority",
            "expected `public`",
        ),
        (
            {"certificate": CertificateFault.AUTHORITY},
            "certificateAuthority",
            "the CA of what answers there (",
        ),
        (
            {"certificate": CertificateFault.NAMES, "names": ("a", "b")},
            "tlsServerName",
            "certificate has: a, b",
        ),
        ({"certificate": CertificateFault.NAMES}, "tlsServerName", "a name that its certificate has ("),
    ],
)
def test_what_keeps_peers_out_is_refused_with_the_setting_that_lets_them_in(
    access: dict[str, Any], key: str, expected: str
) -> None:
    """By its path in the stack file."""
    [problem] = peer_problems(_CONFIG, {"east": PeerAccess(refused="why", **access)})
    assert problem.path == f"clusters.east.apiServer.{key}"
    assert problem.message.startswith("no peer would get in: why; expected ")
    assert expected in problem.message


def test_the_clusters_own_ca_is_not_that_of_a_front() -> None:
    """Where the stack file has another address and no CA."""
    east = replace(
        _CONFIG.clusters["east"],
        api_server=replace(_CONFIG.clusters["east"].api_server, certificate_authority=None),
    )
    found = {"east": PeerAccess(refused="why", certificate=CertificateFault.AUTHORITY)}
    [problem] = peer_problems(replace(_CONFIG, clusters={"east": east}), found)
    assert "it is not that of the cluster" in problem.message


def test_a_kubeconfig_for_peers_is_named_where_it_does_not_let_them_in() -> None:
    """Not the section that it replaces."""
    section = _CONFIG.reader.model_validate({"kubeconfig": "k"})
    east = replace(_CONFIG.clusters["east"], reader=section, settings=frozenset({"reader.kubeconfig"}))
    [problem] = peer_problems(replace(_CONFIG, clusters={"east": east}), {"east": PeerAccess(refused="why")})
    assert problem.path == "clusters.east.reader.kubeconfig"


def test_what_only_peers_reach_is_a_warning() -> None:
    """Nothing is wrong that is known."""
    found = {"east": PeerAccess(unreachable="timed out"), "west": PeerAccess()}
    assert list(peer_problems(_CONFIG, {"east": found["east"]})) == []
    [warning] = unchecked(found)
    assert "API server of east is not checked: timed out" in warning
