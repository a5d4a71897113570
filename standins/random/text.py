"""Random strings with the make-up that pulumi-random's strings and passwords have."""

import secrets
import string
from collections.abc import Mapping
from typing import Any

from standins.protocol import Failure

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


def faults(inputs: Mapping[str, Any]) -> list[Failure]:
    """Find what makes such a text impossible."""
    if not any(inputs[kind.lower()] for kind in _kinds(inputs)):
        return [Failure(property="numeric", reason="one of upper, lower, numeric and special must be true")]
    least = sum(inputs[f"min{kind}"] for kind in _kinds(inputs))
    if inputs["length"] < least:
        reason = f"length must be at least the sum of minUpper, minLower, minNumeric and minSpecial, {least}"
        return [Failure(property="length", reason=reason)]
    return []


def random_text(inputs: Mapping[str, Any]) -> str:
    """Draw `length` characters of the kinds allowed, with at least `min…` of each kind."""
    kinds = _kinds(inputs)
    allowed = "".join(characters for kind, characters in kinds.items() if inputs[kind.lower()])
    drawn = [secrets.choice(text) for kind, text in kinds.items() for _ in range(inputs[f"min{kind}"])]
    drawn += [secrets.choice(allowed) for _ in range(inputs["length"] - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)


def _kinds(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Give each kind of character, as its name is in `min…`."""
    return {
        "Upper": string.ascii_uppercase,
        "Lower": string.ascii_lowercase,
        "Numeric": string.digits,
        "Special": inputs.get("overrideSpecial") or _SPECIAL,
    }
