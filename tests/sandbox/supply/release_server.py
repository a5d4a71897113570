"""A release site of the tests' own: files by path, and answers that go wrong on purpose."""

import hashlib
import io
import tarfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(kw_only=True)
class ReleaseServer:
    """Serves `files`; breaks off in the middle of a path as often as `breaks` says; records requests."""

    files: dict[str, bytes] = field(default_factory=dict)
    breaks: dict[str, int] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def publish(self, name: str, data: bytes, *, digest: str | None = None) -> None:
        """Put a file there, and its checksum (or a wrong one) beside it."""
        self.files[f"/{name}"] = data
        self.files[f"/{name}.sha256"] = (digest or hashlib.sha256(data).hexdigest()).encode()

    def start(self) -> ThreadingHTTPServer:
        """Serve on a free port of this machine until the server returned is shut down."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests.append(self.path)
                data = site.files.get(self.path)
                if data is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if site.breaks.get(self.path, 0) > 0:
                    site.breaks[self.path] -= 1
                    self.wfile.write(data[: len(data) // 2])
                    self.close_connection = True
                    return
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                """Say nothing."""

        return Handler


def archive(members: dict[str, bytes]) -> bytes:
    """Return a .tar.gz with the given files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
