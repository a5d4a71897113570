"""A port of a pod is asked through the API server, here a real one that forwards over a WebSocket."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mesh.config.resolved import Connection
from mesh.live.kubernetes_api import ExecError, KubernetesApi
from tests.builders.forwarding import ForwardingServer
from tests.builders.kubeconfigs import kubeconfig

_LARGE = {"certificates": ["x" * 40_000]}


@contextmanager
def _forwarding(server: ForwardingServer) -> Iterator[KubernetesApi]:
    with server:
        loop = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        loop.start()
        text = kubeconfig({"east": server.url})
        yield KubernetesApi.connect(Connection(context="east", path="unused", contents=text))
        server.shutdown()
        loop.join()


def _http(status: int, body: bytes) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _ask(server: ForwardingServer) -> object:
    with _forwarding(server) as api:
        return api.ask_pod("istio-system", "ztunnel-a", 15000, "/config_dump", timeout=2)


def test_a_port_that_only_the_pod_itself_reaches_is_asked() -> None:
    """The answer may come in many frames."""
    server = ForwardingServer(answer=_http(200, json.dumps(_LARGE).encode()))
    assert _ask(server) == _LARGE
    forwarded, asked = server.asked
    assert forwarded.split()[1] == "/api/v1/namespaces/istio-system/pods/ztunnel-a/portforward?ports=15000"
    assert asked == "GET /config_dump HTTP/1.1"


@pytest.mark.parametrize(
    "server",
    [
        {"status": 403},
        {"error": "failed to connect to localhost:15000 inside namespace: connection refused"},
        {"answer": _http(200, b"<html>")},
        {"answer": _http(404, b"{}")},
        {"answer": b"no HTTP\r\n\r\n"},
    ],
)
def test_a_port_that_does_not_answer_as_it_should_is_said_so(server: dict[str, object]) -> None:
    """By its number and pod, and at once."""
    with pytest.raises(ExecError, match="port 15000 of istio-system/ztunnel-a"):
        _ask(ForwardingServer(**server))  # pyright: ignore[reportArgumentType] - as it says


def test_a_port_behind_which_nobody_speaks_is_not_waited_for() -> None:
    """Longer than asked for."""
    begin = time.monotonic()
    with _forwarding(ForwardingServer()) as api, pytest.raises(ExecError, match="timed out"):
        api.ask_pod("istio-system", "ztunnel-a", 15000, "/config_dump", timeout=0.1)
    assert time.monotonic() - begin < 5
