"""GitHub's and GitLab's comments on one pull request, as far as a job uses them."""

import http.server
import json
import re
from typing import Any


class Reviews(http.server.ThreadingHTTPServer):
    """Comments by ID in `comments`, as the API gives them; `calls` has method and path of each request.

    Requests are made with `token`, by an account that is a bot with the ID 7.
    """

    daemon_threads = True
    token = "token-of-the-job"
    account = 7

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.comments: dict[int, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, body: str, *, kind: str = "Bot", account: int = account) -> int:
        """Add a comment by an account, and give its ID."""
        number = len(self.comments) + 1
        self.comments[number] = {
            "id": number,
            "body": body,
            "user": {"type": kind},
            "author": {"id": account},
        }
        return number


class _Handler(http.server.BaseHTTPRequestHandler):
    @property
    def _reviews(self) -> Reviews:
        assert isinstance(self.server, Reviews)
        return self.server

    def do_GET(self) -> None:
        page = re.search(r"[?&]per_page=(\d+)&page=(\d+)", self.path)
        if self.path == "/user":
            self._answer(200, {"id": self._reviews.account})
        elif page:
            size, number = int(page[1]), int(page[2])
            self._answer(200, list(self._reviews.comments.values())[size * (number - 1) : size * number])
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        self._answer(201, self._reviews.comments[self._reviews.add(self._body())])

    def do_PATCH(self) -> None:
        self._change("/repos/example/mesh/issues/comments/")

    def do_PUT(self) -> None:
        self._change("/projects/3/merge_requests/5/notes/")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name that the library has
        """Say nothing."""

    def _change(self, folder: str) -> None:
        assert self.path.startswith(folder), self.path
        comment = self._reviews.comments[int(self.path.removeprefix(folder))]
        comment["body"] = self._body()
        self._answer(200, comment)

    def _body(self) -> str:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]

    def _answer(self, status: int, document: object) -> None:
        self._reviews.calls.append((self.command, self.path))
        if self._reviews.token not in (
            self.headers["PRIVATE-TOKEN"],
            (self.headers["Authorization"] or "")[7:],
        ):
            status, document = 401, {}
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
