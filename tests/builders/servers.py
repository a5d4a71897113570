"""Real servers that answer as a test says, for what an API server would not answer."""

import contextlib
import http.server
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.builders.certificates import Authority

S = TypeVar("S", bound=http.server.HTTPServer)


class Server(http.server.ThreadingHTTPServer):
    """Answers each path in `answers` with its status and body; a redirect leads to `location`.

    `asked` has the headers of each request. With `certificate`, a file with its key too, it speaks TLS, and
    with `clients`, a file with a CA, it wants a client certificate of that. `shown` has their subjects.
    """

    daemon_threads = True

    def __init__(self, certificate: Path | None = None, clients: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.location = "/login"
        self.asked: list[dict[str, str]] = []
        self.shown: list[object] = []
        self._scheme = "http"
        if certificate is not None:
            self._scheme = "https"
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            if clients is not None:
                context.load_verify_locations(clients)
                context.verify_mode = ssl.CERT_REQUIRED
            self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        """How it is reached."""
        return f"{self._scheme}://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that do not like the certificate."""


class Proxy(Server):
    """A proxy that opens tunnels, or answers each request for one with the status `refuses`.

    As Envoy, it wants HTTP/1.1 and the header `Host`.
    """

    def __init__(self, refuses: int | None = None) -> None:
        super().__init__()
        self.refuses = refuses


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(dict(self.headers))
        if isinstance(self.connection, ssl.SSLSocket):
            self.server.shown.append((self.connection.getpeercert() or {}).get("subject"))
        answers = self.server.answers
        status, body = answers.get(self.path) or answers[self.path.partition("?")[0]]
        self.send_response(status)
        self.send_header("Location", self.server.location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_CONNECT(self) -> None:
        assert isinstance(self.server, Proxy)
        self.server.asked.append({"CONNECT": self.path})
        old = self.request_version != "HTTP/1.1" or self.headers["Host"] != self.path
        if (status := 426 if old else self.server.refuses) is not None:
            self.send_error(status)
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port))) as there:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(there, self.connection), daemon=True)
            back.start()
            _pump(self.connection, there)
            back.join()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the library has
        """Say nothing."""


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def running(server: S) -> Iterator[S]:
    """Let a server answer as long as the context lasts."""
    with server:
        loop = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        loop.start()
        yield server
        server.shutdown()
        loop.join()


def server_certificate(
    path: Path, ca: Authority, *, names: tuple[str, ...] = ("127.0.0.1",), days: tuple[float, float] = (-1, 9)
) -> Path:
    """Write a certificate for a server, signed by `ca`, and its key; `days` as for an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ca.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=True)
        .sign(ca.key, hashes.SHA256())  # pyright: ignore[reportArgumentType]
    )
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
