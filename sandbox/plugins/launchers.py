"""The small scripts by which Pulumi starts the sandbox's stand-ins."""

import shlex
import sys
from pathlib import Path

from sandbox.paths import CHECKOUT

# Each plugin and the Python package whose version it goes with.
PACKAGES = {
    "language-python": "pulumi",
    "resource-kubernetes": "pulumi-kubernetes",
    "resource-tls": "pulumi-tls",
    "resource-random": "pulumi-random",
}
_MODULES = {
    "language-python": "sandbox.plugins.language.host",
    "resource-kubernetes": "sandbox.plugins.kubernetes.provider",
    "resource-tls": "sandbox.plugins.tls.provider",
    "resource-random": "sandbox.plugins.random.provider",
}
_MARK = "# A stand-in for Pulumi's own plugin, written by sandbox.plugins.install"
# -I keeps the working directory and PYTHONPATH, which are the program's, out of the plugin's imports.
_START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from {module} import main; main()"


def path(bin_dir: Path, name: str) -> Path:
    """Give the file by which Pulumi finds the plugin."""
    return bin_dir / f"pulumi-{name}"


def write(bin_dir: Path, name: str) -> None:
    """Write the launcher of a plugin's stand-in, for this Python and this checkout."""
    command = [sys.executable, "-I", "-c", _START.format(module=_MODULES[name]), str(CHECKOUT)]
    launcher = path(bin_dir, name)
    # Another process may be starting the plugin: the file is there whole, or not at all.
    draft = launcher.with_suffix(".new")
    bin_dir.mkdir(parents=True, exist_ok=True)
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


def is_written(bin_dir: Path, name: str) -> bool:
    """Whether the stand-in's launcher is in place."""
    return is_launcher(path(bin_dir, name))


def remove(bin_dir: Path, name: str) -> None:
    """Remove the stand-in's launcher, if it is there; an official plugin's file is left alone."""
    if is_written(bin_dir, name):
        path(bin_dir, name).unlink()
