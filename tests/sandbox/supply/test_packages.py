"""Distribution packages: a system of the tests' own, whose apt-get writes down what it is asked."""

import os
import subprocess
from pathlib import Path

import pytest

from sandbox import packages
from sandbox.errors import SandboxError
from sandbox.packages import Package

APT = """#!/bin/sh
echo "$*" >> {log}
if [ -x {policy} ]; then {policy} containerd start; echo "policy $?" >> {log}; fi
case "$*" in *"{fails}"*) echo "E: something is wrong" >&2; exit 100;; esac
case "$*" in *install*) {effect} ;; esac
"""


class System:
    """A folder that plays the system's: `bin` with an apt-get, and the policy script's place."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin = folder, folder / "bin"
        self.bin.mkdir()
        self.log, self.policy = folder / "log", folder / "policy-rc.d"
        self.add_apt()

    def add_apt(self, *, fails: str = "nothing", effect: str | None = None) -> None:
        """Put an apt-get there that installs the command `thing`, or fails at a word."""
        effect = effect or f"cp /bin/true {self.bin}/thing"
        apt = self.bin / "apt-get"
        apt.write_text(APT.format(log=self.log, policy=self.policy, fails=fails, effect=effect))
        apt.chmod(0o755)

    def asked(self) -> list[str]:
        """Return what apt-get was asked and what the policy script answered, in order."""
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    """Play a Debian system as root on which the package `thing-tools` is missing."""
    system = System(tmp_path)
    monkeypatch.setattr(packages, "_PATH", f"{system.bin}:/usr/bin:/bin")
    monkeypatch.setattr(packages, "_POLICY", system.policy)
    wanted = (Package(name="thing-tools", files=("thing",)), Package(name="coreutils", files=("/bin/true",)))
    monkeypatch.setattr(packages, "PACKAGES", wanted)
    monkeypatch.setattr(packages.os, "geteuid", lambda: 0)
    return system


def test_only_what_is_missing_is_installed_and_nothing_is_removed(system: System) -> None:
    """First the lists, then the packages, without a question and without a service being started."""
    packages.ensure(say=print)
    quiet = "--quiet --quiet --option DPkg::Lock::Timeout=300"
    assert system.asked() == [
        f"{quiet} update",
        "policy 101",
        f"{quiet} install --yes --no-install-recommends --no-remove thing-tools",
        "policy 101",
    ]
    assert not system.policy.exists(), "the policy is for the installation only"


def test_with_everything_there_apt_is_not_run(system: System) -> None:
    """The second time costs nothing."""
    packages.ensure(say=print)
    system.log.unlink()
    packages.ensure(say=print)
    assert system.asked() == []


def test_a_policy_that_was_there_is_left_alone(system: System) -> None:
    """It is the administrator's."""
    system.policy.write_text("#!/bin/sh\nexit 104\n")
    packages.ensure(say=print)
    assert system.policy.read_text() == "#!/bin/sh\nexit 104\n"


def test_a_failed_installation_shows_what_apt_says_and_lifts_the_policy(system: System) -> None:
    """The error has apt's last words and its exit code."""
    system.add_apt(fails="install")
    with pytest.raises(SandboxError, match=r"(?s)failed with exit code 100:\nE: something is wrong"):
        packages.ensure(say=print)
    assert not system.policy.exists()


def test_an_installation_without_the_files_is_an_error(system: System) -> None:
    """A package that no longer has what is looked for is named with it."""
    system.add_apt(effect="true")
    with pytest.raises(SandboxError, match=r"files are still missing: thing-tools \(thing\)"):
        packages.ensure(say=print)


def test_a_policy_left_by_a_killed_run_forbids_nothing_and_goes(system: System) -> None:
    """The script asks whether its maker still runs."""
    with packages.services_stay_stopped():
        script = system.policy.read_text()
    dead = subprocess.Popen(["true"])
    dead.wait()
    system.policy.write_text(script.replace(f"/proc/{os.getpid()}/", f"/proc/{dead.pid}/"))
    system.policy.chmod(0o755)
    assert subprocess.run([system.policy, "containerd", "start"], check=False).returncode == 0
    assert not system.policy.exists()


def test_without_root_the_packages_are_named(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command to install them and the other way, kind."""
    monkeypatch.setattr(packages.os, "geteuid", lambda: 1000)
    with pytest.raises(
        SandboxError, match=r"needs thing-tools, and installing takes root\. .*apt-get install thing-tools"
    ):
        packages.ensure(say=print)
    assert system.asked() == []


def test_without_apt_the_packages_are_named(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other distributions are told what is needed, and of kind."""
    (system.bin / "apt-get").unlink()
    monkeypatch.setattr(packages, "_PATH", str(system.bin))
    with pytest.raises(SandboxError, match=r"(?s)needs thing-tools.*this system has none.*examples/kind/"):
        packages.ensure(say=print)
