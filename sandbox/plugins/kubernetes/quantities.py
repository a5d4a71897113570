"""Kubernetes' quantities, such as `500m` or `1Gi`, which the server spells in its own way."""

import re
from decimal import Decimal
from typing import Any

# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal("1e3"),
    "M": Decimal("1e6"),
    "G": Decimal("1e9"),
    "T": Decimal("1e12"),
    "P": Decimal("1e15"),
    "E": Decimal("1e18"),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_PATTERN = re.compile(r"([+-]?[0-9.]+)(?:([eE][+-]?[0-9]+)|([numkKMGTPE]i?))?")
_FIELDS = frozenset({"limits", "requests", "capacity", "hard", "sizeLimit", "divisor", "storage"})


def same_quantity(left: Any, right: Any, path: tuple[str, ...]) -> bool:
    """Whether both are the same quantity, at a place in an object where quantities are."""
    same = left == right and type(left) is type(right)
    if same or _FIELDS.isdisjoint(path):
        return same
    first, second = _parse(left), _parse(right)
    return first is not None and first == second


def _parse(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    match = _PATTERN.fullmatch(str(value))
    if match is None:
        return None
    number, exponent, suffix = match.groups()
    try:
        return Decimal(number + (exponent or "")) * _SUFFIXES[suffix or ""]
    except (ArithmeticError, KeyError):
        return None
