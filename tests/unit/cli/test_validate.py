"""`python -m mesh validate`: all findings at once, and the exit code."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from mesh import __main__ as command_line
from mesh.cli import stack, validate
from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.load import load
from tests.builders.kubeconfigs import kubeconfig
from tests.program.recording import PROJECT

_CHARTS_UNKNOWN = "what the charts come to is not checked: the repository is away"
_SERVERS = {name: f"https://{name}.example.com:6443" for name in ("east", "west", "north")}

Validate = Callable[..., tuple[int, str]]


@pytest.fixture
def validated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Validate:
    """Give the exit code and the output for stacks by name, each as its file has it.

    `charts` is what they come to: problems, and why that is not known.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PULUMI_OPTION_CONFIG_FILE", raising=False)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    work = SimpleNamespace(project_settings=lambda: SimpleNamespace(name="istio-mesh"))

    def run(
        stacks: Mapping[str, str],
        *arguments: str,
        charts: Callable[[StackConfig], tuple[list[Problem], str | None]] = lambda _: ([], None),
        secret: frozenset[str] = frozenset(),
    ) -> tuple[int, str]:
        def loaded(_work: Any, name: str) -> Any:
            return load(
                yaml.safe_load(stacks[name]),
                read=lambda _: kubeconfig(_SERVERS),
                secret=secret,
                path_prefix="istio-mesh:",
            )

        monkeypatch.setattr(stack, "workspace", lambda: work)
        monkeypatch.setattr(stack, "loaded", loaded)
        monkeypatch.setattr(validate.charts, "checked", charts)
        named = [word for name in stacks for word in ("--stack", name)]
        code = command_line.main(["validate", *named, *arguments])
        return code, capsys.readouterr().out

    return run


_TWO = "{mesh: {id: dev}, clusters: {east: {context: east}, west: {context: west}}}"


def test_a_stack_with_nothing_wrong_passes(validated: Validate) -> None:
    """And says so in one line."""
    assert validated({"dev": _TWO}) == (0, "stack dev: no errors, no warnings\n")


def test_errors_and_warnings_of_every_kind_are_told_at_once(validated: Validate, tmp_path: Path) -> None:
    """Each with its place in the stack file; the errors first."""
    (tmp_path / "Pulumi.dev.yaml").write_text("encryptionsalt: v1:abc\n", encoding="utf-8")
    written = """
    mesh: {id: Dev}
    istio: {version: 1.30.3}
    clusters: {east: {context: east}, west: {context: east}}
    """
    fault = Problem(path="istio.values.gateway.service.type", message="makes the Service a ClusterIP")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PULUMI_CONFIG_PASSPHRASE", "")
        code, output = validated({"dev": written}, "--output", "json", charts=lambda _: ([fault], None))
    report = json.loads(output)
    assert code == 1
    assert report["passed"] is False
    assert [(f["severity"], f["path"]) for f in report["findings"]] == [
        ("error", "secretsprovider"),
        ("error", "istio-mesh:mesh.id"),
        ("error", "istio-mesh:clusters.west.context"),
        ("error", "istio-mesh:istio.values.gateway.service.type"),
        ("warning", "istio-mesh:istio.version"),
        ("warning", "istio-mesh:istio.version"),
    ]
    assert {f["stack"] for f in report["findings"]} == {"dev"}


def test_warnings_alone_do_not_fail(validated: Validate) -> None:
    """Charts that cannot be had are one; with several stacks each finding names its own."""
    written = "{mesh: {id: dev}, clusters: {east: {context: east}}}"
    code, output = validated({"dev": written}, charts=lambda _: ([], _CHARTS_UNKNOWN))
    assert code == 0
    assert output.splitlines() == [
        "warning: istio-mesh:istio",
        f"  {_CHARTS_UNKNOWN}",
        "",
        "stack dev: no errors, 1 warning",
    ]


def test_what_the_rules_refuse_the_charts_do_not_refuse_again(validated: Validate) -> None:
    """One mistake is one finding."""
    written = "{mesh: {id: dev}, istio: {values: {gateway: {name: gw}}}, clusters: {east: {context: east}}}"
    fault = Problem(path="istio.values.gateway.name", message="there is no Service of that name")
    code, output = validated({"dev": written}, charts=lambda _: ([fault], None))
    assert code == 1
    assert output.count("istio-mesh:istio.values.gateway.name") == 1
    assert "there is no Service" not in output


def test_an_invalid_version_is_not_judged_by_the_default_one(validated: Validate) -> None:
    """Versions and charts are not checked then, and that is told."""

    def never(_config: StackConfig) -> tuple[list[Problem], None]:
        raise AssertionError("the charts of the default version say nothing")

    written = "{mesh: {id: dev}, istio: {version: 1.2.3}, clusters: {east: {context: east}}}"
    code, output = validated({"dev": written}, charts=never)
    assert code == 1
    assert "warning: istio-mesh:istio\n" in output


def test_a_cluster_without_a_kubeconfig_here_has_a_version_nevertheless(validated: Validate) -> None:
    """Its kubeconfig is an error, and hides nothing."""
    written = """
    mesh: {id: dev}
    clusters: {east: {context: east}, gone: {context: gone, istio: {version: 1.28.0}}}
    """
    code, output = validated({"dev": written})
    assert code == 1
    assert "error: istio-mesh:clusters.gone.kubeconfig" in output
    assert "warning: istio-mesh:clusters.gone.istio.version" in output


def test_the_stacks_of_a_split_mesh_are_held_against_each_other(validated: Validate) -> None:
    """Versions over all of them, the mesh that they belong to, and who is to see whom."""
    east = """
    mesh: {id: dev}
    clusters: {east: {context: east}}
    peers: {west: {stack: organization/istio-mesh/west}}
    """
    west = """
    mesh: {id: prod}
    istio: {version: 1.28.9}
    clusters: {west: {context: west}}
    """
    code, output = validated({"east": east, "west": west})
    assert code == 1
    assert "error: istio-mesh:peers.west.stack (east)" in output
    assert "warning: istio-mesh:istio.version (west)" in output
    assert output.endswith("stacks east, west: 1 error, 1 warning\n")


def test_the_report_on_the_page_is_what_the_command_prints(validated: Validate) -> None:
    """A reader compares it with their own."""
    written = """
    mesh: {id: dev}
    istio: {version: 1.30.3}
    clusters: {east: {context: east}, west: {context: west, gateway: {enabled: false}}}
    """
    _, output = validated({"dev": written})
    page = (PROJECT / "docs/validate.md").read_text(encoding="utf-8")
    assert f"$ python -m mesh validate\n{output}```" in page, output


def test_no_secret_is_in_the_report(validated: Validate) -> None:
    """Not even where the charts repeat it."""
    written = "{mesh: {id: dev}, istio: {values: {istiod: {a: hunter2}}}, clusters: {east: {context: east}}}"
    fault = Problem(path="istio.values.istiod.a", message="'hunter2' is no number")
    for form in ("table", "json"):
        _, output = validated(
            {"dev": written},
            "--output",
            form,
            charts=lambda _: ([fault], None),
            secret=frozenset({"istio"}),
        )
        assert "hunter2" not in output
        assert "is no number" in output
