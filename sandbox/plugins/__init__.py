"""Pulumi's plugins for this machine: the official ones where they can be had, else stand-ins.

The program needs four: the Python language host and the providers kubernetes, tls and random.
Pulumi looks for a plugin on the path first, then in its plugin cache
(`sdk/go/common/workspace/plugins.go` in pulumi/pulumi), so a stand-in is a launcher in a folder
that is put on the path, and is only written where no official plugin is at hand.
"""

import dataclasses
from importlib.metadata import version
from pathlib import Path

from sandbox.plugins import launchers, official

_STAND_IN = "stand-in of the sandbox"


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

    A stand-in that is in `bin_dir` already is kept without asking for a download again; remove it
    to have that tried anew. An official plugin on the path or in Pulumi's cache always wins.
    """
    plugins = []
    downloads = official.Downloads(bin_dir)
    for name, package in launchers.PACKAGES.items():
        plugins.append(_install(bin_dir, name, version(package), downloads))
    return plugins


def _install(bin_dir: Path, name: str, wanted: str, downloads: official.Downloads) -> Plugin:
    found = official.find(name, wanted, bin_dir)
    if found is None and not launchers.is_written(bin_dir, name) and downloads.get(name, wanted):
        found = official.Found(version=wanted, origin="downloaded by pulumi")
    if found is not None:
        launchers.remove(bin_dir, name)
        return Plugin(name=name, version=found.version, origin=found.origin)
    launchers.write(bin_dir, name)
    return Plugin(name=name, version=wanted, origin=_STAND_IN)
