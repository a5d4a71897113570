"""Whether the stack's secrets are encrypted with something that is one."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mesh.config.problems import Problem

_TEXT = "PULUMI_CONFIG_PASSPHRASE"
_FILE = "PULUMI_CONFIG_PASSPHRASE_FILE"


def problems(
    stack: Mapping[str, Any],
    environment: Mapping[str, str] = os.environ,
    read: Callable[[str], str] = lambda path: Path(path).read_text(encoding="utf-8"),
) -> Iterator[Problem]:
    """A problem where the provider is a passphrase, and the passphrase is empty.

    Pulumi has no stack without a secrets provider, but takes an empty passphrase, which anyone can guess.
    A passphrase in the keychain or typed in is not seen here, and is none of its business.
    """
    provider = str(stack.get("secretsprovider") or ("passphrase" if "encryptionsalt" in stack else ""))
    if provider != "passphrase":
        return
    if _TEXT in environment:
        passphrase, source = environment[_TEXT], _TEXT
    elif path := environment.get(_FILE):
        passphrase, source = read(path), f"the file that {_FILE} names"
    else:
        return
    if not passphrase.strip():
        yield Problem(
            path="secretsprovider",
            message=f"{source} is empty, so the CA keys in the state would be as good as plain text; "
            "expected a passphrase (`pulumi stack change-secrets-provider passphrase`) or a key service, for "
            "example `pulumi stack change-secrets-provider awskms://alias/mesh`",
        )
