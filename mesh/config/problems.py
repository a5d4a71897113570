"""What is wrong with a configuration: where, what was expected, and an example."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a map",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "string_type": "a text",
    "string_too_short": "a text that is not empty",
    "too_short": "at least one entry",
    "tuple_type": "a list",
}
_LONGEST_ECHO = 60


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake: `path` in the stack file such as `clusters.east.network`, and the message for it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ConfigurationError(Exception):
    """The configuration cannot be used; `problems` has every reason, in the order of the stack file."""

    def __init__(self, problems: Iterable[Problem], where: str = "the stack's configuration") -> None:
        self.problems = tuple(problems)
        super().__init__(summary(self.problems, where))


def summary(problems: Sequence[Problem], where: str) -> str:
    """A heading with the number of problems and where they are, and a line for each."""
    count = len(problems)
    heading = f"{count} problem{'s' if count > 1 else ''} in {where}; nothing was changed."
    return "\n".join([heading, *(f"  {problem}" for problem in problems)])


def explain(error: ValidationError, model: type[BaseModel], path: str, *, secret: bool) -> Iterator[Problem]:
    """A problem for each error of `model`; values are repeated only where `secret` is false.

    `path` is where the map given to `model` stands, such as `clusters.east`.
    """
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and any(_is_below(other, detail) for other in details):
            continue  # entries that are wrong count as missing: the list is not too short by itself
        location = [str(part) for part in detail["loc"] if part != "[key]"]
        yield Problem(
            path=".".join([path, *location]), message=_message(detail, model, location, secret=secret)
        )


def _is_below(inner: ErrorDetails, outer: ErrorDetails) -> bool:
    place = outer["loc"]
    return len(inner["loc"]) > len(place) and inner["loc"][: len(place)] == place


def _message(detail: ErrorDetails, model: type[BaseModel], location: list[str], *, secret: bool) -> str:
    kind = detail["type"]
    owner, field = _find(model, location)
    if kind == "extra_forbidden":
        known = sorted(item.alias or name for name, item in owner.model_fields.items())
        close = difflib.get_close_matches(location[-1], known, n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        return (
            f"unknown key{meant} Expected one of: {', '.join(known)}"
            if meant
            else (f"unknown key; expected one of: {', '.join(known)}")
        )
    example = f", for example {field.examples[0]}" if field and field.examples else ""
    if kind == "missing":
        return f"is required{example}"
    given = "" if secret else _echo(detail.get("input"))
    if kind == "value_error":
        return f"{given}{detail['ctx']['error']}" if "ctx" in detail else f"{given}{detail['msg']}"
    if kind == "enum":
        return f"{given}expected one of {detail.get('ctx', {}).get('expected', '')}{example}"
    if kind == "greater_than_equal":
        return f"{given}expected a number of at least {detail.get('ctx', {}).get('ge')}{example}"
    if kind == "less_than_equal":
        return f"{given}expected a number of at most {detail.get('ctx', {}).get('le')}{example}"
    return f"{given}expected {_EXPECTED.get(kind, detail['msg'])}{example}"


def _find(model: type[BaseModel], location: list[str]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The model and the field that a location such as `["trust", "root", "key"]` leads to."""
    field: FieldInfo | None = None
    for part in location:
        if field is not None and _element(field.annotation) is model:
            field = None  # the number of an entry in a list of sections
            continue
        by_alias = {item.alias or name: item for name, item in model.model_fields.items()}
        found = by_alias.get(part)
        if found is None:
            return model, field
        field = found
        inner = _section(field.annotation) or _element(field.annotation)
        if inner is None:
            return model, field
        model = inner
    return model, field


def _section(annotation: Any) -> type[BaseModel] | None:
    candidates = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def _element(annotation: Any) -> type[BaseModel] | None:
    """The model of the entries of a list."""
    return _section(get_args(annotation)[0]) if get_origin(annotation) is tuple else None


def _echo(value: object) -> str:
    """The value as a prefix of a message, unless it could hold a credential or is no plain value."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value)
    if len(text) > _LONGEST_ECHO or "\n" in text or "@" in text:
        return ""
    return f"{text!r} is invalid: " if isinstance(value, str) else f"{text} is invalid: "
