"""From what is known of a mesh's arguments to its configuration, or to all that is wrong with them."""

from pathlib import Path
from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from mesh.config.resolved import StackConfig
from mesh.config.secrets import Path as Place
from mesh.package.inputs import Known
from mesh.package.settings import loaded
from tests.builders.kubeconfigs import kubeconfig

EAST = kubeconfig({"admin": "https://east.example.com:6443"}, current="admin")
WEST = kubeconfig({"a": "https://a.example.com:6443", "b": "https://b.example.com:6443"})


def known(
    clusters: dict[str, dict[str, Any]], *unknown: Place, secret: tuple[Place, ...] = (), **sections: Any
) -> Known:
    """What is known of arguments with these clusters."""
    values = {"mesh": {"id": "dev"}, "clusters": clusters, **sections}
    return Known(values=values, secret=frozenset(secret), unknown=frozenset(unknown))


def config(*args: Any, **kwargs: Any) -> StackConfig:
    """The configuration, which is valid."""
    return loaded(known(*args, **kwargs)).valid()


def refused(*args: Any, **kwargs: Any) -> list[str]:
    """All problems."""
    with pytest.raises(ConfigurationError) as error:
        loaded(known(*args, **kwargs)).valid()
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize("key", ["kubeconfig", "kubeconfigContents"])
def test_contents_of_a_kubeconfig_are_taken_under_both_keys(key: str) -> None:
    """Their current context is the default; what they have is secret, whatever the user says."""
    found = config({"east": {key: EAST}})
    connection = found.clusters["east"].connection
    assert (connection.contents, connection.context) == (EAST, "admin")
    assert found.clusters["east"].api_server.server == "https://east.example.com:6443"
    assert ("clusters", "east", "kubeconfigContents") in found.secrets.paths
    assert found.secrets.masked(f"it is {EAST.strip()}") == "it is [secret]"


def test_a_context_that_is_given_is_used() -> None:
    """A kubeconfig may have several, and none of them current."""
    found = config({"one": {"kubeconfig": WEST, "context": "b"}})
    assert found.clusters["one"].api_server.server == "https://b.example.com:6443"


def test_a_kubeconfig_in_json_is_contents_too() -> None:
    """Some providers give it so, in one line."""
    text = (
        '{"current-context": "c", '
        '"clusters": [{"name": "c", "cluster": {"server": "https://c.example.com"}}], '
        '"contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}], '
        '"users": [{"name": "c", "user": {"token": "t0ken"}}]}'
    )
    assert config({"one": {"kubeconfig": text}}).clusters["one"].api_server.server == "https://c.example.com"


def test_a_path_is_read_as_for_a_stack_file(tmp_path: Path) -> None:
    """And then no credential enters the state."""
    file = tmp_path / "kubeconfig"
    file.write_text(EAST, encoding="utf-8")
    connection = config({"east": {"kubeconfig": str(file), "context": "admin"}}).clusters["east"].connection
    assert (connection.path, connection.contents) == (str(file), None)


def test_a_kubeconfig_that_is_not_known_yet_is_awaited() -> None:
    """All else is decided, and rules that need no address are held."""
    unknown = ("clusters", "east", "kubeconfig")
    found = config({"east": {"kubeconfig": None}, "west": {"kubeconfig": EAST}}, unknown)
    assert found.awaited == ("east",)
    assert found.clusters["east"].api_server.server == ""
    (problem,) = refused(
        {"east": {"kubeconfig": None, "controlPlane": "nobody"}, "west": {"kubeconfig": EAST}}, unknown
    )
    assert problem.startswith("clusters.east.controlPlane: there is no cluster 'nobody'")


def test_two_clusters_that_are_not_known_yet_are_not_taken_for_one() -> None:
    """Neither by their context nor by the address of their API server."""
    unknown = (("clusters", "east", "kubeconfig"), ("clusters", "west", "kubeconfig"))
    found = config({"east": {"kubeconfig": None}, "west": {"kubeconfig": None}}, *unknown)
    assert found.awaited == ("east", "west")


def test_what_else_is_not_known_yet_is_refused_by_its_path() -> None:
    """What is declared would depend on it."""
    (problem,) = refused({"east": {"kubeconfig": EAST, "network": None}}, ("clusters", "east", "network"))
    assert problem.startswith("clusters.east.network: is an output that only the update will know")


def test_problems_have_the_key_under_which_a_kubeconfig_was_given() -> None:
    """And say nothing of what is in it."""
    (problem,) = refused({"east": {"kubeconfig": "a: b\nsecret: t0ps3cret\n", "context": "east"}})
    assert problem.startswith("clusters.east.kubeconfig: the kubeconfig has no context 'east'")
    (problem,) = refused({"east": {"kubeconfigContents": "a: b\n", "context": "east"}})
    assert problem.startswith("clusters.east.kubeconfigContents: ")


def test_a_context_is_required_where_none_is_current() -> None:
    """As in a stack file."""
    (problem,) = refused({"one": {"kubeconfig": WEST}})
    assert problem == "clusters.one.context: is required, for example east"


def test_secrets_are_kept_by_the_path_of_each() -> None:
    """What stands beside one is none."""
    found = config(
        {
            "east": {"kubeconfig": EAST, "network": "net-t0ps3cret"},
            "west": {"kubeconfig": EAST.replace("east", "w")},
        },
        secret=(("clusters", "east", "network"),),
    )
    assert ("clusters", "east", "network") in found.secrets.paths
    assert found.secrets.shown_in("net-t0ps3cret")
    assert not found.secrets.shown_in("west")


def test_a_private_key_that_is_no_secret_is_refused() -> None:
    """By the same rule as in a stack file."""
    problems = refused({"east": {"kubeconfig": EAST}}, trust={"root": {"privateKey": "-----BEGIN"}})
    assert any(p.startswith("trust.root.privateKey: is in the stack file in plain text") for p in problems)


@pytest.mark.parametrize("clusters", [None, [], "east"])
def test_clusters_that_are_no_map_are_refused(clusters: Any) -> None:
    """With an example, and no traceback."""
    problems = refused(clusters)
    assert problems[0].startswith("clusters: expected a map with at least one cluster")


@pytest.mark.parametrize("unknown", [(), (("clusters", "east", "kubeconfig"),)])
def test_a_kubeconfig_under_both_keys_is_refused(unknown: tuple[Place, ...]) -> None:
    """Nobody would know which one is used."""
    path = None if unknown else EAST
    problems = refused(
        {"east": {"kubeconfig": path, "kubeconfigContents": EAST, "context": "admin"}}, *unknown
    )
    if not unknown:
        assert "clusters.east.kubeconfig: expected either kubeconfig or kubeconfigContents" in problems[0]
    assert all(problem.startswith("clusters.east.kubeconfig: ") for problem in problems)
    assert EAST not in "".join(problems)


def test_clusters_that_are_one_unknown_output_are_refused_by_their_path() -> None:
    """Which clusters there are, must be known."""
    problems = [
        str(p)
        for p in loaded(
            Known(
                values={"mesh": {"id": "dev"}, "clusters": None},
                secret=frozenset(),
                unknown=frozenset({("clusters",)}),
            )
        ).problems
    ]
    assert problems[0].startswith("clusters: is an output that only the update will know")


def test_a_path_that_is_secret_stays_so() -> None:
    """Even though paths are none by themselves."""
    secret = ("clusters", "east", "kubeconfig")
    found = loaded(known({"east": {"kubeconfig": "/secret/place", "context": "east"}}, secret=(secret,)))
    assert found.config.secrets.paths == {secret}
    (problem,) = found.problems
    assert "/secret/place" not in str(problem)


@pytest.mark.parametrize("entry", [None, "east", ["east"]])
def test_an_entry_that_is_no_map_is_refused(entry: Any) -> None:
    """As in a stack file."""
    (problem,) = refused({"east": entry})
    assert problem == "clusters.east: expected a map, for example {context: east}"
