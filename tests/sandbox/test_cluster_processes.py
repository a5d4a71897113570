"""Starting, knowing and ending processes, without a cluster."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.cluster import cgroups, processes
from sandbox.cluster.processes import Command, Place
from sandbox.cluster.system import check_machine
from sandbox.errors import SandboxError

_ENVIRONMENT = {"PATH": os.defpath}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return a place of the test's own, in a cgroup that is removed with all that is in it."""
    check_machine()
    cgroup = f"istio-mesh-test-{os.getpid()}"
    cgroups.create(cgroup)
    yield Place(cgroup=cgroup, logs=tmp_path / "logs", records=tmp_path / "run")
    processes.end_all(cgroup)
    cgroups.remove(cgroup)


def _sleep(seconds: str = "60", *watched: Path) -> Command:
    return Command(name="sleeper", argv=["sleep", seconds], environment=_ENVIRONMENT, watched=watched)


def test_a_process_outlives_who_asked_for_it(place: Place):
    """It has a session of its own, is in the cgroup, and is known by its name."""
    assert processes.ensure(_sleep(), place)
    pid = processes.running("sleeper", place)
    assert pid in cgroups.members(place.cgroup)
    assert os.getsid(pid) == pid


def test_a_process_that_runs_as_asked_is_left_alone(place: Place):
    """Twice the same makes one."""
    processes.ensure(_sleep(), place)
    before = processes.running("sleeper", place)
    assert not processes.ensure(_sleep(), place)
    assert processes.running("sleeper", place) == before


def test_other_arguments_or_files_ask_for_a_restart(place: Place, tmp_path: Path):
    """What a process read when it started has to be what it would read now."""
    settings = tmp_path / "settings"
    settings.write_text("one")
    processes.ensure(_sleep("60", settings), place)
    assert processes.ensure(_sleep("61", settings), place)
    assert len(cgroups.members(place.cgroup)) == 1
    settings.write_text("two")
    assert processes.ensure(_sleep("61", settings), place)
    assert not processes.ensure(_sleep("61", settings), place)
    assert len(cgroups.members(place.cgroup)) == 1


def test_a_stranger_in_a_record_is_no_part_of_ours(place: Place):
    """Neither by its ID alone, nor by ID and start time while it is not in our cgroup."""
    processes.ensure(_sleep(), place)
    record = place.records / "sleeper.json"
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        record.write_text(f'{{"pid": {stranger.pid}, "started": 1}}')
        assert processes.running("sleeper", place) is None
        record.write_text(f'{{"pid": {stranger.pid}, "started": {processes.start_time(stranger.pid)}}}')
        assert processes.running("sleeper", place) is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_without_a_record_is_replaced_not_doubled(place: Place):
    """A start that was killed in between leaves such a one."""
    processes.ensure(_sleep(), place)
    (place.records / "sleeper.json").unlink()
    assert processes.ensure(_sleep(), place)
    assert cgroups.members(place.cgroup) == {processes.running("sleeper", place)}


def test_a_record_that_was_cut_short_counts_as_none(place: Place):
    """A full disk, say."""
    place.records.mkdir()
    (place.records / "sleeper.json").write_text('{"pid": 1')
    assert processes.running("sleeper", place) is None
    assert processes.ensure(_sleep(), place)


def test_a_program_that_is_not_there_is_an_error_with_its_own_words(place: Place):
    """The log's last lines are in the message."""
    absent = Command(name="absent", argv=["/no/such/program"], environment=_ENVIRONMENT)
    with pytest.raises(SandboxError, match=r"absent could not be started[\s\S]*/no/such/program"):
        processes.ensure(absent, place)


def test_a_process_is_not_gone_while_one_of_its_threads_is(place: Place):
    """A first thread that has ended is a zombie; the others still hold the ports."""
    code = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); "
    code += "ctypes.CDLL(None).syscall(60, 0)"  # exit(2): this thread alone
    threads = Command(name="threads", argv=[sys.executable, "-c", code], environment=_ENVIRONMENT)
    processes.ensure(threads, place)
    (pid,) = cgroups.members(place.cgroup)
    state = Path(f"/proc/{pid}/stat")
    processes.wait(lambda: ") Z " in state.read_text(), 10, "the first thread did not end")
    assert processes.start_time(pid) is not None
    assert processes.running("threads", place) is None
    os.kill(pid, signal.SIGKILL)
    processes.wait(lambda: processes.start_time(pid) is None, 10, "the process did not end")


def test_all_of_a_cgroup_is_ended_whatever_it_starts(place: Place):
    """Children are born while their parents are killed."""
    breeding = "while :; do sleep 60 & sleep 0.01; done"
    processes.ensure(Command(name="breeder", argv=["sh", "-c", breeding], environment=_ENVIRONMENT), place)
    time.sleep(0.3)
    assert len(cgroups.members(place.cgroup)) > 2
    processes.end_all(place.cgroup)
    assert not [pid for pid in cgroups.members(place.cgroup) if processes.start_time(pid)]


def test_waiting_in_vain_says_what_for_and_how_long():
    """The complaint is the caller's."""
    with pytest.raises(SandboxError, match=r"the sun does not rise \(waited for 0.1 s\)"):
        processes.wait(lambda: False, 0.1, "the sun does not rise")
