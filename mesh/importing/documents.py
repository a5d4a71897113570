"""YAML documents of another tool, with the place of each for messages. Pure."""

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from mesh.mappings import as_map

_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document: its file, its place in words, such as `mesh.yaml, document 2`, and its contents.

    Every value that is neither a map nor a list is a text, as written: whoever reads it decides what `1.18`
    or `yes` means. Empty values are left out.
    """

    file: str
    place: str
    contents: Mapping[str, Any]


class _Loader(yaml.BaseLoader):
    """Loads numbers and the like as texts, and refuses keys that are there twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the signature is PyYAML's
        keys: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in keys:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value} is there twice", problem_mark=key.start_mark
                )
            keys.add(str(key.value))
        return super().construct_mapping(node, deep)


def documents(file: str, text: str) -> Iterator[Document]:
    """The documents of a file in order, without empty ones.

    Raises:
        ValueError: it is not YAML, or a document is not a map. The message names file, line or document.
    """
    try:
        loaded = list(yaml.load_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(
            f"{file}{line}: {error.problem}; expected YAML documents with --- between them"
        ) from error
    except yaml.YAMLError as error:
        raise ValueError(
            f"{file}: is not valid YAML; expected YAML documents with --- between them"
        ) from error
    for number, value in enumerate(loaded, 1):
        if isinstance(value, str) and value in _NOTHING:
            continue
        place = f"{file}, document {number}"
        contents = as_map(value)
        if contents is None:
            raise ValueError(f"{place}: expected a map with the keys kind, metadata and spec")
        yield Document(file=file, place=place, contents=_given(contents))


def _given(contents: Mapping[str, Any]) -> dict[str, Any]:
    found = {
        str(key): _given(inner) if (inner := as_map(value)) is not None else value
        for key, value in contents.items()
    }
    return {key: value for key, value in found.items() if not (isinstance(value, str) and value in _NOTHING)}
