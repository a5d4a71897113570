"""Credentials in plain text in the stack file, and secrets that cannot be kept as such."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.config.secrets import dotted
from mesh.rules.credentials import credential

_PLAIN = "docs/troubleshooting.md#a-credential-is-in-the-stack-file-in-plain-text"
_NAME = "docs/troubleshooting.md#a-secret-is-a-part-of-a-name"
_KEYS = (("privateKey",), ("clientKey",))
_PARTS_OF_NAMES = ("generation", "tokenGenerations", "stack")


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each credential that Pulumi does not encrypt, and each secret that names something."""
    for path, value in config.plain.items():
        kind = "a private key" if path[-1:] in _KEYS and value else credential(path, config.plain)
        if kind is not None:
            place = dotted(path)
            yield Problem(
                path=place,
                message=f"is in the stack file in plain text, with {kind} in it; expected a secret: set it "
                f"with `pulumi config set --secret --path '{place}'`: {_PLAIN}",
            )
    for path in sorted(config.secrets.paths, key=dotted):
        if any(part in _PARTS_OF_NAMES for part in path[-2:]) and "values" not in path:
            place = dotted(path)
            yield Problem(
                path=place,
                message="is a secret, and a part of the names of resources, which Pulumi shows; expected it "
                f"in plain text: set it with `pulumi config set --path '{place}'`: {_NAME}",
            )
