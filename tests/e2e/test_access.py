"""Ways into a cluster that are wrong are said for what they are, by every command, and nothing is changed."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import cluster
from tests.builders.certificates import authority
from tests.e2e.stack import Stack

pytestmark = pytest.mark.mesh

_EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never", "command": "sh"}
_WAYS: dict[str, tuple[dict[str, Any], str]] = {
    "an expired token": ({"token": "expired"}, "refuses the credentials (HTTP 401: Unauthorized)"),
    "a login that fails": (
        {"exec": {**_EXEC, "args": ["-c", "echo 'session expired: log in' >&2; exit 1"]}},
        "its login command sh fails: session expired: log in;",
    ),
    "no credentials": ({}, "system:anonymous"),
}


@pytest.fixture
def configured(mesh: Stack) -> Iterator[dict[str, Any]]:
    """Give the mesh's configuration, to be changed; it is put back."""
    before = mesh.config()
    yield copy.deepcopy(before)
    mesh.configure(before)


def _with_user(folder: Path, user: dict[str, Any]) -> str:
    document = yaml.safe_load(cluster.merged_kubeconfig().read_text(encoding="utf-8"))
    for entry in document["users"]:
        if entry["name"] == "west":
            entry["user"] = user
    (folder / "kubeconfig").write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(folder / "kubeconfig")


@pytest.mark.parametrize(("user", "said"), _WAYS.values(), ids=_WAYS)
def test_a_cluster_that_refuses_is_not_one_that_is_away(
    mesh: Stack, configured: dict[str, Any], tmp_path: Path, user: dict[str, Any], said: str
) -> None:
    """Though it may be skipped while it is unreachable."""
    configured["clusters"]["west"] |= {"kubeconfig": _with_user(tmp_path, user), "skipUnreachable": True}
    mesh.configure(configured)
    done = mesh.up(check=False)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
    assert "istio-mesh:clusters.west: " in done.stdout + done.stderr
    for command in (("verify", "--timeout", "1"), ("trust",)):
        report = mesh.command(*command)
        assert report.returncode == 1, report
        assert said in report.stdout, report
        assert "Traceback" not in report.stderr


def test_a_ca_by_which_no_peer_gets_in_is_refused(mesh: Stack, configured: dict[str, Any]) -> None:
    """The preflight connects as they would, and names the setting."""
    configured["clusters"]["west"]["apiServer"] = {"certificateAuthority": authority("a front").pem}
    mesh.configure(configured)
    done = mesh.up(check=False)
    assert done.returncode != 0
    assert (
        "istio-mesh:clusters.west.apiServer.certificateAuthority: no peer would get in: the certificate of"
        in done.stdout + done.stderr
    )


def test_the_mesh_as_it_is_has_nothing_to_say(mesh: Stack) -> None:
    """Neither a refusal nor a warning, and no change in any remote secret."""
    done = mesh.pulumi("preview", "--diff")
    assert "whether peers get into" not in done.stdout + done.stderr
    assert mesh.preview() == []
