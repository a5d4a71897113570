"""The client of an API server: what it makes of answers and kubeconfigs, with a real HTTP server."""

import base64
import socket
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from mesh.config.resolved import Connection
from mesh.live.answers import ApiError, RefusedError, UnreachableError
from mesh.live.kubernetes_api import ExecError, KubernetesApi
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.servers import Server

_NOBODY = "https://127.0.0.1:1"
_PAGE = b"<!DOCTYPE html><title>Log in</title>"


def _api(server: Server, path: str, status: int, body: bytes) -> KubernetesApi:
    server.answers[path] = (status, body)
    return _connected(kubeconfig({"east": server.url}))


def _connected(text: str) -> KubernetesApi:
    return KubernetesApi.connect(Connection(context="east", path="unused", contents=text))


def _refusal(text: str) -> str:
    with pytest.raises(RefusedError) as refused:
        _connected(text)
    return str(refused.value)


def test_an_object_is_read(server: Server) -> None:
    """By its path."""
    api = _api(server, "/version", 200, b'{"major": "1"}')
    assert api.get("/version") == {"major": "1"}
    assert api.server == server.url


@pytest.mark.parametrize("body", [_PAGE, b"", b"[]", b"null", b"\xff\xfe"])
def test_an_answer_that_is_not_an_object_is_an_error(server: Server, body: bytes) -> None:
    """A login page in front of the API server, for example: the message says what to check."""
    api = _api(server, "/version", 200, body)
    for read in (api.get, api.find, api.list, lambda path: api.post(path, {})):
        with pytest.raises(
            RefusedError, match=r"\(HTTP 200\); expected an API server, and not a login"
        ) as found:
            read("/version")
        assert server.url in str(found.value)


def test_a_redirect_is_not_followed(server: Server) -> None:
    """An API server has none; the token would be sent to a login page."""
    with pytest.raises(RefusedError, match="redirects /version to another page, as a login page does"):
        _api(server, "/version", 302, b"").get("/version")


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (403, b'{"message": "pods is forbidden"}', "pods is forbidden"),
        (403, b"", "HTTP 403"),
        (500, b"[]", "HTTP 500"),
    ],
)
def test_a_refusal_has_its_status_and_the_servers_words(
    server: Server, status: int, body: bytes, message: str
) -> None:
    """Where there are none, the status alone."""
    with pytest.raises(ApiError) as refused:
        _api(server, "/version", status, body).find("/version")
    assert (refused.value.status, str(refused.value)) == (status, message)


def test_what_does_not_exist_is_none_or_nothing(server: Server) -> None:
    """An object, and a list of a kind that the cluster does not know."""
    api = _api(server, "/apis/x", 404, b'{"message": "not found"}')
    assert api.find("/apis/x") is None
    assert api.list("/apis/x") == []
    with pytest.raises(ApiError, match="not found"):
        api.get("/apis/x")


@pytest.mark.parametrize(
    ("url", "reason"), [(_NOBODY, "no connection"), ("https://east.invalid", "no connection")]
)
def test_a_server_that_is_not_there_is_unreachable(url: str, reason: str) -> None:
    """With the reason, and the URL that was tried."""
    with pytest.raises(UnreachableError, match=f"no answer from {url}: {reason}"):
        _connected(kubeconfig({"east": url})).get("/version")


@pytest.mark.parametrize("status", [200, 401, 403, 404])
def test_a_command_that_cannot_start_has_the_servers_answer(server: Server, status: int) -> None:
    """Its status, and no more than that: behind it the client puts headers and body."""
    api = _api(server, "/api/v1/namespaces/sample/pods/client/exec", status, _PAGE)
    with pytest.raises(ExecError) as failed:
        api.execute("sample", "client", "client", ["true"], timeout=1)
    assert str(failed.value).startswith("no command can be run in sample/client: Handshake status ")
    assert str(status) in str(failed.value)
    assert "Location" not in str(failed.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the kubeconfig is not valid YAML"),
        ("", "expected a kubeconfig: a map with the keys clusters, contexts and users"),
        (kubeconfig({"west": _NOBODY}), "the kubeconfig has no context 'east'; expected one of: west"),
        (
            kubeconfig({"east": _NOBODY}, cluster={"certificate-authority": "/nowhere/ca.pem"}),
            "File does not exist: /nowhere/ca.pem",
        ),
        (
            kubeconfig({"east": _NOBODY}, cluster={"proxy-url": "nonsense"}),
            "expected a server, a CA, and a user with credentials that the Kubernetes client knows",
        ),
        (
            kubeconfig({"east": _NOBODY}, user={"auth-provider": {"name": "gcp"}}),
            "expected a server, a CA, and a user with credentials that the Kubernetes client knows",
        ),
        (
            kubeconfig({"east": _NOBODY}, user={"auth-provider": {"name": "oidc", "config": {}}}),
            "Expected key id-token",
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_says_why(text: str, message: str) -> None:
    """Nothing is tried with it."""
    refusal = _refusal(text)
    assert refusal.startswith("the kubeconfig's context east cannot be used: ")
    assert message in refusal


def test_a_kubeconfig_that_is_not_there_is_named() -> None:
    """By its path."""
    with pytest.raises(RefusedError, match="No such file or directory: '/nowhere/kubeconfig'"):
        KubernetesApi.connect(Connection(context="east", path="/nowhere/kubeconfig"))


@pytest.mark.parametrize(
    "change",
    [
        {"cluster": {"server": ""}},
        {"cluster": {"certificate-authority-data": "not base64"}},
        {"user": {"exec": {"command": "login"}}},
        {"user": {}},
    ],
)
def test_the_kubeconfig_of_a_remote_secret_is_used_or_refused(change: Mapping[str, Any]) -> None:
    """One that somebody has written by hand never ends in another error."""
    text = kubeconfig({"east": _NOBODY}, current="east", **change)
    with pytest.raises(ValueError, match=r"expected|istiod"):
        KubernetesApi.from_kubeconfig(text)


def test_a_socks_proxy_is_used() -> None:
    """It is asked for the server by name: what it is called may be known there alone."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def proxy() -> None:
            connection, _ = listening.accept()
            connection.recv(16)
            connection.sendall(b"\x05\x00")  # RFC 1928: no authentication
            asked.append(connection.recv(64))
            connection.close()

        threading.Thread(target=proxy, daemon=True).start()
        url = f"socks5://127.0.0.1:{listening.getsockname()[1]}"
        text = kubeconfig({"east": "https://east.invalid:6443"}, cluster={"proxy-url": url})
        with pytest.raises(UnreachableError):
            _connected(text).get("/version")
    assert b"east.invalid" in asked[0]


def test_certificates_that_are_no_certificates_are_found_when_the_server_is_asked() -> None:
    """The client reads them no earlier."""
    nonsense = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nnonsense").decode()
    api = _connected(kubeconfig({"east": _NOBODY}, cluster={"certificate-authority-data": nonsense}))
    with pytest.raises(UnreachableError):
        api.get("/version")
