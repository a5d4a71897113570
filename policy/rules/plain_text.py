"""No credential is in the state in plain text."""

from collections.abc import Iterator, Mapping
from typing import Any

from mesh.config.secrets import dotted, leaves
from mesh.rules.credentials import credential
from policy.resources import Resource, unencrypted


def no_plain_secret(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each input that is a credential by its looks or its key, and no secret."""
    plain = dict(leaves(unencrypted(resource.properties)))
    for path in plain:
        if kind := credential(path, plain):
            yield (
                f"{dotted(path)} has {kind} in plain text; expected a secret: in the program "
                "`pulumi.Output.secret`, in the configuration `pulumi config set --secret`"
            )
