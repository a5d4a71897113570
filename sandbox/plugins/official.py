"""Where Pulumi's own plugins are found on this machine, and how they are downloaded."""

import dataclasses
import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

import requests

from sandbox.plugins import built, launchers

# Pulumi itself asks several sites several times before it gives up; one answer here is enough to try.
_DOWNLOAD_SITE = "https://get.pulumi.com"
_ANSWER_SECONDS = 3
_DOWNLOAD_SECONDS = 120
_VERSION_SECONDS = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """An official plugin that Pulumi will find by itself: its version and where it comes from."""

    version: str
    origin: str


def path(folder: Path, name: str) -> Path:
    """Return the file by which Pulumi finds the plugin in a folder."""
    return folder / f"pulumi-{name}"


def is_substitute(file: Path) -> bool:
    """Whether the file is what the sandbox, of this checkout or another, uses in place of a release."""
    return launchers.is_launcher(file) or built.is_built(file)


def find(name: str, wanted: str, bin_dir: Path) -> Found | None:
    """Look for the plugin as Pulumi does: on the path, beside the Pulumi CLI, in its plugin cache."""
    for folder in [*_search_path(bin_dir), *_beside_pulumi(bin_dir)]:
        file = path(folder, name)
        if os.access(file, os.X_OK) and not is_substitute(file):
            return Found(version=_version_of(file), origin=str(file))
    kind, _, package = name.partition("-")
    cached = _plugin_cache() / f"{kind}-{package}-v{wanted}"
    # Pulumi leaves a .partial beside a folder that a broken download has left.
    if cached.is_dir() and not cached.with_name(f"{cached.name}.partial").exists():
        return Found(version=wanted, origin=str(cached))
    return None


class Downloads:
    """Downloads by `pulumi plugin install`; after the first that fails no other is tried."""

    def __init__(self, bin_dir: Path) -> None:
        self._pulumi = _pulumi(bin_dir)

    def get(self, name: str, wanted: str) -> bool:
        """Download a plugin into Pulumi's cache; whether that worked."""
        kind, _, package = name.partition("-")
        # Language hosts are not downloaded: they come with the CLI, or not at all.
        if self._pulumi is None or kind != "resource" or not self._site_answers:
            return False
        command = [self._pulumi, "plugin", "install", kind, package, f"v{wanted}"]
        try:
            done = subprocess.run(
                command,
                timeout=_DOWNLOAD_SECONDS,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            done = None
        if done is None or done.returncode != 0:
            self._pulumi = None
            return False
        return True

    @functools.cached_property
    def _site_answers(self) -> bool:
        try:
            requests.head(_DOWNLOAD_SITE, timeout=_ANSWER_SECONDS)
        except requests.RequestException:
            return False
        return True


def _search_path(bin_dir: Path) -> list[Path]:
    return [bin_dir, *(Path(folder) for folder in os.get_exec_path())]


def _pulumi(bin_dir: Path) -> str | None:
    return shutil.which("pulumi", path=os.pathsep.join(str(folder) for folder in _search_path(bin_dir)))


def _beside_pulumi(bin_dir: Path) -> list[Path]:
    pulumi = _pulumi(bin_dir)
    return [Path(pulumi).resolve().parent] if pulumi else []


def _plugin_cache() -> Path:
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"


def _version_of(file: Path) -> str:
    """Ask the plugin itself; some do not answer the question and would wait for an engine instead."""
    try:
        done = subprocess.run(
            [file, "-version"],
            timeout=_VERSION_SECONDS,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "of unknown version"
    found = re.search(r"\d+\.\d+\.\d+\S*", done.stdout)
    return found[0] if found else "of unknown version"
