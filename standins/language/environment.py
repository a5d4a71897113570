"""The Python environment that a program runs in, as the `runtime` options of its Pulumi.yaml say.

The rules are those of Pulumi's pip toolchain (`sdk/python/toolchain/pip.go` in pulumi/pulumi): the
`virtualenv` option, relative to Pulumi.yaml, or else the Python on the path.
"""

import dataclasses
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from standins.protocol import ProviderError

_LIST_PACKAGES = Path(__file__).with_name("list_packages.py")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Package:
    """An installed Python package; `plugin` is its `pulumi-plugin.json`, if it has one."""

    name: str
    version: str
    plugin: Mapping[str, Any] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Environment:
    """Where a program's Python and packages are.

    `virtualenv` is the folder of the `virtualenv` option, which need not exist yet, or None for the
    Python on the path; `option` is the option as it was written.
    """

    virtualenv: Path | None = None
    option: str = ""

    @classmethod
    def from_options(cls, options: Mapping[str, Any], root: Path) -> "Environment":
        """Read the `runtime.options` of the Pulumi.yaml in `root`; refuse what is not supported."""
        toolchain = options.get("toolchain", "pip")
        if toolchain != "pip":
            raise ProviderError(
                f"runtime.options.toolchain in Pulumi.yaml is {toolchain!r}: the stand-in for the language "
                "host knows pip alone. Remove the option, or install Pulumi's own language host."
            )
        if "typechecker" in options:
            raise ProviderError(
                "runtime.options.typechecker in Pulumi.yaml: the stand-in for Python's language host "
                "checks no types. Remove the option, or install Pulumi's own language host."
            )
        option = options.get("virtualenv", "")
        if not isinstance(option, str):
            raise ProviderError("runtime.options.virtualenv in Pulumi.yaml must be a folder, such as .venv")
        return cls(virtualenv=root / option if option else None, option=option)

    @property
    def exists(self) -> bool:
        """Whether there is a Python to run; always so without the `virtualenv` option."""
        return self.virtualenv is None or (self.virtualenv / "bin/python").is_file()

    def python(self) -> str:
        """Give the path of the Python to run; raise with the remedy where there is none."""
        if self.virtualenv is None:
            return _python_on_path()
        if not self.exists:
            raise ProviderError(
                f"The 'virtualenv' option in Pulumi.yaml is set to {self.option!r}, "
                f"but {self.virtualenv} is no virtual environment. Create it: pulumi install"
            )
        return str(self.virtualenv / "bin/python")

    def variables(self) -> dict[str, str]:
        """Give this process's environment variables with the virtual environment activated."""
        variables = dict(os.environ)
        if self.virtualenv is not None:
            variables.pop("PYTHONHOME", None)
            variables["VIRTUAL_ENV"] = str(self.virtualenv)
            variables["PATH"] = os.pathsep.join(
                filter(None, [f"{self.virtualenv}/bin", os.environ.get("PATH")])
            )
        return variables

    def packages(self) -> list[Package]:
        """List what is installed, by name."""
        listing = self._output(str(_LIST_PACKAGES))
        return [Package(**package) for package in json.loads(listing)]

    def direct_packages(self) -> list[Package]:
        """List what is installed and no other package requires, by name."""
        listing = self._output("-m", "pip", "list", "--format", "json", "--not-required")
        direct = {re.sub(r"[-_.]+", "-", package["name"]).lower() for package in json.loads(listing)}
        return [package for package in self.packages() if package.name in direct]

    def version(self) -> str:
        """Give Python's version, such as 3.11.2."""
        return self._output("-c", "import platform; print(platform.python_version())").strip()

    def pip_version(self) -> str:
        """Give pip's version, such as 23.2.1."""
        return self._output("-c", "import pip; print(pip.__version__)").strip()

    def install(self, folder: Path) -> Iterator[str]:
        """Create the virtual environment and install `folder`'s requirements.txt; give the output's lines."""
        if not self.exists:
            yield f"Creating the virtual environment {self.virtualenv}\n"
            yield from _lines([_python_on_path(), "-m", "venv", str(self.virtualenv)], folder, None)
        if (folder / "requirements.txt").is_file():
            command = [self.python(), "-m", "pip", "install", "-r", "requirements.txt"]
            yield from _lines(command, folder, self.variables())

    def _output(self, *arguments: str) -> str:
        # -I would hide packages that the user has put on PYTHONPATH, which the program does see.
        command = [self.python(), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=self.variables(), check=False)
        if done.returncode != 0:
            raise ProviderError(f"{' '.join(command)} failed: {done.stderr.strip()}")
        return done.stdout


def _python_on_path() -> str:
    names = [os.environ["PULUMI_PYTHON_CMD"]] if "PULUMI_PYTHON_CMD" in os.environ else ["python3", "python"]
    for name in names:
        if found := shutil.which(name):
            return found
    raise ProviderError(f"no {' or '.join(names)} on the path: install Python 3.10 or newer")


def _lines(command: list[str], folder: Path, variables: Mapping[str, str] | None) -> Iterator[str]:
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        last = ""
        for line in process.stdout or ():
            last = line
            yield line
    if process.returncode != 0:
        raise ProviderError(f"{' '.join(command)} in {folder} failed: {last.strip()}")
