"""From a stack's values to its resolved configuration: where kubeconfigs are found."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from mesh.config.types import PUBLIC
from mesh.kubeconfig.read import default_files
from mesh.load import load, load_values
from tests.builders.certificates import authority
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
    found = load(raw, read=read, kubeconfigs=default_files(environment)).valid().clusters["one"]
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
    config = load_values("p", values, stack="dev", is_secret=lambda key: key == "p:clusters").valid()
    assert config.clusters["west"].connection.path == f"{tmp_path}/config"
    assert config.secrets.paths == {("clusters",)}


CA, OTHER = authority("ca").pem, authority("other").pem


def authority_for_peers(cluster: Mapping[str, Any], **peers: Any) -> str | None:
    """The CA that peers get, for what the kubeconfig's cluster and the section `apiServer` have."""
    text = kubeconfig({"one": "https://one.example.com"}, cluster=cluster)
    raw = {"mesh": {"id": "dev"}, "clusters": {"one": {"context": "one", "apiServer": peers}}}
    files = {"~/.kube/config": text, "/pki/ca.pem": OTHER, "/pki/key.pem": "no certificate"}
    return load(raw, read=lambda path: files[path]).valid().clusters["one"].api_server.certificate_authority


def data(pem: str) -> dict[str, str]:
    """A CA as a kubeconfig has it."""
    return {"certificate-authority-data": base64.b64encode(pem.encode()).decode()}


@pytest.mark.parametrize(
    ("cluster", "peers", "expected"),
    [
        (data(CA), {}, CA),
        ({"certificate-authority": "/pki/ca.pem"}, {}, OTHER),
        ({**data(CA), "certificate-authority": "/pki/ca.pem"}, {}, CA),
        ({}, {}, PUBLIC),
        ({"insecure-skip-tls-verify": True}, {}, None),
        (data(CA), {"server": "https://other.example.com"}, None),
        ({}, {"server": "https://other.example.com"}, None),
        (data(CA), {"certificateAuthority": "public"}, PUBLIC),
        (data(CA), {"server": "https://other.example.com", "certificateAuthority": OTHER}, OTHER),
    ],
)
def test_the_ca_for_peers_belongs_to_the_address_that_they_get(
    cluster: Mapping[str, Any], peers: Mapping[str, Any], expected: str | None
) -> None:
    """That of the kubeconfig to its own address; the cluster's own (None) to another one of the cluster's."""
    assert authority_for_peers(cluster, **peers) == expected


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ({"certificate-authority-data": "%%"}, "certificate-authority-data is not base64 of a PEM text"),
        (data("nonsense"), "its certificate-authority-data has no PEM certificate that can be read"),
        (
            {"certificate-authority": "/pki/key.pem"},
            "certificate-authority /pki/key.pem has no PEM certificate",
        ),
        (
            {"certificate-authority": "ca.pem"},
            "has the relative paths certificate-authority: ca.pem, which Pulumi",
        ),
    ],
)
def test_a_ca_that_cannot_be_used_is_refused(cluster: Mapping[str, Any], said: str) -> None:
    """Before anything is asked with it."""
    with pytest.raises(ConfigurationError) as error:
        authority_for_peers(cluster)
    [problem] = error.value.problems
    assert problem.path == "clusters.one.kubeconfig"
    assert said in problem.message


def test_relative_paths_are_refused_with_the_command_that_removes_them() -> None:
    """For a file with its path, and for contents without one."""
    text = kubeconfig({"one": "https://one.example.com"}, user={"client-key": "k", "client-certificate": "c"})
    for entry, option in (({"kubeconfig": "/k"}, " --kubeconfig /k"), ({"kubeconfigContents": text}, "")):
        raw = {"mesh": {"id": "dev"}, "clusters": {"one": {"context": "one", **entry}}}
        with pytest.raises(ConfigurationError) as error:
            load(raw, read=lambda _: text, secret={"clusters"}).valid()
        [problem] = error.value.problems
        assert f"`kubectl config view --minify --flatten --context one{option}` writes one" in problem.message
