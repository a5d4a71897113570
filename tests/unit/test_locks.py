"""Every environment is installed from a lock: each must be what `make lock` makes of its requirements."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
REQUIREMENTS = [*sorted(PROJECT.glob("requirements*.txt")), PROJECT / "policy/requirements.txt"]

_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)")
_DIRECT = re.compile(r"^\s+#\s+(?:via )?-r \S+$")


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A package of a lock."""

    version: str
    hashes: int
    direct: bool
    """Whether a requirements file names it."""


def _pins(file: Path) -> Iterator[tuple[str, str]]:
    """Give name and version of what `file` and the files it includes name.

    Raises an AssertionError for a line that is no exact pin.
    """
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            yield from _pins(file.parent / line.removeprefix("-r "))
            continue
        pin = re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+)", line)
        assert pin, f"{file.name}: {line!r} is no exact pin (name==version)"
        yield _normalized(pin[1]), pin[2]


def _locked(lock: Path) -> dict[str, Locked]:
    """Give the packages of `lock` by name."""
    entries: list[list[str]] = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if _ENTRY.match(line):
            entries.append([line])
        elif entries:
            entries[-1].append(line)
    locked: dict[str, Locked] = {}
    for head, *rest in entries:
        match = _ENTRY.match(head)
        assert match
        locked[_normalized(match[1])] = Locked(
            version=match[2],
            hashes=sum("--hash=sha256:" in line for line in rest),
            direct=any(_DIRECT.match(line) for line in rest),
        )
    return locked


def _normalized(name: str) -> str:
    """Give a package's name in the one spelling that all its spellings share (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_lock_has_exactly_the_pins_of_its_requirements(requirements: Path) -> None:
    """A pin that was added, changed or removed without `make lock` would install something else."""
    locked = _locked(requirements.with_suffix(".lock"))
    direct = {name: package.version for name, package in locked.items() if package.direct}
    assert direct == dict(_pins(requirements)), (
        f"{requirements.stem}.lock is stale against {requirements.name}: run `make lock`"
    )


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_package_of_a_lock_has_a_hash(requirements: Path) -> None:
    """Otherwise pip would refuse the whole lock."""
    locked = _locked(requirements.with_suffix(".lock"))
    assert [name for name, package in locked.items() if not package.hashes] == []


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_lock_leaves_the_registry_to_whoever_installs(requirements: Path) -> None:
    """An address or a folder of the machine that made the lock would bind every other machine to it."""
    text = requirements.with_suffix(".lock").read_text(encoding="utf-8")
    foreign = r"://|--(?:extra-)?index-url|--find-links|--trusted-host|\s@\s|(?:^|\s)/"
    assert [line for line in text.splitlines() if re.search(foreign, line)] == []


def test_the_environments_of_development_contain_what_users_install() -> None:
    """Tests would otherwise pass with other packages than the user's."""
    users = {name: package.version for name, package in _locked(PROJECT / "requirements.lock").items()}
    for name in ("requirements-dev.lock", "requirements-bench.lock"):
        others = {package: locked.version for package, locked in _locked(PROJECT / name).items()}
        differing = dict(users.items() - others.items())
        assert differing == {}, f"{name} differs from requirements.lock: run `make lock`"


def test_policies_judge_with_the_versions_that_the_program_judges_with() -> None:
    """They share rules. Only Pulumi's policy SDK needs other packages than the program."""
    users = {name: package.version for name, package in _locked(PROJECT / "requirements.lock").items()}
    policies = {
        name: package.version
        for name, package in _locked(PROJECT / "policy/requirements.lock").items()
        if package.direct or name == "pulumi"
    }
    assert {name: users.get(name, version) for name, version in policies.items()} == policies
