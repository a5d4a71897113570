"""What a server answers in the place of an API server, through real sockets, and what is said of it."""

import base64
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from mesh.config.resolved import Connection
from mesh.live.answers import AccessError, ApiError, RefusedError, UnreachableError
from mesh.live.facts import AccessFault
from mesh.live.kubernetes_api import KubernetesApi
from tests.builders.certificates import authority
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.servers import Proxy, Server, running, server_certificate

_PAGE = b"<!DOCTYPE html><title>Log in</title>"
_CA = authority("ca")


def _get(url: str, **cluster: Any) -> None:
    text = kubeconfig({"east": url}, cluster=cluster)
    KubernetesApi.connect(Connection(context="east", path="unused", contents=text)).get("/version")


def _authority(pem: str = _CA.pem) -> dict[str, str]:
    return {"certificate-authority-data": base64.b64encode(pem.encode()).decode()}


def _answer(server: Server, status: int, body: bytes) -> RefusedError | UnreachableError:
    server.answers["/version"] = (status, body)
    with pytest.raises((RefusedError, UnreachableError)) as found:
        _get(server.url)
    assert isinstance(found.value, RefusedError | UnreachableError)
    return found.value


@pytest.mark.parametrize("body", [b'{"message": "Unauthorized"}', _PAGE, b"", b'{"type": "error"}'])
def test_credentials_that_are_refused_are_an_error(server: Server, body: bytes) -> None:
    """However the refusal looks: Kubernetes, Rancher and proxies have a form each."""
    found = _answer(server, 401, body)
    assert isinstance(found, ApiError)
    assert found.status == 401
    assert f"{server.url} refuses the credentials (HTTP 401" in str(found)
    assert ("HTTP 401: Unauthorized" in str(found)) == (b"message" in body)


def test_without_credentials_nobody_speaks_of_rights(server: Server) -> None:
    """Roles for system:anonymous are not what is missing."""
    body = b'{"message": "forbidden: User \\"system:anonymous\\" cannot get path \\"/version\\""}'
    assert "no credentials arrive there" in str(_answer(server, 403, body))


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("https://login.example.com/oauth?state=secret-word", "login.example.com"),
        ("/dashboard/?token=secret-word", "another page"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_of_something_else(
    server: Server, status: int, location: str, there: str
) -> None:
    """It is not followed, and what the address carries is not repeated."""
    server.location = location
    found = _answer(server, status, _PAGE)
    assert isinstance(found, RefusedError)
    assert f"redirects /version to {there}, as a login page does" in str(found)
    assert "secret-word" not in str(found)
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [200, 403, 404, 500])
def test_a_page_is_an_answer_of_something_else(server: Server, status: int) -> None:
    """Also where it says that there is nothing: an empty cluster would be seen instead."""
    assert f"else than a Kubernetes object (HTTP {status})" in str(_answer(server, status, _PAGE))


@pytest.mark.parametrize("status", [502, 503, 504])
@pytest.mark.parametrize("body", [_PAGE, b'{"message": "shutting down"}'])
def test_nobody_behind_a_load_balancer_is_no_answer(server: Server, status: int, body: bytes) -> None:
    """A cluster that is away may have something in front of it that is not."""
    found = _answer(server, status, body)
    assert isinstance(found, UnreachableError)
    assert f"HTTP {status}" in str(found)
    assert ("shutting down" in str(found)) == body.startswith(b"{")


@pytest.mark.parametrize(
    ("signed", "made", "fault", "why"),
    [
        (_CA, {}, None, ""),
        (
            authority("another"),
            {},
            AccessFault.AUTHORITY,
            "is not signed by the CA that is expected there (unable to get local issuer",
        ),
        (_CA, {"names": ("east.example.com",)}, AccessFault.NAMES, "is for other names"),
        (_CA, {"names": ("127.0.0.2",)}, AccessFault.NAMES, "is for other names"),
        (_CA, {"days": (-9, -1)}, AccessFault.TIME, "has expired"),
        (_CA, {"days": (1, 9)}, AccessFault.TIME, "is not valid yet: check the clock of this machine"),
    ],
)
def test_a_certificate_that_is_not_accepted_says_why(
    tmp_path: Path, signed: Any, made: dict[str, Any], fault: AccessFault | None, why: str
) -> None:
    """It is an answer: no cluster is away that shows one."""
    with running(Server(server_certificate(tmp_path / "pem", signed, **made))) as server:
        server.answers["/version"] = (200, b"{}")
        if fault is None:
            _get(server.url, **_authority())
            return
        with pytest.raises(AccessError) as found:
            _get(server.url, **_authority())
    assert f"the certificate of {server.url} {why}" in str(found.value)
    assert found.value.fault is fault


def test_the_name_in_the_kubeconfig_is_what_the_certificate_must_have(tmp_path: Path) -> None:
    """Not the name of the server, where both are given."""
    with running(Server(server_certificate(tmp_path / "pem", _CA, names=("kubernetes",)))) as server:
        server.answers["/version"] = (200, b"{}")
        _get(server.url, **_authority(), **{"tls-server-name": "kubernetes"})


def test_a_server_without_tls_is_an_answer(server: Server) -> None:
    """Such as the port of another service."""
    with pytest.raises(RefusedError, match=r"does not speak TLS as an API server does \(\w+"):
        _get(server.url.replace("http:", "https:"))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_connection_that_is_cut_off_is_no_answer(scheme: str) -> None:
    """A load balancer without a server behind it accepts connections and closes them."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def cut_off() -> None:
            connection, _ = listening.accept()
            connection.recv(1)
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()

        threading.Thread(target=cut_off, daemon=True).start()
        with pytest.raises(UnreachableError, match="the connection was cut off"):
            _get(f"{scheme}://127.0.0.1:{listening.getsockname()[1]}")


def test_a_proxy_leads_to_the_server(tmp_path: Path) -> None:
    """As its kubeconfig says."""
    certificate = server_certificate(tmp_path / "pem", _CA)
    with running(Server(certificate)) as server, running(Proxy()) as proxy:
        server.answers["/version"] = (200, b"{}")
        _get(server.url, **_authority(), **{"proxy-url": proxy.url})
        assert proxy.asked == [{"CONNECT": f"127.0.0.1:{server.server_port}"}]


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (403, RefusedError, "refuses to connect to https://east.example.com:6443 (HTTP 403 Forbidden)"),
        (407, RefusedError, "(HTTP 407 Proxy Authentication Required)"),
        (502, UnreachableError, "says HTTP 502"),
        (503, UnreachableError, "says HTTP 503"),
    ],
)
def test_a_proxy_that_opens_no_tunnel_is_named(status: int, kind: type[Exception], said: str) -> None:
    """Without the credentials that its URL may have."""
    with running(Proxy(refuses=status)) as proxy:
        url = proxy.url.replace("//", "//user:secret-word@")
        with pytest.raises(kind) as found:
            _get("https://east.example.com:6443", **{"proxy-url": url})
    assert f"the proxy {proxy.url} " in str(found.value)
    assert said in str(found.value)
    assert "secret-word" not in str(found.value)


def test_a_proxy_that_is_away_is_no_answer() -> None:
    """Of the server either."""
    with pytest.raises(UnreachableError, match=r"the proxy http://127\.0\.0\.1:1 cannot be used"):
        _get("https://east.example.com:6443", **{"proxy-url": "http://127.0.0.1:1"})
