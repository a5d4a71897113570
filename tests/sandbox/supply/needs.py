"""What tests of supplies need of the machine. `make test` provides all of it, and skips none of them."""

import os
import shutil

import pytest

_ROOT = os.geteuid() == 0

needs_root = pytest.mark.skipif(not _ROOT, reason="chroot and containerd take root")
needs_go = pytest.mark.skipif(shutil.which("go") is None, reason="Go is not on PATH")
needs_commands = pytest.mark.skipif(
    not _ROOT and not all(map(shutil.which, ("busybox", "curl"))),
    reason="busybox and curl are not installed, which takes root",
)
"""As root, a missing command is a failure: `python -m sandbox setup` installs it."""
