"""`python -m mesh preview`: its exit code, its files, and what it does with secrets and errors."""

import json
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any

import pytest

from mesh import __main__ as command_line
from mesh.cli import preview as command
from mesh.cli import stack
from mesh.cli.output import CommandError
from mesh.helm.errors import ChartUnavailableError
from tests.builders.previews import document
from tests.builders.stacks import stack_config


@pytest.fixture(autouse=True)
def no_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here renders charts."""

    def renderer() -> Any:
        raise ChartUnavailableError("Pulumi's kubernetes plugin is not installed here")

    monkeypatch.setattr(command, "chart_renderer", renderer)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The preview that the engine gives; a test fills it."""
    given: dict[str, Any] = {}
    config = stack_config({"east": {}, "west": {}})
    monkeypatch.setattr(stack, "workspace", lambda: SimpleNamespace())
    monkeypatch.setattr(stack, "selected", lambda *_: "dev")
    monkeypatch.setattr(stack, "configuration", lambda *_: given.get("config", config))

    def preview(_stack: str, *arguments: str) -> Any:
        given["arguments"] = arguments
        if "error" in given:
            raise CommandError(given["error"])
        return given["preview"]

    monkeypatch.setattr(stack, "preview", preview)
    return given


@pytest.mark.parametrize(
    ("name", "fail_on", "code"),
    [
        ("removed", "", 0),
        ("removed", "cut-off", 1),
        ("removed", "trust,replace", 0),
        ("intermediate", "trust, replace", 1),
        ("new", "trust,cut-off,replace,delete,restart", 0),
    ],
)
def test_the_exit_code_says_whether_what_is_named_is_in_it(
    recorded: dict[str, Any], capsys: pytest.CaptureFixture[str], name: str, fail_on: str, code: int
) -> None:
    """Without --fail-on it is 0, whatever is in it; a failure says why."""
    recorded["preview"] = document(name)
    assert command_line.main(["preview", "--fail-on", fail_on]) == code
    said = capsys.readouterr().err
    assert ("the preview has what --fail-on names" in said) is bool(code)


def test_a_kind_that_does_not_exist_is_told(
    recorded: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is previewed: else --fail-on would never fail."""
    assert command_line.main(["preview", "--fail-on", "replace,trsut"]) == 2
    assert "'trsut' is not a valid DangerKind; expected some of: trust, cut-off" in capsys.readouterr().err
    assert "arguments" not in recorded


def test_resources_can_be_chosen_as_with_pulumi(recorded: dict[str, Any]) -> None:
    """What is given is passed on."""
    recorded["preview"] = document("removed")
    arguments = ["--target", "urn:a", "--target", "urn:b", "--exclude", "urn:c"]
    assert command_line.main(["preview", *arguments]) == 0
    assert recorded["arguments"] == ("--target=urn:a", "--target=urn:b", "--exclude=urn:c")


def test_the_artifact_has_all_that_is_cut(
    recorded: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Whatever the form of what is printed."""
    recorded["preview"] = document("removed")
    path = tmp_path / "preview.md"
    assert command_line.main(["preview", "--output=json", f"--artifact={path}"]) == 0
    assert json.loads(capsys.readouterr().out)["stack"] == "dev"
    assert path.read_text(encoding="utf-8").startswith("### Preview of stack dev: 20 deleted\n")
    assert command_line.main(["preview", f"--artifact={tmp_path}"]) == 2
    assert f"cannot write {tmp_path}: Is a directory; expected a file" in capsys.readouterr().err


def test_what_is_marked_as_secret_is_in_no_form(
    recorded: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Even where the engine has it in plain, as in the inputs of an earlier update."""
    hidden = "*.sample.svc.cluster.local"
    recorded["config"] = stack_config(
        {"east": {}},
        secret={"exposure"},
        written={"exposure": {"hosts": [{"secure": "v1:abc"}, "*.local"]}},
        exposure={"hosts": [hidden, "*.local"]},
    )
    recorded["preview"] = document("exposure")
    path = tmp_path / "preview.md"
    for form in ("table", "markdown", "json"):
        assert command_line.main(["preview", f"--output={form}", f"--artifact={path}"]) == 0
        shown = capsys.readouterr().out
        assert "[secret]" in shown
        assert hidden not in shown
        assert hidden not in path.read_text(encoding="utf-8")


def test_what_cannot_run_says_why_without_a_secret(
    recorded: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """With an exit code of its own."""
    recorded["config"] = stack_config(
        {"east": {}},
        secret={"mesh"},
        written={"mesh": {"id": {"secure": "v1:abc"}}},
        mesh={"id": "hidden-id"},
    )
    recorded["error"] = "`pulumi preview` fails: hidden-id is not there"
    assert command_line.main(["preview"]) == 2
    assert capsys.readouterr().err == "error: `pulumi preview` fails: [secret] is not there\n"


def test_releases_are_shown_where_nothing_renders_charts(
    recorded: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the reason, and as something that may restart."""
    recorded["preview"] = document("secret")
    assert command_line.main(["preview", "--fail-on", "restart"]) == 1
    shown = capsys.readouterr().out
    assert "its manifests are not known, because Pulumi's kubernetes plugin is not installed here" in shown


@pytest.mark.parametrize(
    ("output", "errors", "message"),
    [
        (json.dumps({"diagnostics": [{"severity": "error", "message": "error: a\n  b"}]}), "", "a\n  b"),
        ("", "error: no stack named 'dev' found\n", "error: no stack named 'dev' found"),
    ],
)
def test_the_errors_of_pulumi_are_passed_on(
    monkeypatch: pytest.MonkeyPatch, output: str, errors: str, message: str
) -> None:
    """Those in its JSON, or what it says where it gives none."""
    done = CompletedProcess([], 255, output, errors)
    monkeypatch.setattr(stack.subprocess, "run", lambda *_, **__: done)
    with pytest.raises(CommandError) as error:
        stack.preview("dev")
    assert str(error.value) == f"`pulumi preview` fails for the stack dev: {message}"
