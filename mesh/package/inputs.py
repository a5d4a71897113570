"""The arguments of a mesh, as far as they are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any, cast

import pulumi
from pulumi.output import Unknown

from mesh.config.secrets import Path
from mesh.mappings import as_map
from mesh.pulumi_workaround import settled


@dataclass(frozen=True, kw_only=True)
class Known:
    """Arguments: plain values, and the paths of secret and unknown ones. Unknown values are None."""

    values: Mapping[str, Any] = field(repr=False)
    secret: frozenset[Path]
    unknown: frozenset[Path]


def known(arguments: Mapping[str, Any]) -> Known:
    """Wait for all outputs among the arguments, and take their values.

    In a preview, outputs of resources that do not exist yet are unknown. An update waits for them.
    """
    reading = _Reading()
    values = settled(reading.value(arguments, ()))
    return Known(values=values, secret=frozenset(reading.secret), unknown=frozenset(reading.unknown))


def at(arguments: object, *path: str) -> pulumi.Output[Any]:
    """The value at a path in arguments, with only the resources that it comes from.

    So if one program creates two clusters, neither waits for the other.
    """
    value: Any = arguments
    for key in path:
        if isinstance(value, pulumi.Output):
            value = cast(pulumi.Output[Any], value).apply(lambda inner, key=key: inner[key])
        else:
            value = value[key]
    return pulumi.Output.from_input(value)


class _Reading:
    def __init__(self) -> None:
        self.secret: set[Path] = set()
        self.unknown: set[Path] = set()

    async def value(self, value: Any, path: Path) -> Any:
        if isinstance(value, pulumi.Output):
            return await self._output(cast(pulumi.Output[Any], value), path)
        if isawaitable(value):
            return await self.value(await value, path)
        if isinstance(value, Unknown):
            self.unknown.add(path)
            return None
        if (inner := as_map(value)) is not None:
            # Maps lose their order on the wire, and every run must declare the same.
            read = {key: await self.value(inner[key], (*path, key)) for key in sorted(inner)}
            # An SDK sends None for an argument that is left out.
            return {k: v for k, v in read.items() if v is not None or (*path, k) in self.unknown}
        if isinstance(value, Sequence) and not isinstance(value, str):
            items = cast(Sequence[Any], value)
            return [await self.value(item, (*path, index)) for index, item in enumerate(items)]
        # On the wire, every number is a float.
        return int(value) if isinstance(value, float) and value.is_integer() else value

    async def _output(self, output: pulumi.Output[Any], path: Path) -> Any:
        if await output.is_secret():
            self.secret.add(path)
        inner: Any = await output.future(with_unknowns=True)
        if inner is None and not await output.is_known():
            self.unknown.add(path)
            return None
        return await self.value(inner, path)
