"""What is known of Istio's versions is told in every preview and update."""

import json

import pulumi
import pytest

from tests.program.conftest import write_kubeconfigs
from tests.program.recording import run_config


def test_a_version_far_behind_and_one_with_a_defect_are_warned_of_and_stop_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the setting's full path, as `pulumi up` shows problems."""
    clusters = {
        "east": {"context": "east", "istio": {"version": "1.30.3"}},
        "west": {"context": "west", "istio": {"version": "1.28.9"}},
    }
    write_kubeconfigs(clusters)
    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", lambda message: warnings.append(message))
    recording = run_config(
        {"istio-mesh:mesh": '{"id": "dev"}', "istio-mesh:clusters": json.dumps(clusters)}, preview=True
    )
    assert recording.of_type("kubernetes:helm.sh/v3:Release")
    behind, *defects = [warning for warning in warnings if warning.startswith("istio-mesh:")]
    assert behind.startswith(
        "istio-mesh:clusters.west.istio.version: Istio 1.28.9 in west is 2 minor versions"
    )
    assert [warning.rpartition("issues/")[2] for warning in defects] == ["60920)", "61043)"]
