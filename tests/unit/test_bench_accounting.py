"""CPU time and memory of a command's processes, told apart by what they are."""

from benchmarks.mesh.accounting import Account, Seen, kinds

_ENGINE = Seen(pid=1, parent=0, argv=["pulumi", "up"], cpu=2.0, reaped=0.0, pss=100)
_HOST = Seen(
    pid=2,
    parent=1,
    argv=["python", "-I", "-c", "from sandbox.plugins.language.host import main"],
    cpu=0.5,
    reaped=0,
)
_PROGRAM = Seen(pid=3, parent=2, argv=["python", "executor.py"], cpu=3.0, reaped=0.0, pss=50)
_PLUGIN = Seen(
    pid=4, parent=1, argv=["/opt/pulumi-resource-kubernetes", "127.0.0.1:1"], cpu=1.0, reaped=0, pss=30
)
_HELM = Seen(pid=5, parent=4, argv=["helm", "install"], cpu=0.2, reaped=0.0, pss=40)


def test_processes_are_told_apart_by_what_started_them() -> None:
    """The program is a Python like the language host, and what a plugin starts is Helm."""
    here = {seen.pid: seen for seen in (_ENGINE, _HOST, _PROGRAM, _PLUGIN, _HELM)}
    assert kinds(here) == {1: "engine", 2: "language host", 3: "program", 4: "plugin kubernetes", 5: "helm"}


def test_a_child_that_is_still_its_parent_is_of_its_parents_kind() -> None:
    """Between fork and exec a process has its parent's words."""
    forked = Seen(pid=6, parent=4, argv=_PLUGIN.argv, cpu=0, reaped=0)
    assert kinds({1: _ENGINE, 4: _PLUGIN, 6: forked})[6] == "plugin kubernetes"


def test_time_of_a_child_that_ended_is_what_its_parent_was_told() -> None:
    """Helm was last seen after 0.2 s; it ended later, and the kernel told the plugin 0.7 s."""
    account = Account()
    account.look([_ENGINE, _PLUGIN, _HELM])
    told = Seen(pid=4, parent=1, argv=_PLUGIN.argv, cpu=1.4, reaped=0.7)
    account.look([_ENGINE, told])
    assert account.cpu_by_kind(exact=4.1) == {"engine": 2.0, "plugin kubernetes": 1.4, "helm": 0.7}


def test_time_of_a_child_that_still_runs_is_its_own() -> None:
    """Its parent knows nothing of it yet."""
    account = Account()
    account.look([_ENGINE, _PLUGIN, _HELM])
    assert account.cpu_by_kind(exact=3.2)["helm"] == 0.2


def test_what_no_look_has_met_is_unseen() -> None:
    """The kernel's account of the whole command has it all the same."""
    account = Account()
    account.look([_ENGINE])
    assert account.cpu_by_kind(exact=2.75) == {"engine": 2.0, "unseen": 0.75}


def test_memory_is_that_of_the_moment_when_all_together_needed_most() -> None:
    """Peaks of two kinds at different moments are not added."""
    account = Account()
    account.look([_ENGINE, _HOST, _PROGRAM])
    account.look([_ENGINE, _PLUGIN, _HELM])
    assert account.memory == 170
    sizes = {"engine": 100, "language host": 0, "program": 50, "plugin kubernetes": 30, "helm": 40}
    assert account.memory_by_kind == sizes


def test_processes_of_one_kind_are_added_up() -> None:
    """There is a plugin for each cluster."""
    second = Seen(pid=7, parent=1, argv=_PLUGIN.argv, cpu=2.0, reaped=0.0, pss=35)
    account = Account()
    account.look([_ENGINE, _PLUGIN, second])
    assert account.cpu_by_kind(exact=5.0)["plugin kubernetes"] == 3.0
    assert account.memory_by_kind["plugin kubernetes"] == 65
