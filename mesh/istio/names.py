"""Names of what the reader has in a cluster."""

import re

ACCOUNT = "istio-reader-service-account"  # made by the chart `base`

_TOKEN = re.compile(r"istio-reader-token-g(\d+)")


def token_name(generation: int) -> str:
    """Name of the Secret with the reader's token of that generation."""
    return f"istio-reader-token-g{generation}"


def token_generation(name: str) -> int | None:
    """The generation of the token in the Secret of that name; None where it is not the reader's."""
    found = _TOKEN.fullmatch(name)
    return int(found[1]) if found else None
