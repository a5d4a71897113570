"""`python -m benchmarks` on a machine that has not installed what benchmarks need."""

import sys

import pytest

from benchmarks.__main__ import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_missing_packages_are_named_with_the_way_to_install_them(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Instead of a traceback."""
    loaded = [
        module for module in sys.modules if module.split(".")[0] in ("benchmarks", "matplotlib", "psutil")
    ]
    for module in loaded:
        monkeypatch.delitem(sys.modules, module)
    for package in ("matplotlib", "psutil"):
        monkeypatch.setitem(sys.modules, package, None)
    assert main([name, "--help"]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith("error: the benchmarks need the Python package ")
    assert errors.endswith("; run `make .venv/bench`\n")
