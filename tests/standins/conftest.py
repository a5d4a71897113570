"""Plugins and stacks for the conformance suite.

The suite runs against whichever plugins are there: put official ones on the path, or leave them
out to test the stand-ins. The end of the report says which were used.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import plugins, tools
from tests.standins.engine import Installation, Stack

_IN_USE = pytest.StashKey[list[plugins.Plugin]]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which plugins the suite has run against."""
    for plugin in config.stash.get(_IN_USE, []):
        terminalreporter.write_line(f"plugin in use: {plugin}")


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Installation:
    """The Pulumi CLI with the plugins."""
    bin_dir = tmp_path_factory.mktemp("pulumi") / "bin"
    bin_dir.mkdir()
    (bin_dir / "pulumi").symlink_to(tools.ensure(["pulumi"])["pulumi"])
    request.config.stash[_IN_USE] = plugins.install(bin_dir)
    return Installation(bin_dir=bin_dir, variables=_variables(bin_dir))


@pytest.fixture
def stack(installation: Installation, tmp_path: Path) -> Iterator[Stack]:
    """An empty stack; what a test leaves in it is destroyed."""
    made = Stack(installation, tmp_path / "stack")
    yield made
    if made.resources():
        made.destroy()


@pytest.fixture(scope="module")
def module_stack(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that the tests of a module share, for those that only look at it."""
    made = Stack(installation, tmp_path_factory.mktemp("stack"))
    yield made
    made.destroy()


def _variables(bin_dir: Path) -> dict[str, str]:
    home = bin_dir.parent / "home"
    home.mkdir()
    # The suite's own home keeps the user's settings out, and its plugin cache in.
    cache = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    if cache.is_dir():
        (home / "plugins").symlink_to(cache)
    return {
        "PATH": os.pathsep.join([str(bin_dir), os.environ["PATH"]]),
        "PULUMI_HOME": str(home),
        "PULUMI_CONFIG_PASSPHRASE": "conformance",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
