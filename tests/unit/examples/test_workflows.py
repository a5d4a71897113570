"""The examples for CI systems agree with each other and with what is pinned."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

EXAMPLES = Path(__file__).parents[3] / "examples"
_KEYWORDS = {"default", "stages", "workflow"}


def _github(file: str) -> dict[str, Any]:
    return yaml.safe_load((EXAMPLES / "github-actions" / file).read_text(encoding="utf-8"))["jobs"]


def _gitlab() -> dict[str, Any]:
    return yaml.safe_load((EXAMPLES / "gitlab-ci/.gitlab-ci.yml").read_text(encoding="utf-8"))


def _gitlab_jobs() -> dict[str, Any]:
    return {k: v for k, v in _gitlab().items() if k not in _KEYWORDS and not k.startswith(".")}


def _commands(scripts: Iterator[str]) -> set[str]:
    """What they run of Pulumi and of this project, without where the output goes."""
    found: set[str] = set()
    for script in scripts:
        for line in script.splitlines():
            command = re.sub(r"\s*(?:[<>|]|&&).*", "", line.strip())
            if re.match(r"pulumi|\.venv/bin/python -m mesh|make|examples/ci", command):
                found.add(re.sub(r'"?digest(?:-\$STACK)?\.md"?', "digest.md", command))
    return found


def test_both_systems_run_the_same_commands() -> None:
    """Those of GitHub run in a test on a real mesh."""
    jobs = [*_github("mesh.yml").values(), *_github("watch.yml").values()]
    github = _commands(step["run"] for job in jobs for step in job["steps"] if "run" in step)
    lists = [*(job["script"] for job in _gitlab_jobs().values()), _gitlab()[".mesh"]["before_script"]]
    gitlab = _commands(line for lines in lists for line in lines)
    assert gitlab == github
    assert len(github) > 9


@pytest.mark.parametrize("name", sorted(_gitlab_jobs()))
def test_a_job_of_gitlab_is_whole(name: str) -> None:
    """Its stage exists, it says when it runs, and what it needs and extends is there."""
    job, everything = _gitlab_jobs()[name], _gitlab()
    assert job["stage"] in everything["stages"]
    assert job["rules"]
    assert {*job.get("extends", ())} <= {*everything}
    assert {*job.get("needs", ())} <= {*everything}
    assert all(isinstance(line, str) for line in job["script"]), "a line with a colon must be quoted"


def test_no_running_update_is_cancelled() -> None:
    """By neither system, and two of them never run at the same time."""
    for file in ("mesh.yml", "watch.yml"):
        workflow = yaml.safe_load((EXAMPLES / "github-actions" / file).read_text(encoding="utf-8"))
        assert workflow["concurrency"]["cancel-in-progress"] is False
    up = _github("mesh.yml")["up"]
    assert up["concurrency"]["cancel-in-progress"] is False
    assert "timeout-minutes" not in up
    assert up["strategy"]["max-parallel"] == 1
    assert _gitlab()["default"]["interruptible"] is False
    assert _gitlab_jobs()["update"]["resource_group"]


def test_images_have_the_pinned_pulumi() -> None:
    """The CLI and the SDK of one version."""
    pinned = re.search(r"^pulumi==(.+)$", (EXAMPLES.parent / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned
    stack = (EXAMPLES / "kubernetes-operator/stack.yml").read_text(encoding="utf-8")
    images = re.findall(r"image: pulumi/\S+?:([\d.]+)", stack + str(_gitlab()["default"]).replace("'", ""))
    assert images == [pinned[1], pinned[1]]
