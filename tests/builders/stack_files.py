"""Stack files as Pulumi hands them over: with real values in place of what is encrypted."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mesh.mappings import as_map
from tests.builders.certificates import Authority, authority


@cache
def client() -> Authority:
    """Whose certificate and key are in the place of those for a relay."""
    return authority("peer", ca=False)


def decrypted(stack_file: Path) -> dict[str, Any]:
    """The configuration of a stack file; client certificates are made to fit their keys."""
    return _decrypted(yaml.safe_load(stack_file.read_text(encoding="utf-8"))["config"])


def secrets(stack_file: Path) -> frozenset[str]:
    """The keys that hold secrets."""
    config = yaml.safe_load(stack_file.read_text(encoding="utf-8"))["config"]
    return frozenset(key for key, value in config.items() if "'secure'" in str(value))


def _decrypted(value: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: _decrypted(inner) if as_map(inner) else inner for key, inner in value.items()}
    if "secure" in (as_map(found.get("clientKey")) or {}):
        found |= {"clientKey": client().key_pem, "clientCertificate": client().pem}
    return found
