"""The groups of the tests that share clusters: `make test` runs every file once."""

import re
import tomllib
from pathlib import Path

import pytest

_CHECKOUT = Path(__file__).resolve().parents[3]
_FILES = sorted(
    file for folder in ("e2e", "istio") for file in (_CHECKOUT / "tests" / folder).glob("test_*.py")
)
_MAKEFILE = (_CHECKOUT / "Makefile").read_text(encoding="utf-8")
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


def _run_by(target: str) -> list[str]:
    """The groups that a target of the Makefile runs, and those that it makes in its recipe."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", _MAKEFILE, re.MULTILINE)
    assert found, f"the Makefile has no recipe for {target}"
    made = re.search(r"\$\(MAKE\) (.*)", found[1])
    inner = [word for word in made[1].split() if not word.startswith("-")] if made else []
    here = re.findall(r"tests/(?:e2e|istio) -m (\w+)", found[1])
    return [*here, *(group for name in inner for group in _run_by(name))]


def test_make_test_runs_every_group_once_but_those_with_a_target_of_their_own() -> None:
    """`scheduled` is what is left of Istio's tests for `make istio-tests`."""
    own = ("adoption", "upgrade")
    assert {group: _run_by(f"{group}-tests") for group in own} == {group: [group] for group in own}
    assert sorted(_run_by("test")) == sorted({*_groups()} - {*own, "scheduled"})
