"""Previews of real updates, as the engine gave them, and made-up ones."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mesh.digest.digest import digest
from mesh.digest.releases import RenderedChange, release_changes
from mesh.digest.report import PreviewReport
from mesh.digest.steps import Preview, read

_RECORDINGS = Path(__file__).resolve().parents[1] / "recordings" / "previews"


def document(name: str) -> dict[str, Any]:
    """Return a recorded preview of a mesh of east and west, by the name of the change."""
    return json.loads((_RECORDINGS / f"{name}.json").read_text(encoding="utf-8"))


def preview(name: str) -> Preview:
    """Return the steps of a recorded preview."""
    return read(document(name))


def report(found: Preview, manifests: Mapping[str, RenderedChange] | None = None) -> PreviewReport:
    """Return the digest of a preview; `manifests` are those of a release by its name, none by default."""
    rendered = manifests or {}
    return digest(
        "dev",
        found,
        [(change, rendered.get(change.name, RenderedChange())) for change in release_changes(found)],
    )
