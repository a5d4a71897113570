"""What Istio's charts come to with this program's own values, for tests to break."""

import json
import re
from pathlib import Path
from typing import Any

_RECORDING = Path(__file__).resolve().parents[1] / "recordings" / "charts.json"


class Manifests(list[dict[str, Any]]):
    """The manifests of one chart for a cluster of mesh dev; east is the one that was recorded."""

    def __init__(self, chart: str, cluster: str = "east") -> None:
        text = re.sub(r"\beast\b", cluster, _RECORDING.read_text(encoding="utf-8"))
        super().__init__(json.loads(text)[chart])

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """The object of that kind and name."""
        (found,) = [m for m in self if m["kind"] == kind and m["metadata"]["name"] == name]
        return found

    def pod(self, kind: str, name: str) -> dict[str, Any]:
        """The pod template of a Deployment or DaemonSet."""
        return self.one(kind, name)["spec"]["template"]
