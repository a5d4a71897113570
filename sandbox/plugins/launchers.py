"""The small scripts by which Pulumi starts stand-ins."""

import shlex
import sys
from pathlib import Path

from sandbox.paths import CHECKOUT

MODULES = {
    "language-python": "standins.language.host",
    "resource-tls": "standins.tls.provider",
    "resource-random": "standins.random.provider",
}
"""Each stand-in and the module that serves it."""

_MARK = "# A stand-in for Pulumi's own plugin, written by sandbox.plugins.install"
# -I keeps the working directory and PYTHONPATH, which are the program's, out of the plugin's imports.
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from {module} import main; main()"


def write(launcher: Path, name: str) -> None:
    """Write the launcher of a plugin's stand-in, for this Python and this checkout."""
    command = [sys.executable, "-I", "-c", _START.format(module=MODULES[name]), str(CHECKOUT)]
    # Another process may be starting the plugin: the file is there whole, or not at all.
    draft = launcher.with_suffix(".new")
    launcher.parent.mkdir(parents=True, exist_ok=True)
    draft.write_text(f'#!/bin/sh\n{_MARK}\nexec {shlex.join(command)} "$@"\n')
    draft.chmod(0o755)
    draft.replace(launcher)


def is_launcher(file: Path) -> bool:
    """Whether the file starts a stand-in, of this checkout or of another."""
    mark = f"#!/bin/sh\n{_MARK}\n".encode()
    try:
        with file.open("rb") as script:
            return script.read(len(mark)) == mark
    except FileNotFoundError:
        return False
