"""The digest of a preview, as a reviewer sees it: by the real engine, on a mesh that runs.

Nothing is applied. After a wanted change of a digest delete its file in `golden/`, and run the test twice:
the first run writes it and fails. A digest shows no address, no time, no fingerprint and no UID, so the files
are compared as they are.
"""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import cluster, versions
from tests.e2e.stack import Stack

pytestmark = pytest.mark.mesh

GOLDEN = Path(__file__).parent / "golden"
Change = Callable[[dict[str, Any]], Any]


def _nothing(config: dict[str, Any]) -> None:
    """Leave the configuration as it is."""


def _new_cluster(config: dict[str, Any]) -> None:
    config["clusters"]["south"] = {**config["clusters"]["east"], "context": "south"}


def _istio_upgrade(config: dict[str, Any]) -> None:
    config["istio"]["version"] = versions.ISTIO_NEXT


def _changed_value(config: dict[str, Any]) -> None:
    istiod = config["istio"]["values"]["istiod"]
    istiod["meshConfig"]["accessLogFile"] = "/dev/stdout"
    istiod["env"]["PILOT_DEBOUNCE_AFTER"] = "50ms"


def _narrowed_exposure(config: dict[str, Any]) -> None:
    config["exposure"] = {"hosts": ["*.shop.svc.cluster.local"]}


def _rotated_intermediate(config: dict[str, Any]) -> None:
    config["clusters"]["east"]["trust"] = {"intermediate": {"generation": 2}}


def _removed_cluster(config: dict[str, Any]) -> None:
    del config["clusters"]["west"]


# For each change, what --fail-on takes it for.
CHANGES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "nothing": (_nothing, ()),
    "new-cluster": (_new_cluster, ()),
    "istio-upgrade": (_istio_upgrade, ("restart",)),
    "changed-value": (_changed_value, ("restart",)),
    "narrowed-exposure": (_narrowed_exposure, ("cut-off",)),
    "rotated-intermediate": (_rotated_intermediate, ("trust",)),
    "removed-cluster": (_removed_cluster, ("cut-off", "delete")),
}


@pytest.fixture(scope="module")
def reviewed(mesh: Stack, fresh_clusters: Callable[..., Any], keep: bool) -> Iterator[Stack]:
    """Return the mesh beside a third cluster with nothing in it."""
    config = mesh.config()
    fresh_clusters("south")
    yield mesh
    mesh.configure(config)
    if not keep:
        cluster.stop(["south"])


@pytest.mark.parametrize("name", CHANGES)
def test_a_reviewer_sees_what_a_change_does(reviewed: Stack, tmp_path: Path, name: str):
    """The Markdown is that of the golden file; the exit code is 1 where --fail-on names what is in it."""
    before = reviewed.config()
    change, kinds = CHANGES[name]
    config = copy.deepcopy(before)
    change(config)
    reviewed.configure(config)
    artifact = tmp_path / "preview.md"
    try:
        done = reviewed.command(
            "preview", "--output=markdown", f"--artifact={artifact}", "--fail-on=trust,cut-off,delete,restart"
        )
    finally:
        reviewed.configure(before)
    assert done.returncode == (1 if kinds else 0), done.stdout + done.stderr
    assert artifact.read_text(encoding="utf-8") == done.stdout
    golden = GOLDEN / f"{name}.md"
    if not golden.exists():
        golden.write_text(done.stdout, encoding="utf-8")
        pytest.fail(f"{golden.name} was missing and is written now: look at it, then run again")
    assert done.stdout == golden.read_text(encoding="utf-8")
    named = [
        kind for kind in ("trust", "cut-off", "replace", "delete", "restart") if f"**{kind}**" in done.stdout
    ]
    assert named == [*kinds]


def test_a_program_reads_the_digest_as_json(reviewed: Stack):
    """With the exit code 0 where --fail-on does not name what is in it."""
    before = reviewed.config()
    config = copy.deepcopy(before)
    _narrowed_exposure(config)
    reviewed.configure(config)
    try:
        done = reviewed.command("preview", "--output=json", "--fail-on=trust,replace")
    finally:
        reviewed.configure(before)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["counts"] == {"changed": 2}
    assert [(d["kind"], d["clusters"]) for d in report["dangers"]] == [("cut-off", ["east", "west"])]


def test_what_pulumi_refuses_is_passed_on(reviewed: Stack):
    """The exit code says that there is no preview, and the message is the program's own."""
    before = reviewed.config()
    config = copy.deepcopy(before)
    config["trust"]["root"]["generation"] = 2
    reviewed.configure(config)
    try:
        done = reviewed.command("preview", "--output=markdown")
    finally:
        reviewed.configure(before)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "istio-mesh:trust.root: east trusts 'dev root CA 1', which is not the root of" in done.stderr
    assert "Traceback" not in done.stderr
