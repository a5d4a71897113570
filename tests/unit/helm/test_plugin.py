"""Pulumi's kubernetes plugin as the one that renders charts."""

import stat
from importlib.metadata import version
from pathlib import Path

import pytest

from mesh.helm.errors import ChartRefusedError, ChartUnavailableError
from mesh.helm.plugin import Plugin, failure, find

_NAME = "pulumi-resource-kubernetes"


def _program(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_plugin_is_the_one_that_pulumi_would_use(tmp_path: Path) -> None:
    """On the path first, then what Pulumi has installed for the SDK; no other version."""
    environment = {"PATH": str(tmp_path / "bin"), "PULUMI_HOME": str(tmp_path / "home")}
    plugins = tmp_path / "home" / "plugins"
    _program(plugins / "resource-kubernetes-v3.0.0" / _NAME)
    assert find(environment) is None
    own = _program(plugins / f"resource-kubernetes-v{version('pulumi-kubernetes')}" / _NAME)
    assert find(environment) == own
    on_path = _program(tmp_path / "bin" / _NAME)
    assert find(environment) == on_path


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 1\n", "no program", "#!/nowhere/sh\n"])
def test_a_plugin_that_does_not_start_renders_nothing(tmp_path: Path, text: str) -> None:
    """It is said, and no more: nothing is wrong with the values."""
    with pytest.raises(ChartUnavailableError, match="does not start"):
        Plugin(_program(tmp_path / _NAME, text))


_RENDERING = "failed to generate YAML for specified Helm chart: failed to create chart from template: "


_INCLUDED = (
    'template: istiod/templates/configmap.yaml:78:21: executing "x" at <include "mesh" .>: error calling '
    'include: template: istiod/templates/configmap.yaml:10:30: executing "mesh" at <.Values.meshConfig>: '
)


@pytest.mark.parametrize(
    ("details", "message"),
    [
        (
            _RENDERING + "values don't meet the specifications of the schema(s) in the following chart(s):\n"
            "gateway:\n- at '': additional properties 'foo' not allowed\n- at '/service/type': got null",
            "the chart's schema refuses it: values: additional properties 'foo' not allowed; service.type: "
            "got null",
        ),
        (
            _RENDERING + "execution error at (istiod/templates/zzz_profile.yaml:31:3): unknown profile foo",
            "the chart cannot be rendered with it: unknown profile foo",
        ),
        (
            _RENDERING + _INCLUDED + "can't evaluate field rootNamespace in type interface {}",
            "the chart cannot be rendered with it: can't evaluate field rootNamespace in type interface {}",
        ),
        (
            "failed to decode YAML for specified Helm chart: error converting YAML to JSON: yaml: line 7",
            "the chart cannot be rendered with it: error converting YAML to JSON: yaml: line 7",
        ),
    ],
)
def test_a_chart_that_refuses_values_says_why(details: str, message: str) -> None:
    """In its own words, without the way there."""
    refused = failure(details)
    assert isinstance(refused, ChartRefusedError)
    assert str(refused) == message


@pytest.mark.parametrize(
    "details",
    [
        "failed to generate YAML for specified Helm chart: failed to pull chart: no such host",
        "failed to generate YAML for specified Helm chart: failed to load chart from temp directory: no file",
        "Socket closed",
    ],
)
def test_a_chart_that_cannot_be_had_is_no_fault_of_the_values(details: str) -> None:
    """Nor is a plugin that has ended."""
    assert isinstance(failure(details), ChartUnavailableError)
