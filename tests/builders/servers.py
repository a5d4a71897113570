"""A real HTTP server that answers as a test says, for what an API server would not answer."""

import http.server
from typing import Any


class Server(http.server.ThreadingHTTPServer):
    """Answers each path in `answers` with its status and body; a redirect leads to `/login`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, bytes]] = {}

    @property
    def url(self) -> str:
        """How it is reached."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        status, body = self.server.answers[self.path.partition("?")[0]]
        self.send_response(status)
        self.send_header("Location", "/login")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the library has
        """Say nothing."""
