"""From a stack's values to its resolved configuration: where kubeconfigs are found."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from mesh.kubeconfig.read import default_files
from mesh.load import from_values, parse
from tests.builders.kubeconfigs import kubeconfig

EAST, WEST = (kubeconfig({name: f"https://{name}.example.com:6443"}) for name in ("east", "west"))
FILES = {"/a": EAST, "/b": WEST, "~/.kube/config": EAST}


def read(path: str) -> str:
    """The text of one of the files."""
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory", path)
    return FILES[path]


def connection(environment: Mapping[str, str], **cluster: Any) -> tuple[str, str]:
    """Path of the kubeconfig that a cluster is reached by, and URL of its API server."""
    raw = {"mesh": {"id": "dev"}, "clusters": {"one": cluster}}
    found = parse(raw, read=read, kubeconfigs=default_files(environment)).clusters["one"]
    return found.connection.path, found.api_server.server


def refused(environment: Mapping[str, str], **cluster: Any) -> str:
    """The one problem with that cluster."""
    with pytest.raises(ConfigurationError) as error:
        connection(environment, **cluster)
    (problem,) = error.value.problems
    return str(problem)


@pytest.mark.parametrize(
    ("environment", "files"),
    [
        ({}, ("~/.kube/config",)),
        ({"KUBECONFIG": ""}, ("~/.kube/config",)),
        ({"KUBECONFIG": "/a"}, ("/a",)),
        ({"KUBECONFIG": "/a::/b:/a"}, ("/a", "/b")),
    ],
)
def test_the_default_files_are_those_of_kubectl(environment: dict[str, str], files: tuple[str, ...]) -> None:
    """KUBECONFIG is a list of paths; empty entries, and files that it names twice, do not count."""
    assert default_files(environment) == files


def test_without_a_kubeconfig_the_context_is_looked_up_in_kubeconfig() -> None:
    """The file that has it is what the provider gets."""
    assert connection({}, context="east") == ("~/.kube/config", "https://east.example.com:6443")
    assert connection({"KUBECONFIG": "/b"}, context="west") == ("/b", "https://west.example.com:6443")
    assert connection({"KUBECONFIG": "/a:/b"}, context="west") == ("/b", "https://west.example.com:6443")


def test_a_file_in_kubeconfig_that_is_not_there_is_passed_over() -> None:
    """As by kubectl; but not where it is the only one."""
    assert connection({"KUBECONFIG": "/gone:/b"}, context="west")[0] == "/b"
    assert refused({"KUBECONFIG": "/gone"}, context="west") == (
        "clusters.one.kubeconfig: cannot read /gone: No such file or directory; expected a kubeconfig's "
        "path, for example ~/.kube/config"
    )


def test_a_cluster_with_a_kubeconfig_does_not_ask_the_environment() -> None:
    """What the stack file says is what holds."""
    assert connection({"KUBECONFIG": "/a"}, context="west", kubeconfig="/b")[0] == "/b"


def test_a_context_that_no_file_has_is_refused_with_those_that_there_are() -> None:
    """One line, at the setting that would name a file."""
    assert refused({"KUBECONFIG": "/a:/b"}, context="north") == (
        "clusters.one.kubeconfig: no file in KUBECONFIG has the context 'north'; expected one of: east, west"
    )


def test_a_stack_is_loaded_with_the_environment_of_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both the program and the commands beside it come this way."""
    (tmp_path / "config").write_text(WEST, encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/gone:{tmp_path}/config")
    values = {"p:mesh": '{"id": "dev"}', "p:clusters": '{"west": {"context": "west"}}'}
    config = from_values("p", values, is_secret=lambda key: key == "p:clusters")
    assert config.clusters["west"].connection.path == f"{tmp_path}/config"
    assert config.secret_sections == {"clusters"}
