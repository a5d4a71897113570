"""Which values of the configuration are secrets, and whether something shows one of them. Pure.

Pulumi tells a program which sections hold secrets, and gives it everything in plain text. Which values of a
section are the secrets is in the stack file alone, where each of them is a map with the one key `secure`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias, cast

from mesh.mappings import as_map

Path: TypeAlias = tuple[str | int, ...]
"""Keys of maps and indexes of lists, from a section on, such as `("exposure", "hosts", 0)`."""

_MASK = "[secret]"
_SHORTEST = 4
"""What is shorter than that, such as a number of replicas, is a part of too much to be looked for."""
_BARE_KEY = re.compile(r"[\w-]+")


def dotted(path: Path) -> str:
    """A path as `pulumi config set --path` takes it, such as `a.list[0]["key.with.dots"]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _BARE_KEY.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What the user has marked as secret.

    `paths` lead to secret values, or to what holds nothing but secret values. `texts` are these values,
    without short ones, and those that the stack file has somewhere in plain text as well.
    """

    paths: frozenset[Path] = frozenset()
    texts: frozenset[str] = field(default=frozenset(), repr=False)

    def below(self, *path: str) -> frozenset[Path]:
        """The paths of secrets below `path`, from there on; an empty one where `path` is one itself."""
        size = len(path)
        return frozenset(p[size:] for p in self.paths if path[: len(p)] == p[:size])

    def shown_in(self, value: object) -> bool:
        """Whether a text, a number, or something in a map or a list, has one of the texts in it."""
        if not self.texts or isinstance(value, bool):
            return False
        if isinstance(value, str | int | float):
            return self._pattern.search(str(value)) is not None
        if (inner := as_map(value)) is not None:
            return any(self.shown_in(item) for pair in inner.items() for item in pair)
        return isinstance(value, Sequence) and any(self.shown_in(v) for v in cast(Sequence[object], value))

    def masked(self, text: str) -> str:
        """The text without any of them."""
        return self._pattern.sub(_MASK, text) if self.texts else text

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Any of the texts, the longest first; as a part of a longer word it is not the same text."""
        longest_first = sorted(self.texts, key=lambda text: (-len(text), text))
        return re.compile(rf"(?<!\w)(?:{'|'.join(re.escape(text) for text in longest_first)})(?!\w)")


def find(values: Mapping[str, object], sections: Set[str], written: Mapping[str, object]) -> Secrets:
    """The secrets among the values of a stack.

    Where the stack file does not account for what Pulumi gives (there is none, or values come from
    elsewhere too), all that is in a section with secrets counts as secret.

    Args:
        values: the sections by name, in plain text.
        sections: names of the sections that hold secrets, from Pulumi.
        written: the sections as they stand in the stack file.
    """
    paths: set[Path] = set()
    for section in sections & values.keys():
        found = _secure(written.get(section), values[section], (section,))
        paths |= found or {(section,)}
    secret = {text for path, text in _texts(values) if _is_below(path, paths)}
    public = {text for path, text in _texts(values) if not _is_below(path, paths)}
    keys = {part for path, _ in leaves(values) for part in path if isinstance(part, str)}
    texts = (text for text in secret - public - keys if len(text) >= _SHORTEST)
    return Secrets(paths=frozenset(paths), texts=frozenset(texts))


def plain(values: Mapping[str, object], secrets: Secrets) -> Iterator[tuple[Path, object]]:
    """Every value that is neither secret nor a map or a list, with its path."""
    return ((path, value) for path, value in leaves(values) if not _is_below(path, secrets.paths))


def _secure(written: object, value: object, path: Path) -> set[Path] | None:
    """The paths of secrets, or None where what is written is not what this value comes from."""
    here, there = as_map(written), as_map(value)
    if here is not None and set(here) == {"secure"} and isinstance(here["secure"], str):
        return {path}
    if here is not None or there is not None:
        if here is None or there is None or here.keys() != there.keys():
            return None
        return _joined(_secure(here[key], there[key], (*path, key)) for key in here)
    if isinstance(written, list) and isinstance(value, list):
        lists = cast(list[object], written), cast(list[object], value)
        if len(lists[0]) != len(lists[1]):
            return None
        return _joined(_secure(w, v, (*path, n)) for n, (w, v) in enumerate(zip(*lists, strict=True)))
    same_kind = isinstance(written, list) == isinstance(value, list)
    both_texts = isinstance(written, str) and isinstance(value, str)
    return set() if same_kind and (written == value or not both_texts) else None


def _joined(found: Iterator[set[Path] | None]) -> set[Path] | None:
    paths: set[Path] = set()
    for each in found:
        if each is None:
            return None
        paths |= each
    return paths


def _is_below(path: Path, marked: Set[Path]) -> bool:
    return any(path[:size] in marked for size in range(len(path) + 1))


def _texts(values: object) -> Iterator[tuple[Path, str]]:
    for path, value in leaves(values):
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            yield path, str(value).strip()


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every value in a document that is neither a map nor a list, with its path; empty ones are left out."""
    if (inner := as_map(value)) is not None:
        for key, item in inner.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast(list[object], value)):
            yield from leaves(item, (*path, index))
    else:
        yield path, value
