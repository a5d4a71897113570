"""The result of an import."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mesh.config.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A remark about an import.

    `about` is a key in a file, or something in a cluster. `step` is whether the user has to do something.
    """

    about: str
    message: str
    step: bool = False

    def __str__(self) -> str:
        return f"{self.about}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The sections of a stack file by name, in order, and remarks. No section holds a secret."""

    sections: Mapping[str, Any]
    remarks: tuple[Remark, ...] = ()


class NotImportableError(Exception):
    """The mesh cannot be imported; `problems` has every reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
