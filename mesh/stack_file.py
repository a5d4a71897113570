"""The file in which Pulumi has a stack's configuration, as it is written."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mesh.mappings import as_map


def stack_file(stack: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Where Pulumi has the stack's configuration; relative to the project's folder.

    `stack` is its name, with or without organization and project before it.
    """
    name = stack.rpartition("/")[2]
    return Path(environment.get("PULUMI_OPTION_CONFIG_FILE") or f"Pulumi.{name}.yaml")


def settings(path: Path) -> Mapping[str, Any]:
    """The stack file's contents; nothing where there is none, as with configuration kept by a service."""
    try:
        return as_map(yaml.safe_load(path.read_text(encoding="utf-8"))) or {}
    except FileNotFoundError:
        return {}
