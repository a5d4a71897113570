"""What the charts come to is read before anything is registered."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import pulumi
import pytest

from mesh.config.sections.istio import IstioSection
from mesh.helm.charts import Render
from mesh.mappings import Json
from mesh.preflight import charts
from tests.builders.charts import Manifests
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import run_config

_CONFIG = {"istio-mesh:mesh": '{"id": "dev"}', "istio-mesh:clusters": '{"east": {"context": "east"}}'}


@contextmanager
def _without_a_load_balancer() -> Generator[Render]:
    def render(istio: IstioSection, chart: str, release: str, values: Mapping[str, Any]) -> tuple[Json, ...]:
        manifests = Manifests(chart)
        if chart == "gateway":
            manifests.one("Service", release)["spec"]["type"] = "ClusterIP"
        return tuple(manifests)

    yield render


def test_charts_that_come_to_no_member_of_the_mesh_are_refused_before_anything_is_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the setting's full path, as in every other refusal."""
    write_kubeconfigs({"east": {"context": "east"}})
    monkeypatch.setattr(charts, "renderer", _without_a_load_balancer)
    with pytest.raises(pulumi.RunError) as refused:
        run_config(_CONFIG)
    first, second = str(refused.value).splitlines()
    assert first == "1 problem in the values for the charts (docs/troubleshooting.md); nothing was changed."
    assert second.startswith("  istio-mesh:istio.version: 1.31.0 has a chart gateway that cannot be used")


def test_charts_that_cannot_be_rendered_stop_nothing_and_are_warned_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine may have no way to the repository yet; what the configuration alone shows is checked."""
    write_kubeconfigs({"east": {"context": "east"}})
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message: warnings.append(message))
    recording = run_config(_CONFIG)
    assert recording.of_type("kubernetes:helm.sh/v3:Release")
    assert warnings == [
        "what the charts come to is not checked: Pulumi's kubernetes plugin is not installed here"
    ]
