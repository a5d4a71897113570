"""Resources as the engine shows them to a policy. Pure.

What marks a secret and an unknown value on the wire: `sdk/go/common/resource/plugin/rpc.go` in pulumi/pulumi.
"""

from dataclasses import dataclass, field
from typing import Any, cast

from mesh.mappings import Json, as_map

PRIVATE_KEY = "tls:index/privateKey:PrivateKey"
RELEASE = "kubernetes:helm.sh/v3:Release"
NAMESPACES = ("kubernetes:core/v1:Namespace", "kubernetes:core/v1:NamespacePatch")
SECRET = "kubernetes:core/v1:Secret"  # noqa: S105 - a type
SERVICE = "kubernetes:core/v1:Service"
GATEWAY = "kubernetes:networking.istio.io/v1:Gateway"

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of one
_UNKNOWN = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # a boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # a number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # a string
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # a list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # an asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # an archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # a map
    }
)


class Unknown:
    """In place of a value that only the update will give."""


@dataclass(frozen=True)
class Secret:
    """A value that is encrypted in the state."""

    value: Any = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource: its inputs where it is judged by itself, its outputs where the stack is.

    `provider` is the provider's logical name, which in a mesh is the cluster's; empty where there is none.
    """

    urn: str
    type: str
    properties: Json = field(repr=False)
    provider: str = ""
    protected: bool = False

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.rpartition("::")[2]

    @property
    def parents(self) -> tuple[str, ...]:
        """The types of the components around it, the outermost first."""
        return tuple(self.urn.split("::")[2].split("$")[:-1])

    def get(self, *path: str) -> Any:
        """The value at a path of keys, in plain; None where it is missing or not known yet."""
        found: Any = self.properties
        for key in path:
            found = (as_map(revealed(found)) or {}).get(key)
        plain = revealed(found)
        return None if isinstance(plain, Unknown) else plain


@dataclass(frozen=True, kw_only=True)
class Violation:
    """What is wrong with a resource, in one sentence; without a URN, with the stack."""

    message: str
    urn: str = ""


def decoded(value: Any) -> Any:
    """A value from the wire, with `Secret` and `Unknown` where it has such."""
    if isinstance(value, str):
        return Unknown() if value in _UNKNOWN else value
    if isinstance(value, list):
        return [decoded(item) for item in cast(list[Any], value)]
    if (inner := as_map(value)) is None:
        return value
    if inner.get(_SIGNATURE) == _SECRET:
        return Secret(decoded(inner.get("value")))
    return {key: decoded(item) for key, item in inner.items()}


def revealed(value: Any) -> Any:
    """The value without the marks of secrets in it."""
    if isinstance(value, Secret):
        return revealed(value.value)
    if isinstance(value, list):
        return [revealed(item) for item in cast(list[Any], value)]
    if (inner := as_map(value)) is not None:
        return {key: revealed(item) for key, item in inner.items()}
    return value


def unencrypted(value: Any) -> Any:
    """The value without the secrets in it, and without what is not known yet."""
    if isinstance(value, list):
        return [unencrypted(item) for item in cast(list[Any], value)]
    if (inner := as_map(value)) is not None:
        return {key: unencrypted(item) for key, item in inner.items()}
    return None if isinstance(value, Secret | Unknown) else value
