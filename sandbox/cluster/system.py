"""Run commands of the system, and say plainly where that is not possible."""

import os
import subprocess
import sys
from collections.abc import Sequence

from sandbox.errors import SandboxError

_INSTEAD = "use kind clusters instead, see examples/kind/"


def check_machine() -> None:
    """Refuse a machine that cannot run the sandbox.

    Raises:
        SandboxError: not Linux, or not root; with what to use instead.
    """
    if sys.platform != "linux":
        raise SandboxError(f"the sandbox needs Linux (this is {sys.platform}): {_INSTEAD}")
    if os.geteuid() != 0:
        raise SandboxError(f"the sandbox needs root, for its network namespaces and nodes: {_INSTEAD}")


def run(
    argv: Sequence[str], *, given: str | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command of the system and return what it said.

    Raises:
        SandboxError: it is not there, or (with `check`) it failed; with its own last words.
    """
    try:
        done = subprocess.run(list(argv), input=given, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise SandboxError(f"{argv[0]} is not installed; get it: python -m sandbox setup") from error
    if check and done.returncode != 0:
        words = done.stderr.strip().splitlines()[-3:]
        raise SandboxError(f"{argv[0]}: {' '.join(words) or f'exit code {done.returncode}'}")
    return done
