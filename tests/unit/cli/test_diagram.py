"""`python -m mesh diagram`: what is drawn, in which form, and when clusters are asked."""

from types import SimpleNamespace
from typing import Any

import pytest

from mesh import __main__ as command_line
from mesh.cli import diagram, stack
from mesh.config.resolved import StackConfig
from mesh.health.finding import Finding, Reason
from tests.builders.stacks import stack_config

_FINDING = Finding(reason=Reason.TOKEN_REFUSED, cluster="east", peer="west", message="m", hint="h")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the stacks that were checked; there are the stacks east and west of one mesh, and `all`."""
    asked: list[str] = []
    configs = {
        "all": stack_config({"east": {}, "west": {}}),
        "east": stack_config({"east": {}}, peers={"west": {"stack": "organization/istio-mesh/west"}}),
        "west": stack_config({"west": {}}, peers={"east": {"stack": "organization/istio-mesh/east"}}),
    }

    def checked(_config: StackConfig, name: str) -> Any:
        asked.append(name)
        return SimpleNamespace(findings=(_FINDING,))

    monkeypatch.setattr(stack, "workspace", SimpleNamespace)
    monkeypatch.setattr(stack, "configuration", lambda _, name: configs[name])
    monkeypatch.setattr(diagram, "checked", checked)
    return asked


def test_the_configuration_is_drawn_without_asking_a_cluster(
    checks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """As Mermaid, unless something else is wanted."""
    assert command_line.main(["diagram", "--stack", "all"]) == 0
    assert capsys.readouterr().out.startswith("flowchart LR\n")
    assert command_line.main(["diagram", "--stack", "all", "--output", "svg"]) == 0
    assert capsys.readouterr().out.startswith("<svg ")
    assert checks == []


@pytest.mark.parametrize("form", ["mermaid", "svg"])
def test_what_a_check_finds_is_marked_in_a_live_picture(
    checks: list[str], capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """In both forms; that something is broken is no failure of the command."""
    assert command_line.main(["diagram", "--stack", "all", "--live", "--output", form]) == 0
    assert "token-refused" in capsys.readouterr().out
    assert checks == ["all"]


def test_the_stacks_of_a_split_mesh_are_one_picture(
    checks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each cluster is there once, with its version."""
    assert command_line.main(["diagram", "--stack", "east", "--stack", "west"]) == 0
    drawn = capsys.readouterr().out
    assert drawn.count("Istio 1.31.0") == 2
    assert drawn.count("<-->") == 1
    assert checks == []


def test_a_label_selects_in_its_own_stack_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Stacks that are drawn together do not become one."""
    configs = {
        "first": stack_config({"a": {"sees": ["x=y"]}, "b": {"labels": {"x": "y"}, "sees": []}}),
        "second": stack_config({"c": {"labels": {"x": "y"}, "sees": []}}),
    }
    monkeypatch.setattr(stack, "workspace", SimpleNamespace)
    monkeypatch.setattr(stack, "configuration", lambda _, name: configs[name])
    assert command_line.main(["diagram", "--stack", "first", "--stack", "second"]) == 0
    ways = [line for line in capsys.readouterr().out.splitlines() if "-->" in line]
    assert ways == ['  cluster_a -->|"mTLS 15443"| cluster_b']
