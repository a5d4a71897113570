"""Which values are secrets, and what shows one of them."""

from typing import Any

import pytest

from mesh.config.secrets import Secrets, dotted, find, plain

SECURE = {"secure": "v1:cipher"}
VALUES = {
    "istio": {"version": "1.31.0", "values": {"istiod": {"env": {"TOKEN": "hunter2", "LOG": "info"}}}},
    "exposure": {"hosts": ["*.local", "internal.example.com"]},
    "mesh": {"id": "dev"},
}


def written(**sections: Any) -> dict[str, Any]:
    """The stack file with these sections as they are written, and the others in plain text."""
    return {**VALUES, **sections}


def test_a_secret_is_the_value_that_is_encrypted_in_the_stack_file() -> None:
    """Its neighbours are not, also in a list."""
    env = {"TOKEN": SECURE, "LOG": "info"}
    istio = {"version": "1.31.0", "values": {"istiod": {"env": env}}}
    file = written(istio=istio, exposure={"hosts": ["*.local", SECURE]})
    found = find(VALUES, {"istio", "exposure"}, file)
    assert found.paths == {("istio", "values", "istiod", "env", "TOKEN"), ("exposure", "hosts", 1)}
    assert found.texts == {"hunter2", "internal.example.com"}
    assert ("istio", "version") in dict(plain(VALUES, found))
    assert ("exposure", "hosts", 1) not in dict(plain(VALUES, found))


def test_a_section_that_is_encrypted_as_a_whole_is_secret_as_a_whole() -> None:
    """As `pulumi config set --secret exposure '{…}'` writes it."""
    found = find(VALUES, {"exposure"}, written(exposure=SECURE))
    assert found.paths == {("exposure",)}
    assert found.texts == {"*.local", "internal.example.com"}


@pytest.mark.parametrize(
    "file",
    [
        {},
        {"exposure": {"hosts": [SECURE]}},
        {"exposure": {"hosts": ["*.other", SECURE]}},
        {"exposure": {"hosts": ["*.local", "internal.example.com"]}},
        {"exposure": {"hosts": ["*.local", SECURE], "more": 1}},
        {"exposure": {"hosts": {"0": SECURE}}},
        {"exposure": [SECURE]},
    ],
    ids=["no file", "shorter", "other value", "nothing secure", "more keys", "a map", "a list"],
)
def test_what_the_stack_file_does_not_account_for_is_secret_as_a_whole(file: dict[str, Any]) -> None:
    """The values come from an environment of Pulumi's, or from another file."""
    assert find(VALUES, {"exposure"}, file).paths == {("exposure",)}


def test_what_stands_in_plain_text_too_is_not_looked_for() -> None:
    """It is shown anyway: as another value, or as the name of a cluster."""
    values = {"clusters": {"east": {"context": "east", "network": "dev"}}, "mesh": {"id": "dev"}}
    file = {"clusters": {"east": {"context": SECURE, "network": SECURE}}}
    found = find(values, {"clusters"}, file)
    assert len(found.paths) == 2
    assert found.texts == set()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("hunter2", True),
        ("https://hunter2@host", True),
        ("hunter22", False),
        ({"a": ["x", {"b": "hunter2"}]}, True),
        ({"hunter2": 1}, True),
        (["x", 7, True, None], False),
        (1234, True),
        (12345, False),
    ],
)
def test_a_secret_is_found_wherever_it_is_shown(value: object, *, shown: bool) -> None:
    """As a word of its own, at any depth, as a number too."""
    secrets = Secrets(texts=frozenset({"hunter2", "1234"}))
    assert secrets.shown_in(value) is shown
    assert not Secrets().shown_in(value)


def test_a_message_is_masked() -> None:
    """The longest text first, so that none is left in part."""
    secrets = Secrets(texts=frozenset({"net", "net-east"}))
    assert secrets.masked("'net-east' is no internet; net") == "'[secret]' is no internet; [secret]"
    assert Secrets().masked("as it is") == "as it is"


def test_a_path_is_written_as_pulumi_takes_it() -> None:
    """Keys with dots are quoted."""
    assert dotted(("a", "b-c", 0, "example.com/x", "d")) == 'a.b-c[0]["example.com/x"].d'


def test_secrets_below_a_path() -> None:
    """From there on; nothing is left where all of it is secret."""
    secrets = Secrets(paths=frozenset({("istio", "values", "istiod", "env"), ("reader",)}))
    assert secrets.below("istio", "values", "istiod") == {("env",)}
    assert secrets.below("istio", "values", "gateway") == set()
    assert secrets.below("reader", "role") == {()}
