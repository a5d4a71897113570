"""The measurements, one in a line of JSON, kept beside the documentation that shows them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.paths import CHECKOUT

FILE = CHECKOUT / "docs" / "benchmarks" / "scale.jsonl"


def append(row: Mapping[str, Any], file: Path = FILE) -> None:
    """Keep one more measurement."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(_rounded(row)) + "\n")


def read(file: Path = FILE) -> list[dict[str, Any]]:
    """All measurements in the order in which they were made."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 2) if isinstance(value, float) else value
