"""An API server that forwards to a port of a pod, as the kubelet does over a WebSocket.

Source: `pkg/streaming/portforward/websocket.go` in kubernetes/cri-streaming: two channels a port, data and
errors, and on both the port itself first, as two bytes.
"""

import base64
import hashlib
import socketserver
import struct
from typing import Any

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_DATA, _ERRORS = b"\0", b"\1"


class ForwardingServer(socketserver.ThreadingTCPServer):
    """Gives the bytes of `answer` to whoever asks, or says `error`; `status` is not 101 where it refuses.

    It ends the connection when it has answered, if it was asked to, and else waits until the client goes.

    `asked` has what was asked of the API server and of the pod.
    """

    daemon_threads = True

    def __init__(self, *, answer: bytes = b"", error: str = "", status: int = 101) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer, self.error, self.status = answer, error, status
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """How it is reached."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that go."""


class _Handler(socketserver.StreamRequestHandler):
    server: Any

    def handle(self) -> None:
        request, headers = self._request()
        self.server.asked.append(request)
        if self.server.status != 101:
            self.wfile.write(f"HTTP/1.1 {self.server.status} Forbidden\r\nContent-Length: 0\r\n\r\n".encode())
            return
        digest = hashlib.sha1((headers["sec-websocket-key"] + _MAGIC).encode()).digest()  # noqa: S324 - RFC 6455
        self.wfile.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n"
            f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n".encode()
        )
        for channel in (_DATA, _ERRORS):
            self._send(channel + struct.pack("<H", 15000))
        if self.server.error:
            self._send(_ERRORS + self.server.error.encode())
            return
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            received += self._receive()[1:]
        self.server.asked.append(received.decode().splitlines()[0])
        answer = self.server.answer
        half = len(answer) // 2
        for part in (answer[:half], answer[half:]):
            if part:
                self._send(_DATA + part)
        if b"connection: close" not in received.lower():
            self.rfile.read()  # until the client goes

    def _request(self) -> tuple[str, dict[str, str]]:
        lines = []
        while line := self.rfile.readline().decode().strip():
            lines.append(line)
        pairs = (line.partition(":") for line in lines[1:])
        return lines[0], {key.lower(): value.strip() for key, _, value in pairs}

    def _send(self, payload: bytes) -> None:
        length = (
            struct.pack("!B", len(payload)) if len(payload) < 126 else struct.pack("!BH", 126, len(payload))
        )
        self.wfile.write(b"\x82" + length + payload)
        self.wfile.flush()

    def _receive(self) -> bytes:
        """The payload of one frame of a client, which is masked."""
        _, length = self.rfile.read(2)
        length &= 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.rfile.read(2))
        mask = self.rfile.read(4)
        return bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(length)))
