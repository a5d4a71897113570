"""What an import comes to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.config.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Remark:
    """What a user should know of an import.

    `about` is a key in a file, or something in a cluster. `step` is whether there is something to do.
    """

    about: str
    message: str
    step: bool = False

    def __str__(self) -> str:
        return f"{self.about}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The sections of a stack file by name, in the order in which they are written, and what is to be said.

    No section holds a secret.
    """

    sections: Mapping[str, Any]
    remarks: tuple[Remark, ...] = ()


class NotImportableError(Exception):
    """There is no stack file for what is to be imported; `problems` has every reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
