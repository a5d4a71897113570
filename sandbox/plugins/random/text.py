"""Random strings with the make-up that pulumi-random's strings and passwords have."""

import secrets
import string
from collections.abc import Mapping
from typing import Any

from sandbox.plugins.protocol import ProviderError

_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


def random_text(inputs: Mapping[str, Any]) -> str:
    """Draw `length` characters of the kinds allowed, with at least `min…` of each kind."""
    kinds = {
        "Upper": string.ascii_uppercase,
        "Lower": string.ascii_lowercase,
        "Numeric": string.digits,
        "Special": inputs.get("overrideSpecial") or _SPECIAL,
    }
    allowed = "".join(characters for kind, characters in kinds.items() if inputs[kind.lower()])
    if not allowed:
        raise ProviderError("one of upper, lower, numeric and special must be true")
    drawn = [
        secrets.choice(characters) for kind, characters in kinds.items() for _ in range(inputs[f"min{kind}"])
    ]
    if len(drawn) > inputs["length"]:
        raise ProviderError(
            f"length is {inputs['length']}, less than the sum of the least numbers, {len(drawn)}"
        )
    drawn += [secrets.choice(allowed) for _ in range(inputs["length"] - len(drawn))]
    secrets.SystemRandom().shuffle(drawn)
    return "".join(drawn)
