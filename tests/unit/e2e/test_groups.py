"""The groups of the tests that share clusters: `make test` runs every file once."""

import re
import tomllib
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parents[3]
_FILES = sorted(
    file for folder in ("e2e", "istio") for file in (_CHECKOUT / "tests" / folder).glob("test_*.py")
)
_GROUP = re.compile(r"^pytestmark = \[?pytest\.mark\.(\w+)\b", re.MULTILINE)


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
    """And each is run once; `adoption` has a target of its own, `scheduled` another, `upgrade` a command."""
    makefile = (_CHECKOUT / "Makefile").read_text(encoding="utf-8")
    steps = re.findall(r"tests/(?:e2e|istio) -m (\w+)", makefile)
    assert sorted(steps) == sorted({*_groups()} - {"scheduled", "upgrade"})
