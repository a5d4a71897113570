"""The scripts that the workflows share: login, fingerprint and comment."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.builders.reviews import Reviews
from tests.builders.servers import Server, running

SCRIPTS = Path(__file__).parents[3] / "examples/ci"
GITHUB = {"GITHUB_REPOSITORY": "example/mesh", "PULL_REQUEST": "5", "GITHUB_TOKEN": Reviews.token}
GITLAB = {"CI_PROJECT_ID": "3", "CI_MERGE_REQUEST_IID": "5", "COMMENT_TOKEN": Reviews.token}


def _run(
    script: str, *arguments: str, text: str = "", environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / script)] if script.endswith(".py") else [str(SCRIPTS / script)]
    return subprocess.run(
        [*command, *arguments],
        input=text,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def reviews() -> Iterator[Reviews]:
    """A pull request with the comments of others."""
    with running(Reviews()) as server:
        server.add("looks good", kind="User", account=1)
        yield server


@pytest.fixture(params=["github", "gitlab"])
def job(request: pytest.FixtureRequest, reviews: Reviews) -> dict[str, str]:
    """The environment of a job on either system."""
    if request.param == "github":
        return {"GITHUB_API_URL": reviews.url, **GITHUB}
    return {"CI_API_V4_URL": reviews.url, **GITLAB}


def test_a_stack_has_one_comment_that_is_changed(reviews: Reviews, job: Mapping[str, str]) -> None:
    """Each stack has its own, and it is found behind more comments than a page has."""
    for _ in range(120):
        reviews.add("chatter", kind="User", account=1)
    for stack, text in (("prod", "first"), ("dev", "other"), ("prod", "second")):
        done = _run("comment.py", stack, text=text, environment=job)
        assert done.returncode == 0, done.stderr
    own = [c["body"] for c in reviews.comments.values() if c["author"]["id"] == reviews.account]
    assert own == ["<!-- mesh preview of prod -->\nsecond", "<!-- mesh preview of dev -->\nother"]


def test_a_comment_of_somebody_else_is_left_alone(reviews: Reviews, job: Mapping[str, str]) -> None:
    """Its author could change the digest afterwards."""
    theirs = reviews.add("<!-- mesh preview of prod -->\nnothing to see", kind="User", account=1)
    assert _run("comment.py", "prod", text="digest", environment=job).returncode == 0
    assert reviews.comments[theirs]["body"].endswith("nothing to see")
    assert reviews.comments[theirs + 1]["body"].endswith("digest")


def test_a_refused_comment_is_one_error_without_the_token(reviews: Reviews, job: Mapping[str, str]) -> None:
    """The job fails, and its log has no secret."""
    wrong = {key: "another-token" if "TOKEN" in key else value for key, value in job.items()}
    done = _run("comment.py", "prod", text="digest", environment=wrong)
    assert done.returncode == 1
    assert done.stderr.startswith("error: GET http://127.0.0.1:")
    assert "401" in done.stderr
    assert "another-token" not in done.stderr + done.stdout
    assert len(done.stderr.splitlines()) == 1


def _fingerprint(*steps: Mapping[str, object]) -> str:
    done = _run("fingerprint.py", text=json.dumps({"steps": steps}), environment={})
    assert done.returncode == 0, done.stderr
    return done.stdout


_UPDATE = {"op": "update", "urn": "urn:a", "diffReasons": ["values", "version"], "newState": {"x": 1}}
_CREATE = {"op": "create", "urn": "urn:b"}


def test_a_fingerprint_does_not_depend_on_order_or_on_what_stays() -> None:
    """Pulumi gives steps in the order in which they end."""
    same = {"op": "same", "urn": "urn:c"}
    reordered = {**_UPDATE, "diffReasons": ["version", "values"]}
    assert _fingerprint(_UPDATE, _CREATE) == _fingerprint(_CREATE, same, reordered)


@pytest.mark.parametrize(
    "changed",
    [
        (_UPDATE,),
        (_UPDATE, _CREATE, {"op": "delete", "urn": "urn:c"}),
        (_UPDATE, {**_CREATE, "op": "replace"}),
        ({**_UPDATE, "diffReasons": ["values"]}, _CREATE),
    ],
    ids=["fewer", "more", "another operation", "other properties"],
)
def test_another_update_has_another_fingerprint(changed: tuple[Mapping[str, object], ...]) -> None:
    """It is not what was approved."""
    assert _fingerprint(*changed) != _fingerprint(_UPDATE, _CREATE)


def test_a_backend_without_a_login_needs_none(tmp_path: Path) -> None:
    """Such as a bucket whose credentials are in the environment."""
    done = _run("login.sh", environment={"RUNNER_TEMP": str(tmp_path)})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [*tmp_path.iterdir()] == []


def test_an_identity_of_github_is_found_by_clouds(server: Server, tmp_path: Path) -> None:
    """In a file that nobody else can read; the token for the request is no argument of a process."""
    server.answers["/token?v=1&audience=sts.amazonaws.com"] = (200, b'{"value": "identity-of-the-job"}')
    job = {
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ENV": str(tmp_path / "env"),
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/mesh",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{server.url}/token?v=1",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
    }
    done = _run("login.sh", environment=job)
    assert done.returncode == 0, done.stderr
    assert server.asked[-1]["Authorization"] == "bearer request-token"
    file = tmp_path / "identity-token"
    assert file.read_text() == "identity-of-the-job"
    assert file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "env").read_text().splitlines() == [
        "AWS_ROLE_ARN=arn:aws:iam::1:role/mesh",
        f"AWS_WEB_IDENTITY_TOKEN_FILE={file}",
    ]
    assert "identity-of-the-job" not in done.stdout + done.stderr


def test_an_identity_of_gitlab_logs_in_to_pulumi_cloud(tmp_path: Path) -> None:
    """By a file, as the CLI takes it."""
    (tmp_path / "pulumi").write_text('#!/bin/sh\necho "$@" > "$RUNNER_TEMP/said"\n')
    (tmp_path / "pulumi").chmod(0o755)
    job = {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "RUNNER_TEMP": str(tmp_path),
        "IDENTITY_TOKEN": "identity-of-the-job",
        "PULUMI_ORGANIZATION": "acme",
    }
    assert _run("login.sh", environment=job).returncode == 0
    file = tmp_path / "identity-token"
    assert (tmp_path / "said").read_text().split() == [
        *("login", "--oidc-token", f"file://{file}", "--oidc-org", "acme")
    ]
    assert file.read_text() == "identity-of-the-job"
