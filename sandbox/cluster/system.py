"""Run commands of the system, and say plainly where that is not possible."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import CHECKOUT, cache_dir, state_dir

_INSTEAD = "use kind clusters instead, see examples/kind/"


_SHADOWED = (
    "/run",
    "/var/run",
    "/var/log",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/opt/cni/bin",
    "/etc/cni/net.d",
    "/proc",
)
"""Where a cluster's processes see folders of their own instead of this machine's."""

_INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_WANTED = 1024
"""A cluster takes some 20; many machines allow 128 for all of root's programs together."""


def check_machine() -> None:
    """Refuse a machine that cannot run the sandbox, or a place where it cannot be.

    Raises:
        SandboxError: not Linux, or not root, with what to use instead; or a folder that clusters cannot see.
    """
    if sys.platform != "linux":
        raise SandboxError(f"the sandbox needs Linux (this is {sys.platform}): {_INSTEAD}")
    if os.geteuid() != 0:
        raise SandboxError(f"the sandbox needs root, for its network namespaces and nodes: {_INSTEAD}")
    for folder in (state_dir(), cache_dir(), CHECKOUT):
        if any(folder.is_relative_to(shadowed) for shadowed in _SHADOWED):
            raise SandboxError(
                f"{folder}: clusters see folders of their own below {', '.join(_SHADOWED)}; move this "
                "elsewhere, for example: ISTIO_MESH_SANDBOX=/var/tmp/sandbox"
            )


def raise_inotify_limit(say: Callable[[str], None] = print) -> None:
    """Allow as many inotify instances as several clusters take, and say so: it lasts until a reboot."""
    allowed = int(_INOTIFY_LIMIT.read_text())
    if allowed < _INOTIFY_WANTED:
        _INOTIFY_LIMIT.write_text(str(_INOTIFY_WANTED))
        say(f"fs.inotify.max_user_instances raised from {allowed} to {_INOTIFY_WANTED}, until the next boot")


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
