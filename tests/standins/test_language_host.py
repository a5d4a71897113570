"""What the Python language host does for the plain CLI."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.standins.engine import Installation

_PROGRAM_THAT_TELLS_ALL = """
import os, sys
import pulumi

config = pulumi.Config()
print("said on stdout")
print("said on stderr", file=sys.stderr)
pulumi.export("facts", {
    "project": pulumi.get_project(),
    "stack": pulumi.get_stack(),
    "organization": pulumi.get_organization(),
    "root": pulumi.get_root_directory(),
    "folder": os.getcwd(),
    "preview": pulumi.runtime.is_dry_run(),
    "python": sys.executable,
    "virtualenv": os.environ.get("VIRTUAL_ENV"),
    "text": config.require("text"),
    "nested": config.require_object("nested"),
})
pulumi.export("token", config.require_secret("token"))
"""


class Project:
    """A folder with a Pulumi.yaml and a program, and a stack `dev` in a backend of its own."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.folder = folder
        self._state = folder.parent / f"{folder.name}-state"
        self._state.mkdir()
        folder.mkdir()
        self._installation = installation

    def write(self, program: str, *, file: str = "__main__.py", **settings: Any) -> None:
        """Write the program, and a Pulumi.yaml with the suite's own Python unless `runtime` is given."""
        runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
        project = {"name": "demo", "runtime": runtime, **settings}
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        (self.folder / file).parent.mkdir(exist_ok=True)
        (self.folder / file).write_text(program)

    def pulumi(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the CLI on the stack."""
        return self._with(variables).run(*arguments, folder=self.folder)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start the CLI on the stack."""
        return self._with(variables).start(*arguments, folder=self.folder)

    def _with(self, variables: dict[str, str]) -> Installation:
        own = {"PULUMI_BACKEND_URL": self._state.as_uri(), "PULUMI_STACK": "dev"}
        return Installation(
            bin_dir=self._installation.bin_dir, variables={**self._installation.variables, **own, **variables}
        )


@pytest.fixture
def project(installation: Installation, tmp_path: Path) -> Project:
    """An empty project with a stack."""
    made = Project(installation, tmp_path / "project")
    made.write("")
    assert made.pulumi("stack", "init", "dev").returncode == 0
    return made


def test_a_program_gets_its_configuration_and_knows_where_it_is(project: Project) -> None:
    """Scalars, nested values and secrets arrive; what is printed is shown; secrets stay secret."""
    project.write(_PROGRAM_THAT_TELLS_ALL)
    for arguments in (
        ("text", "plain"),
        ("--path", "nested.list[0]", "7"),
        ("--secret", "token", "t0ps3cret"),
    ):
        assert project.pulumi("config", "set", *arguments).returncode == 0
    up = project.pulumi("up", "--yes", "--skip-preview")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "said on stdout" in up.stdout
    assert "said on stderr" in up.stdout
    assert "t0ps3cret" not in up.stdout + up.stderr
    outputs = json.loads(project.pulumi("stack", "output", "--json").stdout)
    assert outputs["facts"] == {
        "project": "demo",
        "stack": "dev",
        "organization": "organization",
        "root": str(project.folder),
        "folder": str(project.folder),
        "preview": False,
        "python": str(Path(sys.prefix, "bin/python")),
        "virtualenv": sys.prefix,
        "text": "plain",
        "nested": {"list": [7]},
    }
    assert outputs["token"] == "[secret]"


def test_a_preview_is_known_to_be_one(project: Project) -> None:
    """`is_dry_run` is what keeps programs from acting in a preview."""
    project.write("import pulumi\npulumi.export('preview', pulumi.runtime.is_dry_run())")
    preview = project.pulumi("preview")
    assert re.search(r"preview\s*: true", preview.stdout), preview.stdout + preview.stderr


def test_main_may_be_a_file_or_a_folder(project: Project) -> None:
    """`main` in Pulumi.yaml is where the program runs; without the option, Python is the path's."""
    told = "import os, sys\nimport pulumi\npulumi.export('at', [sys.argv[0], os.getcwd(), sys.executable])"
    for main, file in (("sub/program.py", "sub/program.py"), ("other", "other/__main__.py")):
        project.write(told, file=file, main=main, runtime="python")
        up = project.pulumi("up", "--yes", "--skip-preview", PULUMI_PYTHON_CMD=sys.executable)
        assert up.returncode == 0, up.stdout + up.stderr
        outputs = json.loads(project.pulumi("stack", "output", "--json").stdout)
        folder = str((project.folder / file).parent)
        assert outputs["at"][1:] == [folder, sys.executable]


@pytest.mark.parametrize(
    ("program", "shown", "hidden"),
    [
        pytest.param(
            "import pulumi\ndef inner():\n    raise ValueError('boom 1')\ninner()",
            ["ValueError: boom 1", "unhandled exception", "__main__.py", "line 4", "in inner"],
            ["runpy", "run_in_stack", "non-zero exit code"],
            id="an exception is shown from the program's own first line on",
        ),
        pytest.param(
            "import pulumi\nraise pulumi.RunError('boom 2')",
            ["boom 2"],
            ["Traceback"],
            id="a RunError is a message for the user, without a traceback",
        ),
        pytest.param(
            "import sys\nsys.exit(3)",
            ["exited with non-zero exit code: 3"],
            ["Traceback"],
            id="an exit code of the program's own is told",
        ),
        pytest.param(
            "import pulumi\nthis is no Python",
            ["SyntaxError: invalid syntax", "__main__.py", "line 2"],
            [],
            id="a syntax error is shown with its place",
        ),
        pytest.param(
            "import a_module_that_is_nowhere",
            ["No module named 'a_module_that_is_nowhere'"],
            ["unable to find main"],
            id="a module that is missing is named",
        ),
    ],
)
def test_a_program_that_fails_says_why_once(
    project: Project, program: str, shown: list[str], hidden: list[str]
) -> None:
    """The update fails, and its one error is the program's; the first text is what must be there once."""
    project.write(program)
    up = project.pulumi("up", "--yes", "--skip-preview")
    assert up.returncode != 0
    diagnostics = up.stdout.partition("Diagnostics:")[2]
    assert diagnostics.count(shown[0]) == 1, up.stdout
    for text in shown:
        assert text in diagnostics, up.stdout
    for text in hidden:
        assert text not in diagnostics, up.stdout


def test_a_folder_without_a_program_is_told(project: Project) -> None:
    """The message names the file that is missing and where."""
    (project.folder / "__main__.py").unlink()
    up = project.pulumi("up", "--yes", "--skip-preview")
    assert up.returncode != 0
    assert "unable to find main python program" in up.stdout
    assert "__main__.py" in up.stdout


def test_the_plugins_that_the_programs_packages_need_are_known(project: Project) -> None:
    """They are read from the environment's packages, so that they are there before the program runs."""
    listing = project.pulumi("plugin", "ls", "--project", "--json")
    assert listing.returncode == 0, listing.stderr
    names = {plugin["name"] for plugin in json.loads(listing.stdout)}
    assert {"kubernetes", "tls", "random"} <= names


def test_about_names_the_python_and_the_toolchain(project: Project) -> None:
    """`pulumi about` is what users send along with their questions."""
    options = {"virtualenv": sys.prefix, "toolchain": "pip"}
    project.write("", runtime={"name": "python", "options": options})
    text = project.pulumi("about").stdout
    assert f"executable='{sys.prefix}/bin/python'" in text
    assert f"version='{sys.version.split()[0]}'" in text
    assert "toolchain='Pip'" in text
    assert re.search(r"^pulumi-tls +\d", text, re.MULTILINE), "the program's packages are listed"


def test_install_makes_the_virtual_environment(project: Project, tmp_path: Path) -> None:
    """Packages of requirements.txt come with it; what is still missing is told."""
    (project.folder / "requirements.txt").write_text(f"{_wheel(tmp_path)}\n")
    project.write(
        "import own, pulumi", runtime={"name": "python", "options": {"virtualenv": "env", "toolchain": "pip"}}
    )
    install = project.pulumi("install")
    assert install.returncode == 0, install.stdout + install.stderr
    environment = project.folder / "env"
    subprocess.run([environment / "bin/python", "-c", "import own"], check=True)
    up = project.pulumi("up", "--yes", "--skip-preview")
    assert up.returncode != 0
    assert "pip install" in up.stdout, "the environment has no pulumi, and the user is told what to do"


def _wheel(folder: Path) -> Path:
    """A package `own` that is installed without being built."""
    wheel = folder / "own-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("own/__init__.py", "")
        archive.writestr("own-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
        archive.writestr("own-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("own-1.0.dist-info/RECORD", "")
    return wheel


def test_a_virtual_environment_that_is_none_is_refused(project: Project) -> None:
    """The message names the option and the folder."""
    (project.folder / "env").mkdir()
    (project.folder / "env" / "something").write_text("")
    project.write("", runtime={"name": "python", "options": {"virtualenv": "env"}})
    up = project.pulumi("up", "--yes", "--skip-preview")
    assert up.returncode != 0
    text = up.stdout + up.stderr
    assert str(project.folder / "env") in text


def test_an_interrupt_ends_the_program_too(project: Project, tmp_path: Path) -> None:
    """Ctrl-C stops the CLI, and neither the program nor the host is left behind."""
    told = tmp_path / "pid"
    project.write(
        f"import os, time\nopen({str(told)!r}, 'w').write(str(os.getpid()))\n"
        "while True:\n    time.sleep(0.1)\n"
    )
    started = project.start("up", "--yes", "--skip-preview")
    _wait_for(lambda: told.exists() and told.read_text(), "the program did not start")
    pid = int(told.read_text())
    host = int(Path(f"/proc/{pid}/stat").read_text().split()[3])
    os.kill(started.pid, signal.SIGINT)
    output, _ = started.communicate(timeout=60)
    assert started.returncode != 0, output
    for process in (pid, host):
        _wait_for(lambda process=process: not _runs(process), f"process {process} is still there")


def test_interrupts_that_keep_coming_end_the_program_silently(project: Project) -> None:
    """The terminal and the host may both interrupt, one when the program is on its way out already."""
    project.write(
        "import os, subprocess, time\n"
        "storm = f'sleep 1; while kill -INT {os.getpid()} 2>/dev/null; do :; done'\n"
        "subprocess.Popen(['sh', '-c', storm], start_new_session=True)\n"
        "while True:\n    time.sleep(0.1)\n"
    )
    up = project.pulumi("up", "--yes", "--skip-preview")
    assert up.returncode != 0
    assert not re.search("Traceback|Exception", up.stdout + up.stderr), up.stdout


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def _wait_for(condition: Callable[[], Any], complaint: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, complaint
        time.sleep(0.1)
