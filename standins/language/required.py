"""Which of Pulumi's plugins the packages of a program's environment need.

The rules are those of pulumi-language-python (`packageDependencyFromPluginJSON` in its main.go): a
package needs a plugin when its `pulumi-plugin.json` says so, or when its name begins with `pulumi-`.
"""

import re
from collections.abc import Iterable

from pulumi.runtime.proto import plugin_pb2

from standins.language.environment import Package

# Packages by Pulumi that have neither a plugin nor a file that says so.
_WITHOUT_PLUGIN = frozenset({"pulumi-policy", "pulumi-esc-sdk"})
_VERSION = re.compile(r"(?P<release>\d+(\.\d+)*)((?P<phase>a|b|rc)(?P<number>\d+))?$")
_PHASES = {"a": "alpha", "b": "beta", "rc": "rc"}


def required_plugins(packages: Iterable[Package]) -> list[plugin_pb2.PackageDependency]:
    """Give the plugins that these packages need."""
    found = (_dependency(package) for package in packages)
    return [dependency for dependency in found if dependency is not None]


def semantic_version(version: str) -> str | None:
    """Translate a Python package's version: `1.2rc4` is `1.2.0-rc.4`; None where there is no counterpart."""
    parts = _VERSION.match(version)
    if parts is None:
        return None
    release = parts["release"].split(".")
    release += ["0"] * (3 - len(release))
    phase = f"-{_PHASES[parts['phase']]}.{parts['number']}" if parts["phase"] else ""
    return ".".join(release) + phase


def _dependency(package: Package) -> plugin_pb2.PackageDependency | None:
    said = package.plugin
    if package.name in _WITHOUT_PLUGIN or (said is not None and not said.get("resource")):
        return None
    if said is None and not package.name.startswith("pulumi-"):
        return None
    said = said or {}
    version = said.get("version") or semantic_version(package.version)
    if version is None:
        return None
    return plugin_pb2.PackageDependency(
        name=said.get("name") or package.name.removeprefix("pulumi-"),
        kind="resource",
        version="v" + version.removeprefix("v"),
        server=said.get("server", ""),
    )
