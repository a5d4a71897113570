"""Keep one comment for a stack on a pull request of GitHub, or a merge request of GitLab.

    python examples/ci/comment.py prod < digest.md

The first run makes the comment, and later ones change it. It is found by its first line, among the comments
that this job's own account has made.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

_PAGE = 100
_SECONDS = 30


class GitHub:
    """The comments of a pull request."""

    update = "PATCH"

    def __init__(self) -> None:
        repository = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}"
        self.all = f"{repository}/issues/{os.environ['PULL_REQUEST']}/comments"
        self.one = f"{repository}/issues/comments"
        self.headers = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}"}

    def is_own(self, comment: Any) -> bool:
        """Whether a workflow has made the comment."""
        return comment["user"]["type"] == "Bot"


class GitLab:
    """The notes of a merge request."""

    update = "PUT"

    def __init__(self) -> None:
        api, project = os.environ["CI_API_V4_URL"], os.environ["CI_PROJECT_ID"]
        self.all = f"{api}/projects/{project}/merge_requests/{os.environ['CI_MERGE_REQUEST_IID']}/notes"
        self.one = self.all
        self.headers = {"PRIVATE-TOKEN": os.environ["COMMENT_TOKEN"]}
        self.account = _call(f"{api}/user", self.headers)["id"]

    def is_own(self, comment: Any) -> bool:
        """Whether the account of the token has made the comment."""
        return comment["author"]["id"] == self.account


def put(server: GitHub | GitLab, stack: str, text: str) -> None:
    """Make the stack's comment, or change it."""
    mark = f"<!-- mesh preview of {stack} -->"
    body = {"body": f"{mark}\n{text}"}
    for comment in _comments(server):
        if server.is_own(comment) and comment["body"].startswith(mark):
            _call(f"{server.one}/{comment['id']}", server.headers, body, server.update)
            return
    _call(server.all, server.headers, body, "POST")


def _comments(server: GitHub | GitLab) -> Iterator[Any]:
    page = 1
    while found := _call(f"{server.all}?per_page={_PAGE}&page={page}", server.headers):
        yield from found
        if len(found) < _PAGE:
            return
        page += 1


def _call(url: str, headers: dict[str, str], body: object = None, method: str = "GET") -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - the address is that of the CI system
        url, data=data, headers={**headers, "Content-Type": "application/json"}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - as above
            return json.load(answer)
    except urllib.error.URLError as error:
        sys.exit(f"error: {method} {url} failed: {error}")


def main() -> None:
    """Take the stack's name from the arguments, and the text from standard input."""
    if len(sys.argv) != 2:
        sys.exit("usage: comment.py STACK < TEXT")
    server = GitHub() if "GITHUB_API_URL" in os.environ else GitLab()
    put(server, sys.argv[1], sys.stdin.read())


if __name__ == "__main__":
    main()
