"""The groups of the end-to-end tests: `make test` runs every file once."""

import re
import tomllib
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parents[3]
_FILES = sorted((_CHECKOUT / "tests" / "e2e").glob("test_*.py"))
_GROUP = re.compile(r"^pytestmark = pytest\.mark\.(\w+)$", re.MULTILINE)


def _groups() -> list[str]:
    """The groups that pyproject.toml has."""
    settings = tomllib.loads((_CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    return [marker.partition(":")[0] for marker in settings["tool"]["pytest"]["ini_options"]["markers"]]


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.name)
def test_every_file_is_in_one_group(file: Path) -> None:
    """A file without one would never run."""
    text = file.read_text(encoding="utf-8")
    found = _GROUP.findall(text)
    assert len(found) == 1, (
        f"{file.name} is in the groups {found}; expected one: pytestmark = pytest.mark.GROUP"
    )
    assert found[0] in _groups(), f"{file.name} is in {found[0]}; expected one of {_groups()}"
    assert text.count("pytest.mark." + found[0]) == 1, f"{file.name} names its group twice"


def test_every_group_is_a_step_of_make_test() -> None:
    """And each is run once."""
    makefile = (_CHECKOUT / "Makefile").read_text(encoding="utf-8")
    assert sorted(re.findall(r"tests/e2e -m (\w+)", makefile)) == sorted(_groups())
