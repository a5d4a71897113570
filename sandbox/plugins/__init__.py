"""Pulumi's plugins for this machine: the official ones where they can be had, else the next best.

The program needs four: the Python language host and the providers kubernetes, tls and random. Where its
release cannot be downloaded, the kubernetes provider is built from its Go module; for the others, which no
registry has, there are stand-ins.
Pulumi looks for a plugin on the path first, then in its plugin cache
(`sdk/go/common/workspace/plugins.go` in pulumi/pulumi), so what is built is a link, and a stand-in is a
launcher, in a folder that is put on the path. They are only there where no official release is at hand.
"""

import dataclasses
from importlib.metadata import version
from pathlib import Path

from sandbox.plugins import built, launchers, official

PACKAGES = {
    "language-python": "pulumi",
    "resource-kubernetes": "pulumi-kubernetes",
    "resource-tls": "pulumi-tls",
    "resource-random": "pulumi-random",
}
"""Each plugin and the Python package whose version it goes with."""

_BUILT = "built from Pulumi's Go module"
_STAND_IN = "stand-in of this repository"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plugin:
    """A plugin that Pulumi will use: `name` as in its file name, such as `resource-tls`."""

    name: str
    version: str
    origin: str

    def __str__(self) -> str:
        """Describe the plugin in a line for the user."""
        return f"pulumi-{self.name} {self.version} ({self.origin})"


def install(bin_dir: Path) -> list[Plugin]:
    """Make the program's plugins available to a Pulumi that is run with `bin_dir` first on its path.

    What is in `bin_dir` already is kept without asking for a download again; remove it to have that tried
    again. An official plugin on the path or in Pulumi's cache always wins.

    Raises:
        SandboxError: the kubernetes provider can be neither downloaded nor built.
    """
    downloads = official.Downloads(bin_dir)
    return [_install(bin_dir, name, version(package), downloads) for name, package in PACKAGES.items()]


def _install(bin_dir: Path, name: str, wanted: str, downloads: official.Downloads) -> Plugin:
    file = official.path(bin_dir, name)
    found = official.find(name, wanted, bin_dir)
    if found is None and not official.is_substitute(file) and downloads.get(name, wanted):
        found = official.Found(version=wanted, origin="downloaded by pulumi")
    if found is not None:
        if official.is_substitute(file):
            file.unlink()
        return Plugin(name=name, version=found.version, origin=found.origin)
    if name == built.NAME:
        return Plugin(name=name, version=built.put(file), origin=_BUILT)
    launchers.write(file, name)
    return Plugin(name=name, version=wanted, origin=_STAND_IN)
