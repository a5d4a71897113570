"""What was measured on: machine, versions, plugins. Nothing tells one machine from others of its kind."""

import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mesh.versions import ISTIO
from sandbox import versions
from sandbox.cluster import supplies


def gathered() -> dict[str, Any]:
    """The facts, for the first line of the data."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "cpu": cpu_model(Path("/proc/cpuinfo").read_text(encoding="utf-8")),
        "kernel": platform.release().partition("-")[0],
        "python": platform.python_version(),
        "versions": {
            "Kubernetes": versions.KUBERNETES,
            "Istio": ISTIO,
            "Pulumi": versions.PULUMI,
            "Helm": versions.HELM,
        },
        "plugins": plugins(supplies.ensure().plugins),
    }


def cpu_model(cpuinfo: str) -> str:
    """The processor's name in /proc/cpuinfo. Pure."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, flags=re.MULTILINE)
    return " ".join(found[1].split()) if found else "unknown"


def plugins(lines: Iterable[str]) -> dict[str, str]:
    """Of lines such as `pulumi-resource-tls 5.6.2 (stand-in of this repository)`: name, version, kind. Pure.

    Where a release was found is left out: it is a path of one machine.
    """
    found = {}
    for line in lines:
        name, _, rest = line.removeprefix("pulumi-").partition(" ")
        version, _, origin = rest.partition(" (")
        found[name] = f"{version} {_kind(origin)}"
    return found


def _kind(origin: str) -> str:
    kinds = ("stand-in", "built")
    return next((kind for kind in kinds if origin.startswith(kind)), "official")


def caption(facts: dict[str, Any]) -> str:
    """The facts as one paragraph. Pure."""
    machine = f"{facts['cores']} cores ({facts['cpu']}), {facts['memory_gib']} GiB, Linux {facts['kernel']}"
    software = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    plugins = ", ".join(f"{name} {version}" for name, version in facts["plugins"].items())
    return f"{machine}; {software}, Python {facts['python']}; plugins: {plugins}."
