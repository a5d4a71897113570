"""CPU time and memory of a command's processes, told apart by what they are."""

from benchmarks.mesh.accounting import Account, Seen, kinds

_ENGINE = Seen(pid=1, parent=0, argv=["pulumi", "up"], cpu=2.0, reaped=0.0, pss=100)
_HOST = Seen(
    pid=2,
    parent=1,
    argv=["python", "-I", "-c", "from standins.language.host import main"],
    cpu=0.5,
    reaped=0,
)
_PROGRAM = Seen(pid=3, parent=2, argv=["python", "executor.py"], cpu=3.0, reaped=0.0, pss=50)
_PLUGIN = Seen(
    pid=4, parent=1, argv=["/opt/pulumi-resource-kubernetes", "127.0.0.1:1"], cpu=1.0, reaped=0, pss=30
)


def test_processes_are_told_apart_by_what_started_them() -> None:
    """The program is a Python like the language host."""
    here = {seen.pid: seen for seen in (_ENGINE, _HOST, _PROGRAM, _PLUGIN)}
    assert kinds(here) == {1: "engine", 2: "language host", 3: "program", 4: "plugin kubernetes"}


def test_a_child_that_is_still_its_parent_is_of_its_parents_kind() -> None:
    """Between fork and exec a process has its parent's words."""
    forked = Seen(pid=6, parent=2, argv=_HOST.argv, cpu=0, reaped=0)
    assert kinds({1: _ENGINE, 2: _HOST, 6: forked})[6] == "language host"


def test_time_of_a_child_that_ended_is_what_its_parent_was_told() -> None:
    """The program was last seen after 3 s; it ended later, and the kernel told the language host 3.7 s."""
    account = Account()
    account.look([_ENGINE, _HOST, _PROGRAM])
    told = Seen(pid=2, parent=1, argv=_HOST.argv, cpu=0.6, reaped=3.7)
    account.look([_ENGINE, told])
    assert account.cpu_by_kind(exact=6.3) == {"program": 3.7, "engine": 2.0, "language host": 0.6}


def test_time_of_a_child_that_still_runs_is_its_own() -> None:
    """Its parent knows nothing of it yet."""
    account = Account()
    account.look([_ENGINE, _HOST, _PROGRAM])
    assert account.cpu_by_kind(exact=5.5)["program"] == 3.0


def test_what_no_look_has_met_is_unseen() -> None:
    """The kernel's account of the whole command has it all the same."""
    account = Account()
    account.look([_ENGINE])
    assert account.cpu_by_kind(exact=2.75) == {"engine": 2.0, "unseen": 0.75}


def test_memory_is_that_of_the_moment_when_all_together_needed_most() -> None:
    """Peaks of two kinds at different moments are not added."""
    account = Account()
    account.look([_ENGINE, _HOST, _PROGRAM])
    account.look([_ENGINE, _PLUGIN])
    assert account.memory == 150
    sizes = {"engine": 100, "language host": 0, "program": 50, "plugin kubernetes": 30}
    assert account.memory_by_kind == sizes


def test_processes_of_one_kind_are_added_up() -> None:
    """There is a plugin for each cluster."""
    second = Seen(pid=7, parent=1, argv=_PLUGIN.argv, cpu=2.0, reaped=0.0, pss=35)
    account = Account()
    account.look([_ENGINE, _PLUGIN, second])
    assert account.cpu_by_kind(exact=5.0)["plugin kubernetes"] == 3.0
    assert account.memory_by_kind["plugin kubernetes"] == 65
