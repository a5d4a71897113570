"""Readers: rotation of their tokens, their rights, and kubeconfigs of the user's own."""

from collections.abc import Mapping
from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from mesh.istio.values import istiod
from mesh.load import load
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.stacks import stack_config


def problems(
    east: Mapping[str, Any], west: Mapping[str, Any], secret: set[str], **sections: Any
) -> list[str]:
    """What is wrong with a stack of two clusters; `secret` are the sections that hold secrets for Pulumi."""
    servers = {name: f"https://{name}.example.com:6443" for name in ("east", "west")}
    clusters = {"east": {"context": "east", **east}, "west": {"context": "west", **west}}
    raw = {"mesh": {"id": "dev"}, **sections, "clusters": clusters}
    try:
        load(raw, read=lambda _: kubeconfig(servers), secret=secret).valid()
    except ConfigurationError as wrong:
        return [str(problem) for problem in wrong.problems]
    return []


@pytest.mark.parametrize("version", ["1.30.0", "1.30.3"])
def test_tokens_are_not_rotated_under_an_istiod_that_may_miss_it(version: str) -> None:
    """The peer's version counts: it is the peer that takes the changed remote secret over."""
    rotating = {"reader": {"tokenGenerations": [1, 2]}}
    (line,) = problems(rotating, {"istio": {"version": version}}, set())
    assert line.startswith("clusters.east.reader.tokenGenerations: [1, 2] changes the remote secrets of east")
    assert "https://github.com/istio/istio/issues/61043" in line
    assert line.endswith("upgrade it first, for example to 1.30.4")
    assert problems({**rotating, "istio": {"version": version}}, {}, set()) == []


def test_tokens_are_rotated_under_an_istiod_that_does_not_have_them() -> None:
    """It sees another cluster."""
    rotating = {"reader": {"tokenGenerations": [1, 2]}}
    assert problems(rotating, {"istio": {"version": "1.30.0"}, "sees": []}, set()) == []


def test_tokens_are_rotated_once_istiod_takes_the_change() -> None:
    """Though with 1.29 after a gap, of which there is a warning."""
    rotating = {"reader": {"tokenGenerations": [1, 2]}}
    for version in ("1.29.8", "1.30.4", "1.31.0"):
        assert problems(rotating, {"istio": {"version": version}}, set()) == []


def test_the_minimal_role_reads_no_secrets_and_istiod_does_not_wait_for_them() -> None:
    """The chart's role is off, and so is what would need it."""
    config = stack_config({"east": {}}, reader={"role": "minimal"}, istio={"version": "1.31.1"})
    values = istiod(config.clusters["east"], config.mesh)
    assert values["global"]["enableReaderRBAC"] is False
    assert values["env"]["PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER"] == "false"
    assert values["env"]["ISTIO_MULTIROOT_MESH"] == "true"


def test_the_minimal_role_is_refused_where_istio_insists_on_secrets() -> None:
    """Before 1.31 it cannot be turned off, in 1.31.0 it crashes; and one cluster alone cannot have it."""
    all_but_west = {"reader": {"role": "minimal"}, "istio": {"version": "1.31.1"}}
    for version in ("1.30.3", "1.31.0"):
        (line,) = problems({}, {"istio": {"version": version}}, set(), **all_but_west)
        assert line.startswith("reader.role: 'minimal' needs Istio 1.31.1 or later")
        assert f"west has {version}" in line
    (line,) = problems({"reader": {"role": "minimal"}}, {}, set())
    assert line.startswith("clusters.east.reader.role: 'minimal' here and 'chart' for all")


def test_a_kubeconfig_with_a_token_is_taken_as_a_secret_only() -> None:
    """In plain text in the stack file it is refused, and its contents are not repeated."""
    east = {
        "reader": {
            "kubeconfig": kubeconfig(
                {"east": "https://east.example.com:6443"}, current="east", user={"token": "short-lived"}
            )
        }
    }
    assert problems(east, {}, {"clusters"}) == []
    (line,) = problems(east, {}, set())
    assert line.startswith("clusters.east.reader.kubeconfig: is in the stack file in plain text")
    assert "short-lived" not in line


def test_a_kubeconfig_for_peers_leads_to_an_address_that_they_can_reach() -> None:
    """Through a tunnel on this machine, each peer would ask itself."""
    given = kubeconfig({"east": "https://127.0.0.1:6443"}, current="east")
    (line,) = problems({"reader": {"kubeconfig": given}}, {}, {"clusters"})
    assert line.startswith("clusters.east.reader.kubeconfig: its server https://127.0.0.1:6443 leads each")


def test_a_private_key_in_plain_text_is_refused() -> None:
    """The message says how to set it, and does not repeat it."""
    lines = problems({}, {}, set(), trust={"root": {"privateKey": "hidden"}})
    assert any(line.startswith("trust.root.privateKey: is in the stack file") for line in lines)
    assert not any("hidden" in line for line in lines)
