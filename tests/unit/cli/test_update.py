"""`pulumi up` as a part of a command: how it ends, and what becomes of an interruption."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from mesh.cli.stack import update

_INTERRUPTED = """#!/bin/sh
trap 'echo interrupted >> {said}; exit 1' INT
cut -d' ' -f6 /proc/$$/stat > {said}
echo started >> {said}
while :; do sleep 0.05; done
"""


def _pulumi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A program of that name, alone on the path beside the system's."""
    program = folder / "pulumi"
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("code", [0, 1])
def test_an_update_ends_well_or_not(code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asked decides what that means."""
    _pulumi(tmp_path, monkeypatch, f"#!/bin/sh\nexit {code}\n")
    assert update("dev") is (code == 0)


def test_an_interruption_reaches_pulumi_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, since at the second one Pulumi ends without saving; and the command waits for its end."""
    said = tmp_path / "said"
    _pulumi(tmp_path, monkeypatch, _INTERRUPTED.format(said=said))

    def interrupt() -> None:
        while not (said.exists() and "started" in said.read_text(encoding="utf-8")):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    interrupting = threading.Thread(target=interrupt)
    handler = signal.getsignal(signal.SIGINT)
    interrupting.start()
    assert update("dev") is False
    interrupting.join()
    session, *lines = said.read_text(encoding="utf-8").splitlines()
    assert lines == ["started", "interrupted"]
    assert session != str(os.getsid(0)), "a terminal would interrupt both, and Pulumi twice"
    assert signal.getsignal(signal.SIGINT) is handler, "the command's own handling comes back"
