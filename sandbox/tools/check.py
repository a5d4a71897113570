"""Whether a binary is the tool at the version that is wanted, told by running it."""

import os
import re
import subprocess
from pathlib import Path

from sandbox.tools.catalogue import Tool

_TIMEOUT_SECONDS = 30
_ELF_MAGIC = b"\x7fELF"


def reports(output: str, version: str) -> bool:
    """Whether a tool's version output names `version` itself, not a longer or suffixed one."""
    return re.search(rf"(?<![\d.]){re.escape(version)}(?![\w.-])", output) is not None


def problem(tool: Tool, binary: Path) -> str | None:
    """Why `binary` is not `tool` at its pinned version; None if it is, or if it cannot say.

    Scripts do not count: a wrapper of the same name may need the environment that it was made for.
    """
    try:
        with binary.open("rb") as file:
            if file.read(len(_ELF_MAGIC)) != _ELF_MAGIC:
                return "is no Linux binary"
        if tool.version_args is None:
            return None
        done = subprocess.run(
            [binary, *tool.version_args],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
            check=False,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot be run: {error}"
    output = (done.stdout + done.stderr).strip()
    if done.returncode != 0:
        return f"ends with exit code {done.returncode}: {output[:200]}"
    if not reports(output, tool.version):
        return f"says {' '.join(output.split())[:80]!r}, not {tool.version}"
    return None
