"""Istio's own integration tests, and the programs of the images that they deploy, from Istio's Go module.

They are built like the tools, and kept in the cache by the version of the module. They are no tools of the
catalogue: they report no version, and only those who run the tests build them.
"""

import time
from collections.abc import Callable
from pathlib import Path

from sandbox import cache, paths, versions
from sandbox.tools import go
from sandbox.tools.catalogue import GoBuild

GROUP = "istio-tests"
"""The folder below `modules` that pins them."""

_ROOT = "istio.io/istio"

SUITES = {
    "pilot": "tests/integration/pilot",
    "security": "tests/integration/security",
    "cacert_rotation": "tests/integration/security/cacert_rotation",
}
"""The folder of each suite in istio/istio."""

PROGRAMS = {
    "client": "pkg/test/echo/cmd/client",
    "server": "pkg/test/echo/cmd/server",
    "extauthz": "samples/extauthz/cmd/extauthz",
    "jwt-server": "samples/jwt-server/src",
}
"""The folder of each program in istio/istio."""


def packages() -> list[str]:
    """The Go packages of all suites and programs."""
    return [f"{_ROOT}/{folder}" for folder in (*SUITES.values(), *PROGRAMS.values())]


def source() -> Path:
    """The folder of Istio's source, which is read-only: fetched where it is missing.

    Raises:
        SandboxError: it cannot be fetched.
    """
    return go.module_dir(GROUP, _ROOT)


def suite(name: str, *, say: Callable[[str], None] = print) -> Path:
    """The test binary of a suite of `SUITES`, built where it is missing.

    Raises:
        SandboxError: it cannot be built, with the end of Go's own words.
    """
    package = f"{_ROOT}/{SUITES[name]}"
    return _built(f"{name}.test", lambda target: go.build_tests(GROUP, package, "integ", target), say)


def program(name: str, *, say: Callable[[str], None] = print) -> Path:
    """A program of `PROGRAMS`, built where it is missing.

    Raises:
        SandboxError: it cannot be built, with the end of Go's own words.
    """
    spec = GoBuild(group=GROUP, package=f"{_ROOT}/{PROGRAMS[name]}", minutes=1)
    return _built(name, lambda target: go.build(spec, target), say)


def _built(name: str, build: Callable[[Path], None], say: Callable[[str], None]) -> Path:
    home = paths.cache_dir() / GROUP / name
    entry = home / versions.ISTIO_MODULE
    with cache.locked(home):
        if not entry.exists():
            say(f"{name} of Istio's integration tests: building; minutes, the first time")
            started = time.monotonic()
            cache.publish(entry, lambda stage: build(stage / name))
            say(f"{name} of Istio's integration tests: built in {time.monotonic() - started:.0f} s")
    return entry / name
