"""What is read of a user's kubeconfig."""

import pytest
import yaml

from mesh.kubeconfig.read import Endpoint, choose_file, endpoint, relative_paths
from tests.builders.kubeconfigs import kubeconfig

_TEXT = """
clusters:
- {name: c, cluster: {server: "https://10.0.0.1:6443", tls-server-name: api.internal}}
contexts:
- {name: east, context: {cluster: c, user: u}}
- {name: lost, context: {cluster: nowhere, user: u}}
users:
- {name: u, user: {token: very-secret}}
"""


def test_endpoint_of_a_context() -> None:
    """URL and the name in the server's certificate."""
    assert endpoint(_TEXT, "east") == Endpoint(server="https://10.0.0.1:6443", tls_server_name="api.internal")


@pytest.mark.parametrize(
    ("text", "context", "words"),
    [
        (_TEXT, "west", ["no context 'west'", "east, lost"]),
        (_TEXT, "lost", ["'lost'", "'nowhere'", "no server"]),
        ("[1, 2]", "east", ["expected a kubeconfig"]),
        ("a: b: c", "east", ["not valid YAML"]),
        ("contexts: {east: 1}", "east", ["a list of contexts"]),
        ("", "east", ["expected a kubeconfig"]),
    ],
)
def test_unusable_kubeconfigs_are_named_without_their_contents(
    text: str, context: str, words: list[str]
) -> None:
    """The reason is in the message, credentials are not."""
    with pytest.raises(ValueError, match=r".") as refused:
        endpoint(text, context)
    message = str(refused.value)
    assert all(word in message for word in words), message
    assert "very-secret" not in message


EAST, WEST = (kubeconfig({name: f"https://{name}.example.com:6443"}) for name in ("east", "west"))


def test_the_file_with_the_context_is_chosen() -> None:
    """Whichever place it has in KUBECONFIG; an empty file is one without contexts."""
    assert choose_file({"/empty": "", "/a": EAST, "/b": WEST}, "west") == "/b"


def test_the_first_file_with_a_context_wins() -> None:
    """As for kubectl."""
    other = kubeconfig({"west": "https://other.example.com:6443"})
    assert choose_file({"/a": WEST, "/b": other}, "west") == "/a"


def test_a_context_that_no_file_has_is_named_with_those_that_there_are() -> None:
    """Over all files."""
    with pytest.raises(ValueError, match=r"no file in KUBECONFIG has the context 'north'.*: east, west"):
        choose_file({"/a": EAST, "/b": WEST}, "north")


@pytest.mark.parametrize("kind", ["cluster", "user"])
def test_a_context_that_kubectl_puts_together_from_two_files_is_refused(kind: str) -> None:
    """The provider is given one file, and would go elsewhere than kubectl, or nowhere."""
    first = yaml.safe_load(EAST)
    first[f"{kind}s"][0]["name"] = "west"
    with pytest.raises(ValueError, match=rf"its {kind} 'west' in /a; expected both in one file"):
        choose_file({"/a": yaml.safe_dump(first), "/b": WEST}, "west")


def test_a_file_that_is_not_a_kubeconfig_is_named() -> None:
    """Several are in KUBECONFIG, and one is meant."""
    with pytest.raises(ValueError, match=r"^/b in KUBECONFIG: the kubeconfig is not valid YAML$"):
        choose_file({"/a": EAST, "/b": "{"}, "east")


def test_files_that_are_not_there_are_not_a_kubeconfig() -> None:
    """What is expected is said."""
    with pytest.raises(ValueError, match=r"none of the files in KUBECONFIG exists"):
        choose_file({}, "east")


@pytest.mark.parametrize(
    ("cluster", "user", "found"),
    [
        ({}, None, ()),
        ({"certificate-authority": "/pki/ca.pem"}, {"client-key": "/pki/key"}, ()),
        ({"certificate-authority": "ca.pem"}, None, ("certificate-authority: ca.pem",)),
        ({"certificate-authority": "../pki/ca.pem"}, None, ("certificate-authority: ../pki/ca.pem",)),
        ({"certificate-authority": "~/ca.pem"}, None, ("certificate-authority: ~/ca.pem",)),
        ({"certificate-authority": "ca.pem", "certificate-authority-data": "Q0E="}, None, ()),
        (
            {},
            {"client-certificate": "c.pem", "client-key": "k.pem"},
            ("client-certificate: c.pem", "client-key: k.pem"),
        ),
        ({}, {"tokenFile": "token"}, ("tokenFile: token",)),
        ({}, {"exec": {"command": "./login"}}, ("exec.command: ./login",)),
        ({}, {"exec": {"command": "bin/login"}}, ("exec.command: bin/login",)),
        ({}, {"exec": {"command": "login"}}, ()),
        ({}, {"exec": {"command": "/bin/login"}}, ()),
    ],
)
def test_paths_that_depend_on_where_they_are_read_are_found(
    cluster: dict[str, str], user: dict[str, str] | None, found: tuple[str, ...]
) -> None:
    """A command without a slash is looked up on the PATH, wherever the kubeconfig is."""
    text = kubeconfig({"east": "https://10.0.0.1:6443"}, cluster=cluster, user=user)
    assert relative_paths(text, "east") == found
    assert relative_paths(kubeconfig({"east": "https://10.0.0.1:6443"}), "east") == ()
