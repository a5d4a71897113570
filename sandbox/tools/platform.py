"""The machine that binaries are for, in the names that release pages and Go use."""

import platform
import sys

from sandbox.errors import SandboxError

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """`amd64` or `arm64`; a `SandboxError` on any other machine and on systems other than Linux."""
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _ARCHITECTURES:
        raise SandboxError(
            f"the sandbox runs real nodes and needs Linux on x86_64 or aarch64; this is {sys.platform} on "
            f"{machine}. Use kind clusters instead: examples/kind/ has the stack file and the commands."
        )
    return _ARCHITECTURES[machine]
