"""Helm releases are of charts that anybody can look up."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.config.types import version_tuple
from policy.resources import RELEASE, Resource

_FOLDERS = (".", "/", "~")


def charts_pinned(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """What of a release's chart may be another one tomorrow."""
    if resource.type != RELEASE:
        return
    chart, version = str(resource.get("chart") or ""), resource.get("version")
    if chart.startswith(_FOLDERS) or not (
        chart.startswith("oci://") or resource.get("repositoryOpts", "repo")
    ):
        yield f"chart {chart!r} comes from no repository; expected `repositoryOpts.repo`, or an oci:// chart"
    try:
        version_tuple(str(version or ""))
    except ValueError:
        found = f"the range {version!r}" if version else "no version"
        yield f"chart {chart!r} has {found}; expected one exact version, for example 1.31.0"
